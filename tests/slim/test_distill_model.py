# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import importlib
import json
import re

import numpy as np
import paddle
import pytest
from paddle import nn
from ppdet.core.workspace import create, load_config
from tiny import batch, moved, slim_yaml, student_yaml, values

from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.slim import MGDDistillModel, terms
from ppdet_ext.slim.distill_model import DistillModel
from ppdet_ext.slim.losses import MGDFeatureLoss
from ppdet_ext.slim.terms import FeatureTerm, Term

LEVELS = ['mgd_p3', 'mgd_p4', 'mgd_p5', 'mgd_p6']


def train_steps(model, steps=2, **batch_options):
    optimizer = paddle.optimizer.SGD(0.05, model.parameters())
    for step in range(steps):
        model.train()
        losses = model(batch(seed=step, **batch_options))
        losses['loss'].backward()
        optimizer.step()
        optimizer.clear_grad()
    return losses


def test_channels_come_from_the_built_models(build):
    model = build()
    assert list(model.distill_losses.keys()) == LEVELS
    for layer in model.distill_losses.values():
        assert (layer.student_channels, layer.teacher_channels) == (16, 24)
        assert layer.align is not None


def test_student_and_losses_train_and_the_teacher_never_changes(build):
    # Nothing erased: P6 is a single cell here, and an erased one teaches its align layer nothing.
    model = build(distill_losses=[{'alpha_mgd': 0.01, 'lambda_mgd': 0.0}])
    student, teacher = values(model.student_model), values(model.teacher_model)
    losses = {name: values(layer) for name, layer in model.distill_losses.items()}
    train_steps(model)
    assert moved(teacher, model.teacher_model) == set()
    assert any(name.endswith('_mean') for name in teacher), 'the teacher has batch norms'
    for name, layer in model.distill_losses.items():
        assert moved(losses[name], layer) == set(losses[name]), name
    assert any(name.startswith('neck.') for name in moved(student, model.student_model))


def test_the_teacher_stays_frozen_against_every_train_call(build):
    model = build()
    teacher = values(model.teacher_model)
    nn.Sequential(model).train()
    model.teacher_model.train()
    train_steps(model, steps=1)
    assert moved(teacher, model.teacher_model) == set()
    assert all(p.stop_gradient and p.grad is None for p in model.teacher_model.parameters())


def test_neither_optimizer_nor_checkpoint_knows_the_teacher(build):
    model = build()
    expected = (len(model.student_model.parameters()) +
                sum(len(layer.parameters()) for layer in model.distill_losses.values()))
    assert len(model.parameters()) == expected
    assert {name.split('.')[0] for name in model.state_dict()} == {'student_model',
                                                                  'distill_losses'}


def test_the_teacher_runs_no_further_than_the_tap(build):
    model = build()
    heads = []
    model.teacher_model.head.register_forward_post_hook(lambda *a: heads.append(a))
    train_steps(model, steps=1)
    assert heads == []


def test_loss_is_the_sum_of_its_named_parts(build):
    losses = train_steps(build(), steps=1)
    parts = [losses['loss_cls'], losses['loss_reg'], *(losses[f'distill_{k}'] for k in LEVELS)]
    np.testing.assert_allclose(float(losses['loss']), sum(float(p) for p in parts), rtol=1e-5)
    assert set(losses) == {'loss', 'loss_cls', 'loss_reg', *(f'distill_{k}' for k in LEVELS)}


@pytest.mark.parametrize('options', [{'boxes': 0}, {'images': 1}, {'images': 1, 'boxes': 0}])
def test_unusual_batches_give_the_same_finite_names(build, options):
    model = build()
    usual = set(train_steps(model, steps=1))
    losses = train_steps(model, steps=1, **options)
    assert set(losses) == usual
    assert all(np.isfinite(float(value)) for value in losses.values())


def test_in_evaluation_it_is_the_student(build):
    model = build()
    model.eval()
    inputs = batch()
    own, through = model.student_model(dict(inputs)), model(dict(inputs))
    assert set(own) == set(through) == {'bbox', 'bbox_num'}
    np.testing.assert_array_equal(own['bbox'].numpy(), through['bbox'].numpy())


def test_the_student_starts_as_it_would_alone(tmp_path, build):
    distilled = values(build().student_model)
    paddle.seed(0)
    alone = create(load_config(student_yaml(tmp_path)).architecture)
    assert moved(distilled, alone) == set()


def test_levels_and_weight_come_from_the_yaml(build):
    paddle.seed(5)
    once = build(distill_losses=[{'levels': [1, 2]}])
    twice = build(distill_losses=[{'levels': [1, 2], 'weight': 2.0}])
    twice.set_state_dict(once.state_dict())
    assert list(once.distill_losses.keys()) == ['mgd_p4', 'mgd_p5']
    results = []
    for model in (once, twice):
        paddle.seed(3)
        results.append(model(batch())['distill_mgd_p4'])
    np.testing.assert_allclose(float(results[1]), 2 * float(results[0]), rtol=1e-5)


def test_any_sublayer_can_be_tapped(build):
    model = build(distill_losses=[{'feature': 'backbone.stages.2', 'name': 'backbone'}])
    assert list(model.distill_losses.keys()) == ['backbone_p4']
    assert 'distill_backbone_p4' in train_steps(model, steps=1)


def test_unequal_strides_need_the_yamls_consent(build):
    wiring = {'feature': {'student': 'backbone.stages.3', 'teacher': 'backbone.stages.2'}}
    with pytest.raises(ValueError, match='has stride 32, teacher "backbone.stages.2" 16; choose '
                       'matching levels, or set "interpolate'):
        build(distill_losses=[wiring])
    model = build(distill_losses=[{**wiring, 'interpolate': 'bilinear'}])
    assert np.isfinite(float(train_steps(model, steps=1)['distill_mgd_p5']))


@pytest.mark.parametrize('entry, message', [
    ({'loss': 'MGDFeaturLoss'}, r'no registered loss "MGDFeaturLoss" \(did you mean "MGDFeatureL'),
    ({'alpha_mdg': 1.0}, r'MGDFeatureLoss: unknown key "alpha_mdg" \(did you mean "alpha_mgd"'),
    ({'student_channels': 256}, r'delete student_channels .* read from the built models'),
    ({'feature': 'nack'}, r'no sublayer "nack"; near names: neck'),
    ({'feature': {'student': 'neck'}}, r'feature must be a sublayer name or'),
    ({'levels': [0, 7]}, r'levels \[7\] do not exist; student "neck" has 4'),
    ({'feature': {'student': 'neck', 'teacher': 'backbone'}}, r'has 4 levels, teacher .* 3; name'),
    ('neck', r'every entry must be a mapping'),
    ({'loss': 'FocalLoss'}, r'FocalLoss is not a loss of distill_losses.*known: BoxMimic'),
    ({'loss': 'FGDFeatureLoss'}, r'FGDFeatureLoss is not a loss .* \(did you mean "FGDLoss"\?\)'),
    ({'loss': ['MGDFeatureLoss']}, r'no registered loss'),
    ({'feature': ['neck']}, r"feature must be a sublayer name or .*, got \['neck'\]"),
    ({'levels': 2}, r'levels must be a list of indices, each once, .* like \[0, 1\], or .*, got 2'),
    ({'levels': [0, 0]}, r'levels must be a list of indices, each once, .*, got \[0, 0\]'),
    ({'levels': {'student': [0, 1], 'teacher': [1]}}, 'must be a list of indices, .* or two of'),
    ({'levels': {'student': [0], 'teacher': [4]}}, r'levels \[4\] do not exist; student "neck"'),
    ({'name': 'a.b'}, 'name must be a name of letters, digits, "_" and "-" .*a.b'),
    ({'name': 'Unlabelled_mgd'}, 'that does not begin with "unlabelled", got'),
    ({'name': ''}, "name must be a name of letters.*, got ''"),
    ({'levels': ['p3']}, r"levels must be a list of indices.*got \['p3'\]"),
    ({'levels': []}, r'levels must be a list of indices.*got \[\]'),
    ({'weight': None}, r'mgd: weight must be a number of at least 0, got None'),
    ({'weight': -1}, r'mgd: weight must be a number of at least 0, got -1'),
    ({'alpha_mgd': 'small'}, r"MGDFeatureLoss.alpha_mgd must be a number of at least 0, got"),
    ({'loss': 'TSKDFeatureLoss', 'train_graph': 'nope'}, "train_graph must be true or false, got"),
    ({'loss': 'TSKDFeatureLoss', 'roi_output_size': 2.5}, 'an integer of at least 1, got 2.5'),
    ({'alpha_mgd': -1}, r'MGDFeatureLoss.alpha_mgd must be a number of at least 0, got -1'),
    ({'interpolate': 'bilinar'}, r"interpolate must be one of nearest, bilinear.*got 'bilinar'"),
])
def test_wrong_wiring_is_found_when_building(build, entry, message):
    with pytest.raises(ValueError, match=message):
        build(distill_losses=[entry])


@pytest.mark.parametrize('feature', ['head', {'student': 'head', 'teacher': 'neck'}])
def test_a_head_that_returns_losses_in_training_is_refused(build, feature):
    model = build(distill_losses=[{'feature': feature, 'levels': [3]}])
    model.train()
    with pytest.raises(ValueError, match='MGDFeatureLoss "mgd": level 3 of the student.s "head" is '
                                         'no feature map in training, .* such as head.retina_cls'):
        model(batch())


def test_a_loss_without_an_option_that_it_needs(build, monkeypatch):
    class NeedingLoss(MGDFeatureLoss):
        def __init__(self, student_channels, teacher_channels, temperature):
            super().__init__(student_channels, teacher_channels)

    monkeypatch.setattr(terms, '_loss_class', lambda name: NeedingLoss)
    with pytest.raises(ValueError, match='distill_losses: NeedingLoss needs temperature'):
        build(distill_losses=[{}])


P2_TO_P4 = [(16, 4.0), (16, 8.0), (16, 16.0)]
P3_TO_P6 = [(24, 8.0), (24, 16.0), (24, 32.0), (24, 64.0)]


@pytest.mark.parametrize('options, message', [
    ({}, 'has 3 levels, teacher "neck" 4; name the ones to compare with "levels"'),
    ({'levels': [0, 1]}, 'level 0: student "neck" has stride 4, teacher "neck" 8; choose matching '
                         'levels'),
])
def test_other_levels_are_refused_by_saying_which_fit(options, message):
    fit = ' (of equal stride are levels: {student: [1, 2], teacher: [0, 1]})'
    with pytest.raises(ValueError, match=re.escape(message + fit)):
        FeatureTerm({'loss': 'PKDLoss', **options}, 'PKD', None).build(P2_TO_P4, P3_TO_P6)


def test_levels_in_other_places_are_paired():
    term = FeatureTerm({'loss': 'PKDLoss', 'levels': {'student': [1, 2], 'teacher': [0, 1]}}, 'PKD',
                       None)
    term.build(P2_TO_P4, P3_TO_P6)
    assert list(term.layers) == ['pkd_p3', 'pkd_p4']
    maps_s, maps_t = ([paddle.rand([2, channels, int(64 / stride), int(64 / stride)])
                       for channels, stride in shapes] for shapes in (P2_TO_P4, P3_TO_P6))
    assert set(term.compute({'neck': maps_s}, {'neck': maps_t}, None)) == {'pkd_p3', 'pkd_p4'}


def test_levels_of_one_stride_have_names_of_their_own():
    term = FeatureTerm({'loss': 'MGDFeatureLoss'}, 'MGD', None)
    shapes = [(16, 8.0), (16, 8.0), (16, 16.0), (16, 24.0)]
    term.build(shapes, shapes)
    assert list(term.layers) == ['mgd_l0', 'mgd_l1', 'mgd_p4', 'mgd_l3']


def test_a_loss_of_another_method_has_a_name_of_its_own(build):
    model = build(distill_losses=[{'levels': [0]}, {'loss': 'PKDLoss', 'levels': [0]}])
    assert list(model.distill_losses.keys()) == ['mgd_p3', 'pkd_p3']


def test_two_terms_need_two_names(build):
    with pytest.raises(ValueError, match='two entries add mgd_p3, .*; give one of them another'):
        build(distill_losses=[{}, {}])
    # Their values have different names, but not their layers.
    with pytest.raises(ValueError, match='two entries add mgd_p3; give'):
        build(distill_losses=[{'levels': [0]}, {'loss': 'FGDLoss', 'name': 'mgd', 'levels': [0]}])


def test_refuses_a_teacher_of_other_classes(tmp_path, build):
    with pytest.raises(ValueError, match='teacher detects 6 classes, the student 3'):
        build(student=student_yaml(tmp_path, num_classes=3))


@pytest.mark.parametrize('place', ['class_names', 'annotations'])
def test_refuses_a_teacher_of_the_same_classes_in_another_order(tmp_path, build, place):
    names = [*NEU_DET_CLASSES[1::-1], *NEU_DET_CLASSES[2:]]
    options = {'class_names': names}
    if place == 'annotations':
        (tmp_path / 'train.json').write_text(json.dumps(
            {'categories': [{'id': k, 'name': name} for k, name in enumerate(names)]}))
        options = {'class_names': None, 'TrainDataset': {
            'dataset_dir': str(tmp_path), 'anno_path': 'train.json'}}
    with pytest.raises(ValueError, match="the teacher's class_names are crazing, inclusion, .* the "
                                         "student's inclusion, crazing, patches"):
        build(student=student_yaml(tmp_path, **options))


def test_refuses_a_teacher_without_weights(build):
    with pytest.raises(ValueError, match='the teacher has no weights; set pretrain_weights'):
        build(pretrain_weights=None)
    with pytest.raises(ValueError, match='mgd.yml: pretrain_weights must be a path, got 5'):
        build(pretrain_weights=5)


def test_refuses_weights_of_which_too_few_fit(tmp_path, build, teacher_yaml):
    weights = paddle.load(str(tmp_path / 'teacher.pdparams'))
    kept = dict(list(weights.items())[:len(weights) // 2])
    paddle.save(kept, str(tmp_path / 'half.pdparams'))
    with pytest.raises(ValueError, match=rf'teacher: {len(kept)} of {len(weights)} tensors loaded '
                       r'from .*half.pdparams(.|\n)*At least 90%'):
        build(pretrain_weights=str(tmp_path / 'half'))


def test_the_command_lines_teacher_weights_win(tmp_path, teacher_yaml):
    (tmp_path / 'teacher.pdparams').rename(tmp_path / 'moved.pdparams')
    cfg = load_config(student_yaml(tmp_path))
    cfg['teacher_weights'] = str(tmp_path / 'moved.pdparams')
    MGDDistillModel(cfg, slim_yaml(tmp_path, teacher_yaml))


def test_inherits_what_the_yaml_names(tmp_path, build):
    equal = student_yaml(tmp_path, channels=24)
    model = build(student=equal, inherit=['head'])
    student, teacher = values(model.student_model), values(model.teacher_model)
    heads = [name for name in teacher if name.startswith('head.')]
    assert heads and all(np.array_equal(student[n], teacher[n]) for n in heads)
    assert not np.array_equal(student['neck.fpn_res3_sum.weight'],
                              teacher['neck.fpn_res3_sum.weight'])


def test_inheriting_what_does_not_fit_is_an_error(build):
    with pytest.raises(ValueError, match="inherit must be a list of sublayers, .* got 'head'"):
        build(inherit='head')
    with pytest.raises(ValueError, match='"neck" of the teacher does not fit the student at '
                                         'neck.*; leave it out of inherit'):
        build(inherit=['neck'])
    with pytest.raises(ValueError, match='inherit: the student has no sublayer "nack" .* parts are '
                                         'backbone, .*neck'):
        build(inherit=['nack'])


def test_the_first_step_reports_raw_and_weighted_sizes(build, log):
    model = build(distill_losses=[{'alpha_mgd': 0.001, 'weight': 2.0}])
    losses = train_steps(model, steps=1)
    sizes = [text for _, text in log if text.startswith('first step: distill_mgd_p3')]
    weighted = float(losses['distill_mgd_p3'])
    assert f'raw {weighted / 0.002:.4g}, weighted {weighted:.4f}' in sizes[0]
    train_steps(model, steps=1)
    assert len([text for _, text in log if text.startswith('first step: distill_mgd_p3')]) == 1


def test_the_first_step_reports_a_term_without_weight(build, log):
    train_steps(build(distill_losses=[{'alpha_mgd': 0.0}]), steps=1)
    reports = [text for _, text in log if text.startswith('first step: distill_')]
    assert len(reports) == 4 and all('weighted 0.0000 (0.00 of' in text for text in reports)
    assert not any('raw 0,' in text for text in reports)


def test_is_made_of_any_two_detectors_and_terms(tmp_path):
    class NeckMean(Term):
        """The squared mean of the student's first level."""

        def connect(self, student_taps, teacher_taps):
            student_taps.add(['neck'])
            teacher_taps.add(['neck'])
            self.weights['mean_p3'], self.logged['mean_p3'] = 0.5, 'mean'

        def compute(self, student_taps, teacher_taps, batch):
            return {'mean_p3': student_taps['neck'][0].mean()**2}

    cfg = load_config(student_yaml(tmp_path))
    student, teacher = create(cfg.architecture), create(cfg.architecture)
    model = DistillModel(student, teacher, [NeckMean()])
    losses = train_steps(model, steps=1)
    parts = [losses['loss_cls'], losses['loss_reg'], losses['distill_mean']]
    np.testing.assert_allclose(float(losses['loss']), sum(map(float, parts)), rtol=1e-5)
    assert all(p.stop_gradient for p in teacher.parameters()) and not teacher.training


@pytest.mark.parametrize('alpha, warned', [(1e-9, False), (10.0, True)])
def test_warns_when_distillation_dwarfs_detection(build, log, alpha, warned):
    train_steps(build(distill_losses=[{'alpha_mgd': alpha}]), steps=1)
    assert any(level == 'WARNING' and 'dwarf' in text for level, text in log) == warned


def test_the_losses_stay_in_float32_where_mixed_precision_casts_the_student(build):
    model = build()
    # What paddle.amp.decorate does at level O2, on a GPU only.
    importlib.import_module('paddle.amp.auto_cast').amp_initialize([model], 'float16', None)
    assert model.student_model.neck.fpn_res3_sum.weight.dtype == paddle.float16
    assert {p.dtype for p in model.distill_losses.parameters()} == {paddle.float32}


def test_a_term_that_is_not_finite_stops_training_by_name(build):
    model = build(distill_losses=[{'levels': [0, 1]}])
    train_steps(model, steps=1)
    bias = model.distill_losses['mgd_p4'].generation[2].bias
    bias.set_value(np.full(bias.shape, np.nan, 'float32'))
    with pytest.raises(FloatingPointError, match=r'step 1 of this run: distill_mgd_p4 is not fin'):
        model(batch())


def test_a_detection_loss_that_is_not_finite_stops_training_by_name(build):
    model = build()
    bias = model.student_model.head.retina_cls.bias
    bias.set_value(np.full(bias.shape, np.nan, 'float32'))
    with pytest.raises(FloatingPointError, match='step 0 of this run: loss_cls is not finite'):
        model(batch())


def test_says_of_both_models_what_was_loaded(tmp_path, build, log):
    build()
    loaded = [text for _, text in log if text.startswith(('student', 'teacher'))]
    total = len(paddle.load(str(tmp_path / 'teacher.pdparams')))
    assert loaded[0] == 'student: no pretrain_weights, it starts from random weights'
    assert loaded[1] == (f'teacher: {total} of {total} tensors loaded from '
                         f'{tmp_path / "teacher.pdparams"}')
    build(student_yaml(tmp_path, pretrain_weights=str(tmp_path / 'teacher.pdparams')))
    text, = (text for _, text in log if text.startswith('student: ') and 'loaded from' in text)
    fitting, wanted = map(int, re.match(r'student: (\d+) of (\d+) tensors', text).groups())
    assert 0 < fitting < wanted and 'not in the file or of another shape: neck.' in text
