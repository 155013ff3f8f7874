# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A YOLOX student resizes its batch in its forward; the teacher has to see the same images."""
import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create, load_config
from tiny import NANO, batch, write_yaml

from ppdet_ext.engine import benchmark
from ppdet_ext.slim.distill_model import DistillModel
from ppdet_ext.slim.terms import FeatureTerm

SIZE, RESIZED = 64, 96  # pixels
TERMS = ('fg', 'bg', 'ins_rea', 'pixel_rea', 'se')


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A YOLOX and a like one as its teacher, with a term that reads maps, sizes and boxes."""
    cfg = load_config(write_yaml(tmp_path_factory.mktemp('yolox') / 'yolox.yml', {
        '_BASE_': [NANO], 'architecture': 'YOLOX', 'norm_type': 'bn', 'depth_mult': 0.33,
        'width_mult': 0.125, 'CSPDarkNet': {'return_idx': [2, 3, 4]},
        'YOLOX': {'backbone': 'CSPDarkNet', 'neck': 'YOLOCSPPAN', 'head': 'YOLOXHead',
                  'input_size': [SIZE, SIZE], 'size_range': [RESIZED // 32] * 2},
        'YOLOXHead': {'assigner': {'name': 'SimOTAAssigner', 'use_vfl': False}}}))
    paddle.seed(0)
    student, teacher = create(cfg.architecture), create(cfg.architecture)
    teacher.set_state_dict(student.state_dict())
    model = DistillModel(student, teacher, [FeatureTerm({}, 'tskd', 'TSKDFeatureLoss')])
    model.train()
    return model


@pytest.fixture
def seen(model, monkeypatch):
    """What both detectors are given, and what terms are computed from."""
    seen = {'student': [], 'teacher': [], 'boxes': []}
    hooks = [detector.backbone.register_forward_pre_hook(
        lambda layer, inputs, of_one=seen[name]: of_one.append(inputs[0]['image'].numpy()))
        for name, detector in (('student', model.student_model), ('teacher', model.teacher_model))]
    raw_values = model.raw_values

    def record(inputs, *options):
        seen['boxes'].append([box.numpy() for box in inputs['gt_bbox']])
        return raw_values(inputs, *options)

    monkeypatch.setattr(model, 'raw_values', record)
    yield seen
    for hook in hooks:
        hook.remove()


def scaled_boxes():
    return [box.numpy() * RESIZED / SIZE for box in batch()['gt_bbox']]


def test_the_teacher_sees_the_resized_images(model, seen):
    losses = model(batch())
    (own, ), (teachers, ) = seen['student'], seen['teacher']
    assert own.shape[2:] == (RESIZED, RESIZED)
    np.testing.assert_array_equal(own, teachers)
    np.testing.assert_allclose(seen['boxes'], [scaled_boxes()], rtol=1e-6)
    assert all(np.isfinite(float(losses[f'distill_tskd_{term}'])) for term in TERMS)


def test_so_it_does_of_unlabelled_images_whose_boxes_it_has_found(model, seen, monkeypatch):
    monkeypatch.setattr(model, '_pseudo_boxes', lambda inputs: batch()['gt_bbox'])
    model.see_unlabelled(0.5)
    images = {key: batch()[key] for key in ('image', 'im_shape', 'scale_factor')}
    losses = model({**batch(), 'unlabelled': images})
    assert [image.shape[2:] for image in seen['teacher']] == [(RESIZED, RESIZED)] * 2
    np.testing.assert_array_equal(seen['student'], seen['teacher'])
    np.testing.assert_allclose(seen['boxes'], [scaled_boxes()] * 2, rtol=1e-6)
    assert all(f'distill_unlabelled_tskd_{term}' in losses for term in TERMS)


def test_its_steps_are_timed_on_the_same_batch(model, seen):
    inputs = batch()
    boxes = inputs['gt_bbox'][0].numpy()
    runs = {'terms': benchmark.terms_step(model, inputs), 'whole': benchmark.training_step(model)}
    benchmark.benchmark(runs, inputs, steps=2, warmup=0)
    np.testing.assert_array_equal(inputs['gt_bbox'][0], boxes)
    np.testing.assert_allclose(seen['boxes'], [scaled_boxes()] * 4, rtol=1e-6)
