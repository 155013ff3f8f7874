# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The cross response without the rest of TSKD; its formula is tested with TSKD."""
import numpy as np
import paddle
import paddle.distributed as dist
import pytest
from compat_probes import GFL, build, gfl_targets, images
from scipy.special import log_softmax
from slim.test_distill_model import train_steps
from tiny import batch, moved, student_yaml, values

from ppdet_ext.slim import CrossKDLoss
from ppdet_ext.slim.cross_response import build_cross_response
from ppdet_ext.slim.distill_model import DistillModel

CUT = {'reused_teacher_head_idx': 1}
WIDE_HEAD = {'RetinaHead': {'conv_feat': {'name': 'RetinaFeat', 'feat_in': 16, 'feat_out': 64,
                                          'num_convs': 1, 'norm_type': 'gn'}}}


def distill_names(losses):
    return {name for name in losses if name.startswith('distill_')}


def test_alone_it_has_the_two_values_of_its_paper_and_no_feature_loss(build_crosskd):
    model = build_crosskd()
    assert list(model.distill_losses.keys()) == ['crosskd']
    losses = model(batch())
    assert distill_names(losses) == {'distill_crosskd_cls', 'distill_crosskd_box'}
    (losses['distill_crosskd_cls'] + losses['distill_crosskd_box']).backward()
    touched = {name.split('.')[0] for name, parameter in model.student_model.named_parameters()
               if parameter.grad is not None and np.abs(parameter.grad.numpy()).max() > 0}
    assert touched == {'backbone', 'neck', 'head'}
    assert all(p.grad is None for p in model.teacher_model.parameters())


@pytest.fixture
def build_crosskd(build):
    """Builds a CrossKD model; keyword arguments are options of its loss."""

    def build_model(student=None, **options):
        model = build(student, slim_method='CrossKD', distill_losses=[{**CUT, **options}])
        model.train()
        return model

    return build_model


def test_is_the_cross_response_of_tskd(build, build_crosskd):
    off = {f'alpha_{term}': 0 for term in ('fg', 'bg', 'ins_rea', 'pixel_rea', 'se')}
    tskd = build(slim_method='TSKD', distill_losses=[off], cross_response=CUT)
    tskd.train()
    crosskd = build_crosskd(weight=2.0)
    crosskd.student_model.set_state_dict(tskd.student_model.state_dict())
    own, other = crosskd(batch()), tskd(batch())
    for part in ('cls', 'box'):
        np.testing.assert_allclose(float(own[f'distill_crosskd_{part}']),
                                   2 * float(other[f'distill_tskd_{part}']), rtol=1e-6)


def test_is_an_entry_beside_others(build):
    model = build(distill_losses=[{'levels': [0]}, {'loss': 'CrossKDLoss', **CUT}])
    losses = train_steps(model, steps=1)
    assert distill_names(losses) == {'distill_mgd_p3', 'distill_crosskd_cls', 'distill_crosskd_box'}


def test_its_convolutions_train_and_the_teacher_does_not(tmp_path, build_crosskd):
    model = build_crosskd(student_yaml(tmp_path, **WIDE_HEAD), align=True)
    aligns, teacher = values(model.distill_losses), values(model.teacher_model)
    train_steps(model)
    assert len(aligns) == 2 and moved(aligns, model.distill_losses) == set(aligns)
    assert moved(teacher, model.teacher_model) == set()


def test_stands_beside_that_of_tskd_and_another_cut(tmp_path, build):
    model = build(student_yaml(tmp_path, **WIDE_HEAD), slim_method='TSKD',
                  cross_response={**CUT, 'align': True}, distill_losses=[
                      {}, {'loss': 'CrossKDLoss', 'align': True, **CUT},
                      {'loss': 'CrossKDLoss', 'name': 'at_neck', 'align': True,
                       'reused_teacher_head_idx': 0}])
    before = values(model.distill_losses)
    losses = train_steps(model, steps=1)
    responses = {f'distill_{name}_{part}' for name in ('tskd', 'crosskd', 'at_neck')
                 for part in ('cls', 'box')}
    assert responses <= distill_names(losses)
    layers = {'cross_response', 'crosskd', 'at_neck'}
    assert layers <= set(model.distill_losses.keys())
    assert layers - {name.split('.')[0] for name in moved(before, model.distill_losses)} == set()


@pytest.mark.parametrize('options', [{'boxes': 0}, {'images': 1}, {'images': 1, 'boxes': 0}])
def test_unusual_batches_give_the_same_finite_names(build_crosskd, options):
    losses = build_crosskd()(batch(**options))
    assert distill_names(losses) == {'distill_crosskd_cls', 'distill_crosskd_box'}
    assert all(np.isfinite(float(value)) for value in losses.values())


@pytest.mark.parametrize('options, message', [
    ({'aling': True}, r'CrossKDLoss: unknown key "aling" \(did you mean "align"\?\)'),
    ({'feature': 'neck'}, 'CrossKDLoss: unknown key "feature"'),
    ({'alpha_cls': -1}, 'CrossKDLoss.alpha_cls must be a number of at least 0, got -1'),
    ({'weight': 'much'}, "CrossKDLoss.weight must be a number of at least 0, got 'much'"),
    ({'reused_teacher_head_idx': 2}, 'CrossKDLoss: reused_teacher_head_idx counts .*to 1 here'),
    ({'alpha_ld': 1.0}, 'CrossKDLoss compares the distributions that a GFLHead predicts'),
])
def test_wrong_options_are_found_when_building(build_crosskd, options, message):
    with pytest.raises(ValueError, match=message):
        build_crosskd(**options)


def test_another_width_needs_consent(tmp_path, build_crosskd):
    with pytest.raises(ValueError, match='CrossKDLoss: the student\'s head has 64 channels, the'):
        build_crosskd(student_yaml(tmp_path, **WIDE_HEAD))


@pytest.fixture
def gfl():
    """Student and teacher, and a batch with their reader's targets."""
    paddle.seed(0)
    content = {**GFL, 'GFLHead': {**GFL['GFLHead'], 'loss_class': {
        'name': 'QualityFocalLoss', 'use_sigmoid': True}}}
    student, teacher = build(content), build(content)
    # As it starts, it predicts the same box everywhere.
    predictor = teacher.head.gfl_head_reg.weight
    predictor.set_value(paddle.randn(predictor.shape))
    return student, teacher, {**images(), **gfl_targets()}


def gfl_values(term, inputs, student, teacher):
    """tuple: the model, and the raw values of its step."""
    model = DistillModel(student, teacher, [term])
    model.train()
    model.teacher_forward(inputs)
    with model.student_taps:
        student(dict(inputs))
    return model, model.raw_values(inputs)


def test_of_gfl_it_compares_the_distributions_too(gfl):
    *pair, inputs = gfl
    term = CrossKDLoss(*pair, alpha_ld=3.0)
    model, values = gfl_values(term, inputs, *pair)
    features = term._aligned_features(model.student_taps, model.teacher_taps)
    expected, total_quality = {}, 0.0
    for level, name in enumerate(('p3', 'p4', 'p5')):
        answer = term.adapter.respond(*(maps[level] for maps in features), term.index)[1]
        scores, boxes = (model.teacher_taps[f'head.{layer}'][level]
                         for layer in ('gfl_head_cls', 'gfl_head_reg'))
        scale = pair[1].head.scales_regs[level]
        log_s, log_t = (log_softmax(scale(m).transpose([0, 2, 3, 1]).reshape([-1, 4, 17]).numpy(),
                                    axis=2) for m in (answer, boxes))
        divergence = (np.exp(log_t) * (log_t - log_s)).sum(axis=2).mean(axis=1)
        quality = 1 / (1 + np.exp(-scores.transpose([0, 2, 3, 1]).reshape([-1, 2]).numpy().max(1)))
        expected[name] = (divergence * quality).sum()
        total_quality += quality.sum()
    for name, divergence in expected.items():
        np.testing.assert_allclose(float(values[f'crosskd_ld_{name}']),
                                   divergence / total_quality, rtol=1e-3, atol=1e-7)
    assert term.weights['crosskd_ld_p3'] == 3.0
    assert distill_names(model(inputs)) == {f'distill_crosskd_{part}'
                                            for part in ('cls', 'box', 'ld')}


def test_boxes_of_gfl_are_divided_by_their_weights_and_in_tskd_by_the_objects(gfl):
    *pair, inputs = gfl
    model, values = gfl_values(CrossKDLoss(*pair), inputs, *pair)
    _, in_tskd = gfl_values(build_cross_response(*pair, {}, 'crosskd'), inputs, *pair)
    weight = sum(float(paddle.nn.functional.sigmoid(scores.max(axis=1)).sum())
                 for scores in model.teacher_taps['head.gfl_head_cls'])
    objects = float(inputs['pos_num'].sum())
    for level in ('p3', 'p4', 'p5'):
        np.testing.assert_allclose(float(values[f'crosskd_box_{level}']) * weight,
                                   float(in_tskd[f'crosskd_box_{level}']) * objects, rtol=1e-5)
        assert float(values[f'crosskd_cls_{level}']) == float(in_tskd[f'crosskd_cls_{level}'])


@pytest.mark.parametrize('objects', [0.0, 3.0])
def test_what_it_divides_by_is_the_mean_over_processes(gfl, monkeypatch, objects):
    *pair, inputs = gfl
    inputs['pos_num'] = paddle.to_tensor([objects, 0.0])
    model, alone = gfl_values(CrossKDLoss(*pair), inputs, *pair)
    weight = sum(float(paddle.nn.functional.sigmoid(scores.max(axis=1)).sum())
                 for scores in model.teacher_taps['head.gfl_head_cls'])
    others = 100.0  # what the other process has of each
    monkeypatch.setattr(dist, 'get_world_size', lambda: 2)
    monkeypatch.setattr(dist, 'all_reduce', lambda value: value.set_value(value + others))
    _, of_two = gfl_values(CrossKDLoss(*pair), inputs, *pair)
    for part, own in (('cls', objects), ('box', weight)):
        for level in ('p3', 'p4', 'p5'):
            np.testing.assert_allclose(
                float(of_two[f'crosskd_{part}_{level}']) * (own + others) / 2,
                float(alone[f'crosskd_{part}_{level}']) * max(own, 1.0), rtol=1e-5)
