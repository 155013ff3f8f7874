# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import os
import re

import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create, load_config
from tiny import CONFIGS, batch, moved, slim_yaml, student_yaml, values

from ppdet_ext.data.transforms import KEPT_BOXES, KeepGTBox
from ppdet_ext.slim import TSKDDistillModel
from ppdet_ext.slim.batch import Batch, check_boxes, keep_boxes

FEATURE_TERMS = ['fg', 'bg', 'ins_rea', 'pixel_rea', 'se']
RESPONSE = {'reused_teacher_head_idx': 1}


@pytest.fixture
def build_tskd(build):
    """Builds a TSKD model; keyword arguments are keys of the slim YAML."""

    def build_model(student=None, cross_response=RESPONSE, **slim):
        return build(student, slim_method='TSKD', cross_response=cross_response, **slim)

    return build_model


def train_steps(model, steps=1, **batch_options):
    optimizer = paddle.optimizer.SGD(0.01, model.parameters(),
                                     grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0))
    for step in range(steps):
        model.train()
        losses = model(batch(seed=step, **batch_options))
        losses['loss'].backward()
        optimizer.step()
        optimizer.clear_grad()
    return losses


def wide_head(width=32, convolutions=1, channels=16):
    """A student's head of another width or depth."""
    return {'RetinaHead': {'conv_feat': {'name': 'RetinaFeat', 'feat_in': channels,
                                         'feat_out': width, 'num_convs': convolutions,
                                         'norm_type': 'gn'}}}


def test_logs_each_term_once_and_their_sum_is_the_loss(build_tskd):
    losses = train_steps(build_tskd())
    terms = [f'distill_tskd_{term}' for term in (*FEATURE_TERMS, 'cls', 'box')]
    assert set(losses) == {'loss', 'loss_cls', 'loss_reg', *terms}
    parts = [float(value) for name, value in losses.items() if name != 'loss']
    np.testing.assert_allclose(float(losses['loss']), sum(parts), rtol=1e-5)
    assert all(float(losses[term]) > 0 for term in terms)


def test_a_logged_term_is_the_sum_of_its_levels(build_tskd):
    model = build_tskd()
    model.teacher_forward(batch())
    with model.student_taps:
        model.student_model(batch())
    raw = model.raw_values(batch())
    levels = ['p3', 'p4', 'p5', 'p6']
    assert set(raw) == {f'tskd_{term}_{level}' for term in (*FEATURE_TERMS, 'cls', 'box')
                          for level in levels}
    model.train()
    logged = model(batch())
    for term, weight in {**dict.fromkeys(FEATURE_TERMS, 5e-4), 'cls': 1.0, 'box': 1.0}.items():
        expected = weight * sum(float(raw[f'tskd_{term}_{level}']) for level in levels)
        np.testing.assert_allclose(float(logged[f'distill_tskd_{term}']), expected, rtol=1e-5)


def test_the_first_step_reports_raw_and_weighted_sizes_of_every_term(build_tskd, log):
    losses = train_steps(build_tskd())
    for term, weight in {**dict.fromkeys(FEATURE_TERMS, 5e-4), 'cls': 1.0, 'box': 1.0}.items():
        weighted = float(losses[f'distill_tskd_{term}'])
        report, = (text for _, text in log if f'distill_tskd_{term} ' in text)
        assert f'weighted {weighted:.4f} (' in report
        np.testing.assert_allclose(float(re.search(r'raw (\S+),', report).group(1)),
                                   weighted / weight, rtol=1e-3)


@pytest.mark.parametrize('term', [*FEATURE_TERMS, 'cls', 'box'])
def test_every_term_reaches_the_student_and_never_the_teacher(build_tskd, term):
    model = build_tskd(distill_losses=[{'temp': 5.0}])
    model.train()
    losses = model(batch())
    losses[f'distill_tskd_{term}'].backward()
    touched = {name.split('.')[0] for name, parameter in model.student_model.named_parameters()
               if parameter.grad is not None and np.abs(parameter.grad.numpy()).max() > 0}
    assert {'backbone', 'neck'} <= touched
    assert ('head' in touched) == (term in ('cls', 'box'))
    assert all(p.grad is None for p in model.teacher_model.parameters())


def test_student_and_align_layers_train_and_the_rest_never_changes(build_tskd):
    model = build_tskd()
    student, teacher = values(model.student_model), values(model.teacher_model)
    losses = values(model.distill_losses)
    train_steps(model, steps=2)
    assert moved(teacher, model.teacher_model) == set()
    assert moved(losses, model.distill_losses) == {name for name in losses if '.align.' in name}
    assert any('graph' in name for name in losses)
    assert {'neck', 'head'} <= {name.split('.')[0] for name in moved(student, model.student_model)}


def test_graph_units_train_where_the_yaml_says_so(build_tskd):
    model = build_tskd(distill_losses=[{'temp': 5.0, 'train_graph': True, 'levels': [0],
                                        'alpha_ins_rea': 1.0, 'alpha_pixel_rea': 1.0}])
    losses = values(model.distill_losses)
    train_steps(model, steps=2)
    still = set(losses) - moved(losses, model.distill_losses)
    # What shifts a whole channel before its batch norm has no effect.
    assert not [name for name in still if 'bias' not in name]


@pytest.mark.parametrize('options', [{'boxes': 0}, {'boxes': 1}, {'images': 1, 'boxes': 1},
                                     {'images': 1, 'boxes': 0}])
def test_unusual_batches_give_the_same_finite_names(build_tskd, options):
    model = build_tskd()
    usual = set(train_steps(model))
    losses = train_steps(model, **options)
    assert set(losses) == usual
    assert all(np.isfinite(float(value)) for value in losses.values())
    gradients = [p.grad for p in model.student_model.parameters() if p.grad is not None]
    assert all(bool(paddle.isfinite(gradient).all()) for gradient in gradients)


def test_the_cross_response_of_the_teacher_itself_is_zero(build_tskd, tmp_path):
    model = build_tskd(student=student_yaml(tmp_path, channels=24))
    model.student_model.set_state_dict(model.teacher_model.state_dict())
    for layer in model.student_model.sublayers():
        if 'BatchNorm' in type(layer).__name__:  # the student's would use the batch's statistics
            layer._use_global_stats = True
    losses = train_steps(model)
    for term in ('fg', 'bg', 'ins_rea', 'pixel_rea', 'se', 'cls', 'box'):
        assert abs(float(losses[f'distill_tskd_{term}'])) < 1e-4, term


def test_the_cross_response_can_be_left_out(build_tskd):
    losses = train_steps(build_tskd(cross_response=False))
    assert set(losses) == {'loss', 'loss_cls', 'loss_reg',
                           *(f'distill_tskd_{term}' for term in FEATURE_TERMS)}


def test_without_the_key_it_runs_where_it_can(build):
    assert 'distill_tskd_cls' in train_steps(build(slim_method='TSKD'))


@pytest.mark.parametrize('depth, index', [(1, 1), (2, 1), (4, 3)])
def test_the_last_convolution_answers_unless_told(build_tskd, tmp_path, depth, index):
    same = student_yaml(tmp_path, channels=24, **wide_head(convolutions=depth, channels=24))
    paddle.save(create(load_config(same).architecture).state_dict(),
                str(tmp_path / 'deep.pdparams'))
    model = TSKDDistillModel(load_config(same), slim_yaml(
        tmp_path, same, slim_method='TSKD', pretrain_weights=str(tmp_path / 'deep.pdparams')))
    assert model.terms[-1].index == index


def test_weights_of_the_terms_come_from_the_yaml(build_tskd):
    once = build_tskd(distill_losses=[{'alpha_bg': 0.0}])
    twice = build_tskd(distill_losses=[{'alpha_bg': 0.0, 'loss_weight': 2.0}],
                       cross_response={**RESPONSE, 'alpha_cls': 3.0, 'alpha_box': 0.0})
    twice.set_state_dict(once.state_dict())
    first, second = once(batch()), twice(batch())
    factors = {'fg': 2, 'ins_rea': 2, 'pixel_rea': 2, 'se': 2, 'cls': 3}
    for term, factor in factors.items():
        name = f'distill_tskd_{term}'
        np.testing.assert_allclose(float(second[name]), factor * float(first[name]), rtol=1e-4)
    assert float(first['distill_tskd_bg']) == float(second['distill_tskd_box']) == 0.0


def test_combines_with_mgd_in_one_yaml(build_tskd):
    model = build_tskd(distill_losses=[{}, {'loss': 'MGDFeatureLoss', 'name': 'mgd'}])
    losses = train_steps(model)
    assert {'distill_mgd_p3', 'distill_tskd_fg', 'distill_tskd_cls'} <= set(losses)


def test_heads_of_other_width_need_the_yamls_consent(build_tskd, tmp_path):
    student = student_yaml(tmp_path, **wide_head(width=64))
    with pytest.raises(ValueError, match='student\'s head has 64 channels, the teacher\'s 32; .*'
                       '"align: true"'):
        build_tskd(student)
    model = build_tskd(student, cross_response={**RESPONSE, 'align': True})
    before = values(model.distill_losses['cross_response'])
    assert len(before) == 2, 'one convolution a tower'
    train_steps(model, steps=2)
    assert moved(before, model.distill_losses['cross_response']) == set(before)


def test_heads_of_other_depth_need_the_yamls_consent(build_tskd, tmp_path):
    student = student_yaml(tmp_path, **wide_head(convolutions=3))
    with pytest.raises(ValueError, match='student\'s head have 3 convolutions, the teacher\'s 1; '
                       '.*student_head_idx'):
        build_tskd(student)
    model = build_tskd(student, cross_response={**RESPONSE, 'student_head_idx': 3})
    assert model.terms[-1].student_names[0].endswith('conv_2')
    assert np.isfinite(float(train_steps(model)['distill_tskd_cls']))


def test_the_neck_itself_can_be_answered_with(build_tskd, tmp_path):
    model = build_tskd(student_yaml(tmp_path, channels=24),
                       cross_response={'reused_teacher_head_idx': 0})
    assert model.terms[-1].student_names == ('neck', 'neck')
    assert float(train_steps(model)['distill_tskd_cls']) > 0


@pytest.mark.parametrize('options, message', [
    ({'reused_teacher_head': 1}, r'unknown key "reused_teacher_head" \(did you mean "reused_teac'),
    ({'reused_teacher_head_idx': 2}, 'reused_teacher_head_idx counts .* from 0 to 1 here, got 2'),
    ({'reused_teacher_head_idx': '1'}, "from 0 to 1 here, got '1'"),
    ({'student_head_idx': -1, **RESPONSE}, 'student_head_idx counts .*, got -1'),
    ({'alpha_cls': 'much', **RESPONSE}, "alpha_cls must be a number of at least 0, got 'much'"),
    ({'alpha_box': -1, **RESPONSE}, 'alpha_box must be a number of at least 0, got -1'),
    ({'align': 'yes', **RESPONSE}, "align must be true or false, got 'yes'"),
    (True, 'cross_response takes "key: value" pairs, got True'),
    ([1], r'cross_response takes "key: value" pairs, got \[1\]'),
])
def test_wrong_options_are_found_when_building(build_tskd, options, message):
    with pytest.raises(ValueError, match=message):
        build_tskd(cross_response=options)


def test_terms_of_half_precision_features_are_computed_in_float32(build_tskd):
    model = build_tskd(distill_losses=[{'temp': 5.0}])
    model.teacher_forward(batch())
    with model.student_taps:
        model.student_model(batch())
    exact = model.raw_values(batch())
    for tap in (model.student_taps, model.teacher_taps):
        tap.replay({name: [feature.astype('float16') for feature in features]
                    for name, features in tap.leaves().items()})
    terms = model.raw_values(batch())
    assert {term.dtype for term in terms.values()} == {paddle.float32}
    for name, term in terms.items():
        np.testing.assert_allclose(float(term), float(exact[name]), rtol=0.05, atol=1e-5,
                                   err_msg=name)


def test_a_term_that_is_not_finite_is_named_with_its_level(build_tskd):
    model = build_tskd()
    align = model.distill_losses['tskd_p4'].align
    align.bias.set_value(np.full(align.bias.shape, np.nan, 'float32'))
    with pytest.raises(FloatingPointError, match='distill_tskd_fg_p4, distill_tskd_bg_p4'):
        model(batch())


def reader_of(family):
    return load_config(os.path.join(CONFIGS, family, f'{family}_r18_fpn_neu_det.yml'))


def operators(cfg):
    return [next(iter(entry)) for entry in cfg['TrainReader']['batch_transforms']]


@pytest.mark.parametrize('family, target', [('fcos', 'Gt2FCOSTarget'), ('gfl', 'Gt2GFLTarget')])
def test_the_reader_is_made_to_keep_the_boxes(family, target, log):
    cfg = reader_of(family)
    keep_boxes(cfg)
    expected = ['PadBatch', 'KeepGTBox', target]
    assert operators(cfg) == expected
    assert [text for _, text in log if f'kept beside {target}' in text]
    keep_boxes(cfg)
    assert operators(cfg) == expected, 'once is enough'


def test_a_reader_that_keeps_them_is_left_alone():
    cfg = reader_of('retinanet')
    before = operators(cfg)
    keep_boxes(cfg)
    assert operators(cfg) == before
    keep_boxes({})


def test_refuses_a_reader_that_rewrites_boxes():
    cfg = reader_of('retinanet')
    cfg['TrainReader']['sample_transforms'] = [{'Decode': {}}, {'NormalizeBox': {}}]
    with pytest.raises(ValueError, match='NormalizeBox rewrites the boxes'):
        check_boxes(cfg)


def test_boxes_go_through_the_reader_and_come_back():
    boxes = [np.array([[1, 2, 3, 4], [5, 6, 7, 8]], 'float32'), np.zeros([0, 4], 'float32')]
    samples = KeepGTBox()([{'gt_bbox': b} for b in boxes])
    stacked = paddle.to_tensor(np.stack([sample[KEPT_BOXES] for sample in samples]))
    back = Batch({KEPT_BOXES: stacked}).gt_boxes
    assert [b.shape for b in back] == [[2, 4], [0, 4]]
    np.testing.assert_array_equal(back[0].numpy(), boxes[0])


def test_boxes_without_area_are_none():
    boxes = paddle.to_tensor([[1., 1., 1., 5.], [2., 2., 4., 4.], [0., 0., 0., 0.]])
    kept = Batch({'gt_bbox': [boxes, boxes[:1]]}).gt_boxes
    np.testing.assert_array_equal(kept[0].numpy(), [[2, 2, 4, 4]])
    assert kept[1].shape == [0, 4]


def test_image_shapes_include_the_padding():
    shapes = Batch({'image': paddle.zeros([2, 3, 64, 96])}).image_shapes
    np.testing.assert_array_equal(shapes.numpy(), [[64, 96], [64, 96]])


def test_a_batch_without_boxes_key_says_what_to_do():
    with pytest.raises(ValueError, match='"- KeepGTBox: {}" before the operator'):
        Batch({'image': None}).gt_boxes  # noqa: B018
