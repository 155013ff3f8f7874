# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import paddle
import pytest
from paddle import nn
from ppdet.core.workspace import load_config
from slim.test_distill_model import train_steps
from tiny import batch, moved, slim_yaml, student_yaml, values
from tiny_faster_rcnn import CLASSES, build_detector, faster_rcnn_yaml

from ppdet_ext.slim import build_slim_model
from ppdet_ext.slim.losses import ONLY

FKA = [f'dkan_fka_p{level}' for level in (2, 3, 4, 5)]
DETECTION = {'loss_rpn_cls', 'loss_rpn_reg', 'loss_bbox_cls', 'loss_bbox_reg'}


@pytest.fixture
def build_dkan(tmp_path):
    """Builds DKAN of a teacher of three classes; keyword arguments are keys of the slim YAML."""

    def build(student=None, teacher=None, **slim):
        teacher = teacher or faster_rcnn_yaml(tmp_path, 'teacher', classes=3)
        student = student or faster_rcnn_yaml(
            tmp_path, 'student', cosine={}, freeze=['backbone'],
            pretrain_weights=str(tmp_path / 'student.pdparams'))
        for seed, (path, name) in enumerate(((teacher, 'teacher'), (student, 'student'))):
            paddle.seed(seed)
            paddle.save(build_detector(path).state_dict(), str(tmp_path / f'{name}.pdparams'))
        cfg = load_config(student)
        return build_slim_model(cfg, slim_yaml(tmp_path, teacher, slim_method='DKAN', **slim)
                                )['model']

    return build


def copy_teacher(model):
    """Gives the student the teacher's weights where they fit."""
    own = model.student_model.state_dict()
    for name, tensor in model.teacher_model.state_dict().items():
        if name in own and own[name].shape == tensor.shape:
            own[name].set_value(tensor)


def test_the_terms_are_those_of_the_paper(build_dkan):
    model = build_dkan()
    assert list(model.distill_losses.keys()) == [*FKA, 'dkan_lka']
    assert {(loss.tau, loss.weights[ONLY]) for name, loss in model.distill_losses.items()
            if name in FKA} == {(5.0, 1.0)}
    logit = model.distill_losses['dkan_lka']
    assert (logit.tau, logit.weights[ONLY], logit.num_base_classes) == (5.0, 0.01, 3)
    losses = train_steps(model, steps=1)
    terms = {f'distill_{name}' for name in model.distill_losses.keys()}
    assert set(losses) == {'loss', *DETECTION, *terms}
    parts = sum(float(losses[name]) for name in DETECTION | terms)
    np.testing.assert_allclose(float(losses['loss']), parts, rtol=1e-5)


def test_the_feature_terms_are_zero_until_the_neck_drifts(build_dkan):
    model = build_dkan()
    copy_teacher(model)
    first = train_steps(model, steps=1)
    assert [float(first[f'distill_{name}']) for name in FKA] == [0.0] * 4
    second = model(batch(seed=9))
    assert all(float(second[f'distill_{name}']) > 0 for name in FKA)


def test_the_logit_term_is_zero_for_the_teachers_own_head(build_dkan, tmp_path):
    student = faster_rcnn_yaml(tmp_path, 'student', freeze=['backbone'],
                               pretrain_weights=str(tmp_path / 'student.pdparams'))
    model = build_dkan(student=student)
    copy_teacher(model)
    score, base = (m.bbox_head.bbox_score for m in (model.student_model, model.teacher_model))
    for part in ('weight', 'bias'):
        value = getattr(score, part).numpy()
        value[..., :3] = getattr(base, part).numpy()[..., :3]
        getattr(score, part).set_value(value)
    model.train()
    losses = model(batch())
    assert abs(float(losses['distill_dkan_lka'])) < 1e-7
    score.weight.set_value(-score.weight)
    assert float(model(batch())['distill_dkan_lka']) > 1e-7


def test_both_answer_for_the_same_boxes_row_by_row(build_dkan):
    model = build_dkan()
    term, pairs = model.terms[-1], []
    own = term.paired_logits
    term.paired_logits = lambda *taps: pairs.append(own(*taps)) or pairs[0]
    model.train()
    inputs = batch(images=3)
    model(dict(inputs))
    logits_s, logits_t = pairs[0]
    rois, rois_num = model.student_model.bbox_head.get_assigned_rois()
    assert [len(boxes) for boxes in rois] == rois_num.tolist() and len(rois) == 3
    assert logits_s.shape == [sum(rois_num.tolist()), 7] and logits_t.shape[1] == 4
    for detector, logits in ((model.student_model, logits_s), (model.teacher_model, logits_t)):
        detector.eval()
        head, maps = detector.bbox_head, detector.neck(detector.backbone(inputs))
        row = 0
        for image, boxes in enumerate(rois):
            for box in boxes:  # one at a time, in its own image
                one = [level[image:image + 1] for level in maps]
                pooled = head.roi_extractor(one, [box.unsqueeze(0)],
                                            paddle.ones([1], dtype='int32'))
                expected = head.bbox_score(head.head(pooled))[0]
                np.testing.assert_allclose(logits[row].numpy(), expected.numpy(), atol=2e-5)
                row += 1
        assert row == len(logits)
        assert float(logits.std(axis=0).max()) > 1e-3, 'rows that differ'


@pytest.mark.parametrize('scaled', [True, False])
def test_neither_optimizer_nor_checkpoint_knows_more_than_the_student(build_dkan, scaled):
    model = build_dkan(logit_loss={'use_scaled_logits': scaled})
    assert len(model.parameters()) == len(model.student_model.parameters())
    assert {name.split('.')[0] for name in model.state_dict()} == {'student_model'}


@pytest.mark.parametrize('scaled', [True, False])
def test_the_scale_of_the_cosine_counts_unless_told(build_dkan, scaled):
    model = build_dkan(logit_loss={'use_scaled_logits': scaled})
    seen = []
    loss = model.terms[-1].loss
    own = loss.raw_values
    loss.raw_values = lambda *logits: seen.append(logits) or own(*logits)
    raw = []
    classifier = model.student_model.bbox_head.bbox_score
    classifier.register_forward_post_hook(lambda *a: raw.append(a[2]))
    model.train()
    model(batch())
    np.testing.assert_allclose(seen[0][0].numpy(), raw[0].numpy() / (1.0 if scaled else 20.0),
                               rtol=1e-6)


def test_every_term_reaches_the_student_and_never_the_teacher(build_dkan):
    model = build_dkan()
    for term, part in (('dkan_fka_p2', 'neck'), ('dkan_lka', 'bbox_head')):
        model.train()
        losses = model(batch())
        losses[f'distill_{term}'].backward()
        touched = {name.split('.')[0] for name, p in model.student_model.named_parameters()
                   if p.grad is not None and float(p.grad.abs().max()) > 0}
        assert part in touched and 'backbone' not in touched
        assert all(p.grad is None for p in model.teacher_model.parameters())
        model.clear_gradients()


def test_no_gradient_reaches_the_new_classes_through_the_logit_term(build_dkan):
    model = build_dkan()
    model.train()
    model(batch())['distill_dkan_lka'].backward()
    gradient = model.student_model.bbox_head.bbox_score.weight.grad.abs().max(axis=0).numpy()
    assert (gradient[:3] > 0).all() and (gradient[3:] == 0).all()


def test_the_frozen_part_and_the_teacher_stay_bit_identical(build_dkan):
    model = build_dkan()
    student, teacher = values(model.student_model), values(model.teacher_model)
    nn.Sequential(model).train()
    train_steps(model, steps=2)
    parts = {name.split('.')[0] for name in moved(student, model.student_model)}
    assert parts == {'neck', 'rpn_head', 'bbox_head'}
    assert any(name.startswith('backbone') and name.endswith('_mean') for name in student)
    assert moved(teacher, model.teacher_model) == set()


@pytest.mark.parametrize('options', [{'boxes': 0}, {'images': 1}, {'images': 1, 'boxes': 0}])
def test_unusual_batches_give_the_same_finite_names(build_dkan, options):
    model = build_dkan()
    usual = set(train_steps(model, steps=1))
    losses = train_steps(model, steps=1, **options)
    assert set(losses) == usual
    assert all(np.isfinite(float(value)) for value in losses.values())


def test_in_evaluation_it_is_the_student(build_dkan):
    model = build_dkan()
    model.eval()
    own, through = model.student_model(batch()), model(batch())
    np.testing.assert_array_equal(own['bbox'].numpy(), through['bbox'].numpy())


def test_the_logit_term_can_be_left_out(build_dkan):
    losses = train_steps(build_dkan(logit_loss=False), steps=1)
    assert set(losses) == {'loss', *DETECTION, *(f'distill_{name}' for name in FKA)}


def test_the_teacher_may_have_a_cosine_head(build_dkan, tmp_path):
    model = build_dkan(teacher=faster_rcnn_yaml(tmp_path, 'teacher', classes=3, cosine={}))
    assert np.isfinite(float(train_steps(model, steps=1)['distill_dkan_lka']))


@pytest.mark.parametrize('slim, message', [
    ({'logit_loss': True}, 'logit_loss takes "key: value" pairs, got True'),
    ({'logit_loss': {'tua': 5.0}}, r'unknown key "tua" \(did you mean "tau"\?\)'),
    ({'logit_loss': {'tau': 'hot'}}, "tau must be a number above 0, got 'hot'"),
    ({'logit_loss': {'tau': True}}, 'tau must be a number above 0, got True'),
    ({'logit_loss': {'tau': 0}}, 'tau must be a number above 0, got 0'),
    ({'logit_loss': {'loss_weight': -1}}, 'loss_weight must be a number of at least 0, got -1'),
    ({'logit_loss': {'use_scaled_logits': 1}}, 'use_scaled_logits must be true or false, got 1'),
    ({'logit_loss': {'num_base_classes': 2}}, 'unknown key "num_base_classes"'),
    ({'distill_losses': [{'levels': [0, 9]}]}, r'dkan_fka: levels \[9\] do not exist'),
])
def test_wrong_options_are_found_when_building(build_dkan, slim, message):
    with pytest.raises(ValueError, match=message):
        build_dkan(**slim)


def test_unscaled_logits_need_a_cosine_head(build_dkan, tmp_path):
    student = faster_rcnn_yaml(tmp_path, 'student',
                               pretrain_weights=str(tmp_path / 'student.pdparams'))
    with pytest.raises(ValueError, match='use_scaled_logits: false needs a student with a Cosine'):
        build_dkan(student=student, logit_loss={'use_scaled_logits': False})


def student_of(tmp_path, **overrides):
    return faster_rcnn_yaml(tmp_path, 'student', cosine={}, **{
        'pretrain_weights': str(tmp_path / 'student.pdparams'), **overrides})


@pytest.mark.parametrize('overrides, message', [
    ({'num_classes': 3}, 'the teacher detects 3 classes, the student 3; DKAN needs a teacher of'),
    ({'class_names': CLASSES[::-1]}, 'begin with scratches, rolled-in_scale, pitted_surface; the'),
    ({'pretrain_weights': None}, 'set pretrain_weights to the file that tools/expand_head.py'),
    ({'freeze': 'backbone'}, "freeze must be a list of sublayers, like .backbone., got 'backbone'"),
    ({'freeze': ['bakbone']}, r'FasterRCNN has no sublayer "bakbone" \(did you mean "backbone"'),
])
def test_a_student_that_does_not_fit_is_an_error(build_dkan, tmp_path, overrides, message):
    with pytest.raises(ValueError, match=message):
        build_dkan(student=student_of(tmp_path, **overrides))


def test_a_loss_on_the_neck_needs_a_student_that_is_not_frozen_up_to_there(build_dkan, tmp_path):
    frozen = student_of(tmp_path, freeze=['backbone', 'neck', 'rpn_head', 'bbox_head.head'])
    with pytest.raises(ValueError, match='FeatureKnowledgeAlignLoss "dkan_fka" has nothing to '
                                         'train: .* Take neck out of .* freeze'):
        build_dkan(student=frozen)
    build_dkan(student=frozen, distill_losses=[{'loss_weight': 0.0}])
    build_dkan(student=student_of(tmp_path, freeze=['neck']))  # the backbone trains through it


def test_base_weights_that_were_not_expanded_are_an_error(build_dkan, tmp_path):
    with pytest.raises(ValueError, match='At least 100% must fit'):
        build_dkan(student=student_of(tmp_path,
                                      pretrain_weights=str(tmp_path / 'teacher.pdparams')))


def test_other_detectors_are_an_error(build_dkan, tmp_path):
    retinanet = student_yaml(tmp_path, pretrain_weights=str(tmp_path / 'student.pdparams'))
    with pytest.raises(ValueError, match='DKAN is for FasterRCNN with a neck and a BBoxHead or '
                       'CosineSimBBoxHead; the student is RetinaNet'):
        build_dkan(student=retinanet)


@pytest.mark.parametrize('part, message', [
    ('neck', 'the student is FasterRCNN with neck: none, bbox_head: CosineSimBBoxHead'),
    ('bbox_head', 'the student is FasterRCNN with neck: FPN, bbox_head: none'),
])
def test_a_faster_rcnn_without_a_part_is_an_error(build_dkan, part, message):
    model = build_dkan()
    setattr(model.student_model, part, None)
    with pytest.raises(ValueError, match=message):
        model.build_terms(model.student_model, model.teacher_model, None)


def test_without_class_names_those_of_the_teachers_data_set_count(build_dkan, tmp_path):
    (tmp_path / 'base.json').write_text(json.dumps({'images': [], 'annotations': [], 'categories': [
        {'id': k, 'name': name} for k, name in enumerate(CLASSES[2::-1])]}))
    teacher = faster_rcnn_yaml(tmp_path, 'teacher', classes=3, class_names=None, TrainDataset={
        'dataset_dir': str(tmp_path), 'anno_path': 'base.json'})
    with pytest.raises(ValueError, match='the teacher detects patches, inclusion, crazing, but'):
        build_dkan(teacher=teacher)


def test_unlabelled_images_reach_the_neck_but_not_the_box_head(build_dkan):
    with pytest.raises(ValueError, match='logit_loss needs labels, .* for which the teacher.s '
                                         'detections are not enough; set "unlabelled: false"'):
        build_dkan().see_unlabelled(0.5)
    model = build_dkan(logit_loss={'unlabelled': False})
    model.see_unlabelled()
    model.train()
    heads = []
    model.student_model.bbox_head.register_forward_pre_hook(lambda *_: heads.append(1))
    others = {key: value for key, value in batch(images=3, size=128, seed=4).items()
              if key in ('image', 'im_shape', 'scale_factor')}
    losses = model({**batch(), 'unlabelled': others})
    assert {name for name in losses if 'unlabelled' in name} == {
        f'distill_unlabelled_{name}' for name in FKA}
    assert len(heads) == 1
