# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Localization distillation on two GFL detectors that are small enough for unit tests."""
import os

import numpy as np
import paddle
import pytest
from compat_probes import GFL, RETINANET, build, gfl_targets, images
from ppdet.core.workspace import load_config
from scipy.special import log_softmax
from tiny import CONFIGS

from ppdet_ext.slim import LDLoss
from ppdet_ext.slim.batch import Batch
from ppdet_ext.slim.distill_model import DistillModel

LEVELS = ('p3', 'p4', 'p5')
BINS = 17
# With sigmoid scores, as every shipped GFL has them.
SIGMOID = {**GFL, 'GFLHead': {**GFL['GFLHead'], 'loss_class': {
    'name': 'QualityFocalLoss', 'use_sigmoid': True}}}


def detector(seed, content=SIGMOID):
    paddle.seed(seed)
    model = build(content)
    for parameter in model.head.parameters():  # predictors start so small that all are alike
        if parameter.ndim > 1:
            parameter.set_value(paddle.randn(parameter.shape) / np.sqrt(parameter[0].size))
    return model


def distilled(**options):
    student, teacher = detector(1), detector(2)
    return DistillModel(student, teacher, [LDLoss(student, teacher, **options)])


def batch(**targets):
    return {**images(), **gfl_targets(compute_vlr_region=True), **targets}


def raw_values(model, inputs):
    model.teacher_forward(inputs)
    model.train()
    with model.student_taps:
        model.student_model(dict(inputs))
    return model.raw_values(inputs)


def rows(head, taps, level):
    """Logits of the classes [R, K] and of the sides [R, 4, bins], by plain reshaping."""
    scores, boxes = (taps[f'head.{name}'][level] for name in ('gfl_head_cls', 'gfl_head_reg'))
    boxes = head.scales_regs[level](boxes).transpose([0, 2, 3, 1]).reshape([-1, 4, BINS])
    return scores.transpose([0, 2, 3, 1]).reshape([-1, 2]).numpy(), boxes.numpy()


def divergence(student, teacher, tau):
    """tau^2 times the mean over the last axis of p log(p / q)."""
    log_s, log_t = log_softmax(student / tau, axis=-1), log_softmax(teacher / tau, axis=-1)
    return tau**2 * (np.exp(log_t) * (log_t - log_s)).mean(axis=-1)


def cells_of(target, level):
    sizes = [64, 16, 4]
    start = sum(sizes[:level])
    return target.numpy()[:, start:start + sizes[level]].ravel()


def test_equals_the_formula_with_plain_numbers():
    model, inputs = distilled(tau=10.0, tau_cls=2.0), batch()
    values = raw_values(model, inputs)
    assert set(values) == {f'ld_{part}_{level}' for part in ('main', 'vlr', 'cls')
                           for level in LEVELS}
    for level, name in enumerate(LEVELS):
        (classes_s, sides_s), (classes_t, sides_t) = (
            rows(detector.head, taps, level) for detector, taps in (
                (model.student_model, model.student_taps),
                (model.teacher_model, model.teacher_taps)))
        positive = cells_of(inputs['labels'], level) < 2
        region = cells_of(inputs['vlr_regions'], level)
        sides = divergence(sides_s, sides_t, 10.0)
        score = 1.0 / (1.0 + np.exp(-classes_s.max(axis=1)))
        # The released code divides a sum over four sides by 4 and by 16; here by the images too. It
        # takes the mean over the classes, here it is their sum.
        expected = {'main': (sides * (score * positive)[:, None]).sum() / 4 / 2,
                    'vlr': (sides * region[:, None]).sum() / 16 / 2,
                    'cls': (2 * divergence(classes_s, classes_t, 2.0)[positive].sum() /
                            max(positive.sum(), 1))}
        for part, value in expected.items():
            np.testing.assert_allclose(float(values[f'ld_{part}_{name}']), value, rtol=1e-4,
                                       atol=1e-7, err_msg=f'{part} {name}')
    assert (inputs['labels'].numpy() < 2).any() and (inputs['vlr_regions'].numpy() > 0).any()
    assert all(sum(float(values[f'ld_{part}_{name}']) for name in LEVELS) > 0
               for part in ('main', 'vlr', 'cls'))


def test_two_of_them_need_two_names():
    student, teacher = detector(1), detector(2)
    terms = [LDLoss(student, teacher), LDLoss(student, teacher, name='sharp', tau=1.0)]
    values = raw_values(DistillModel(student, teacher, terms), batch())
    assert float(values['ld_main_p3']) != float(values['sharp_main_p3'])
    assert float(values['ld_cls_p3']) == float(values['sharp_cls_p3'])
    with pytest.raises(ValueError, match='two entries add ld_cls_p3, .*; give one of them another'):
        DistillModel(student, teacher, [LDLoss(student, teacher), LDLoss(student, teacher)])


def test_is_zero_where_student_equals_teacher():
    student, teacher = detector(1), detector(1)
    for layer in student.sublayers():
        if 'BatchNorm' in type(layer).__name__:  # the student's would use the batch's statistics
            layer._use_global_stats = True
    model = DistillModel(student, teacher, [LDLoss(student, teacher)])
    assert all(abs(float(value)) < 1e-6 for value in raw_values(model, batch()).values())


@pytest.mark.parametrize('part', ['main', 'vlr', 'cls'])
def test_every_part_reaches_the_student_and_never_the_teacher(part):
    model = distilled()
    model.train()
    losses = model(batch())
    assert {name for name in losses if name.startswith('distill_')} == {
        'distill_ld_main', 'distill_ld_vlr', 'distill_ld_cls'}
    losses[f'distill_ld_{part}'].backward()
    touched = {name.split('.')[0] for name, parameter in model.student_model.named_parameters()
               if parameter.grad is not None and np.abs(parameter.grad.numpy()).max() > 0}
    assert touched == {'backbone', 'neck', 'head'}
    assert all(p.grad is None for p in model.teacher_model.parameters())


def test_weights_and_names_come_from_the_entry():
    plain, weighted = distilled(), distilled(name='x', weight=2.0, alpha_main=3.0, alpha_cls=0.0)
    first, second = plain(batch()), weighted(batch())
    np.testing.assert_allclose(float(second['distill_x_main']),
                               2 * 3 / 0.5 * float(first['distill_ld_main']), rtol=1e-4)
    assert 'distill_x_cls' not in second


@pytest.mark.parametrize('images_kept', [1, 2])
def test_without_boxes_it_is_zero(images_kept):
    inputs = batch()
    inputs['labels'] = paddle.full_like(inputs['labels'], 2)
    inputs['vlr_regions'] = paddle.zeros_like(inputs['vlr_regions'])
    inputs = {name: value[:images_kept] if isinstance(value, paddle.Tensor) else value
              for name, value in inputs.items()}
    model = distilled()
    model.train()
    losses = model(inputs)
    losses['loss'].backward()
    assert all(float(value) == 0.0 for name, value in losses.items() if 'distill' in name)
    assert np.isfinite(float(losses['loss']))


def test_without_the_region_the_reader_is_left_alone():
    cfg = load_config(os.path.join(CONFIGS, 'gfl', 'gfl_r18_fpn_neu_det.yml'))
    before = list(cfg['TrainReader']['batch_transforms'])
    LDLoss.adjust_reader(cfg, {'alpha_vlr': 0.0})
    assert cfg['TrainReader']['batch_transforms'] == before
    LDLoss.adjust_reader(cfg, {})
    options, = (entry['Gt2GFLTarget'] for entry in cfg['TrainReader']['batch_transforms']
                if 'Gt2GFLTarget' in entry)
    assert options['compute_vlr_region'] is True and options['downsample_ratios'] == [8, 16, 32, 64]
    with pytest.raises(ValueError, match='distill_losses: LDLoss: alpha_vlr needs the operator '
                                         'Gt2GFLTarget in Train'):
        LDLoss.adjust_reader({'TrainReader': {'batch_transforms': [{'PadBatch': {}}]}}, {})


def test_assigned_and_valuable_cells_are_those_of_the_reader():
    model = distilled()
    adapter, inputs = model.terms[0].adapter, batch()
    priors = [paddle.zeros([size, 2]) for size in (64, 16, 4)]
    positives = adapter.positives(Batch(inputs), priors)
    regions = adapter.valuable(Batch(inputs), priors)
    for level in range(3):
        np.testing.assert_array_equal(positives[level].numpy(),
                                      cells_of(inputs['labels'], level) < 2)
        np.testing.assert_array_equal(regions[level].numpy(),
                                      cells_of(inputs['vlr_regions'], level))


@pytest.mark.parametrize('student, teacher, message', [
    (RETINANET, RETINANET,
     'distill_losses: LDLoss compares the distributions .* RetinaHead with none'),
    (SIGMOID, RETINANET, 'LDLoss: the student has a GFLHead, the teacher a RetinaHead; both must'),
    ({**SIGMOID, 'GFLHead': {**SIGMOID['GFLHead'], 'reg_max': 7}}, SIGMOID,
     'a GFLHead with 8 and a GFLHead with 17'),
])
def test_refuses_heads_without_comparable_distributions(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        LDLoss(build(student), build(teacher))
