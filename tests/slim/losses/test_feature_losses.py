# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What all losses on pairs of maps have to keep, whatever they compute."""
import inspect

import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create

from ppdet_ext.slim import (
    BoxMimicLoss,
    CanKDLoss,
    CWDLoss,
    FGDLoss,
    MGDFeatureLoss,
    MimicLoss,
    PKDLoss,
    WKDLoss,
)

LOSSES = {loss.__name__: loss for loss in (
    BoxMimicLoss, CWDLoss, CanKDLoss, FGDLoss, MimicLoss, PKDLoss, WKDLoss)}
IMAGE_SHAPE = [80, 160]
BOX, OTHER_BOX = [20.0, 10.0, 60.0, 45.0], [75.0, 22.0, 131.0, 64.0]


@pytest.fixture(params=LOSSES)
def loss_class(request):
    paddle.seed(0)
    return LOSSES[request.param]


def maps(images=2, channels=(4, 4), size=(8, 16)):
    """Random map of the student and of the teacher, both with gradient."""
    pair = [paddle.randn([images, number, *size]) for number in channels]
    for feature in pair:
        feature.stop_gradient = False
    return pair


def computed(layer, student, teacher, boxes):
    """The weighted loss, of images of ``IMAGE_SHAPE`` with these boxes."""
    options = {}
    if 'gt_boxes' in inspect.signature(layer.raw_values).parameters:
        options = {'gt_boxes': [paddle.to_tensor(np.reshape(b, [-1, 4]), 'float32') for b in boxes],
                   'image_shapes': paddle.to_tensor([IMAGE_SHAPE] * len(boxes), 'float32')}
    terms = layer(student, teacher, **options)
    return terms['loss'] if isinstance(terms, dict) else terms


@pytest.mark.parametrize('channels', [(4, 4), (4, 6)], ids=['equal', 'unequal'])
def test_the_gradient_reaches_the_student_and_not_the_teacher(loss_class, channels):
    student, teacher = maps(channels=channels)
    layer = loss_class(*channels)
    assert (layer.align is None) == (channels[0] == channels[1])
    loss = computed(layer, student, teacher, [[BOX, OTHER_BOX], [BOX]])
    loss.backward()
    assert loss.shape == [] and float(loss) > 0.0
    assert float(student.grad.abs().max()) > 0.0
    assert teacher.grad is None


def test_is_zero_and_lowest_where_student_equals_teacher(loss_class):
    layer = loss_class(4, 4)
    student, teacher = maps()
    images = [[BOX, OTHER_BOX], [BOX]]
    equal = computed(layer, teacher.detach(), teacher, images)
    near = computed(layer, teacher.detach() + 0.1 * student.detach(), teacher, images)
    assert abs(float(equal)) < 1e-6 < float(near)


def test_own_layers_move(loss_class):
    # The released weight of FGD's relation is too small for two steps in float32.
    layer = loss_class(4, 6, **({'lambda_fgd': 0.01} if loss_class is FGDLoss else {}))
    before = {name: p.numpy().copy() for name, p in layer.named_parameters()}
    optimizer = paddle.optimizer.SGD(0.1, layer.parameters())
    for _ in range(2):  # blocks that start as the identity learn by their last layer first
        computed(layer, *maps(channels=(4, 6)), [[BOX, OTHER_BOX], [BOX]]).backward()
        optimizer.step()
        optimizer.clear_grad()
    # What shifts a whole channel is taken away by the norms of these.
    shifts = {'align.bias'} if loss_class in (PKDLoss, CWDLoss) else set()
    still = {name for name, parameter in layer.named_parameters()
             if np.array_equal(before[name], parameter.numpy())}
    assert still <= shifts and 'align.weight' in before


@pytest.mark.parametrize('boxes', [[[], []], [[BOX]], [[]], [[BOX] * 40, []]],
                         ids=['no_boxes', 'one_image', 'one_image_no_box', 'many'])
def test_any_number_of_images_and_boxes(loss_class, boxes):
    student, teacher = maps(len(boxes))
    loss = computed(loss_class(4, 4), student, teacher, boxes)
    loss.backward()
    assert (float(loss) > 0.0) == (loss_class is not BoxMimicLoss or any(boxes))
    assert np.isfinite(student.grad.numpy()).all()


@pytest.mark.parametrize('images, size', [(1, (1, 1)), (2, (1, 1)), (1, (1, 3)), (2, (5, 7))])
def test_maps_of_any_size(loss_class, images, size):
    student, teacher = maps(images, (4, 6), size)
    loss = computed(loss_class(4, 6), student, teacher, [[BOX]] * images)
    loss.backward()
    assert np.isfinite(float(loss)) and np.isfinite(student.grad.numpy()).all()


def test_constant_channels_and_single_channels_are_finite(loss_class):
    student, teacher = paddle.full([2, 1, 4, 4], 3.0), paddle.full([2, 1, 4, 4], 5.0)
    student.stop_gradient = False
    loss = computed(loss_class(1, 1), student, teacher, [[BOX], []])
    loss.backward()
    assert np.isfinite(float(loss)) and np.isfinite(student.grad.numpy()).all()


@pytest.mark.parametrize('student, teacher, message', [
    ([1, 5, 4, 4], [1, 6, 4, 4], r'built for 4 student and 6 teacher channels, got \[1, 5, 4, 4\]'),
    ([1, 4, 4, 4], [1, 6, 8, 8], r'one size, got student \[1, 4, 4, 4\] and teacher'),
])
def test_refuses_maps_that_do_not_fit(loss_class, student, teacher, message):
    with pytest.raises(ValueError, match=f'{loss_class.__name__} .*{message}'):
        computed(loss_class(4, 6), paddle.zeros(student), paddle.zeros(teacher), [[BOX]])


@pytest.mark.parametrize('loss_class, option', [
    (FGDLoss, {'temp': 0.0}), (CWDLoss, {'tau': 0.0}), (WKDLoss, {'grid': 0}),
    (WKDLoss, {'grid': 2.5})])
def test_refuses_options_out_of_range(loss_class, option):
    with pytest.raises(ValueError, match=f'{loss_class.__name__}: {next(iter(option))} '):
        loss_class(4, 4, **option)


def test_is_registered_and_says_whether_it_uses_the_ground_truth(loss_class):
    assert isinstance(create(loss_class.__name__), loss_class)
    uses = 'gt_boxes' in inspect.signature(loss_class.raw_values).parameters
    text = ' '.join(loss_class.__doc__.split())
    assert ('Uses the ground-truth boxes' in text) == uses
    assert ('Does not use the ground truth' in text) != uses


def test_all_of_them_fit_the_same_map():
    student, teacher = maps(channels=(4, 6))
    layers = [loss_class(4, 6) for loss_class in (*LOSSES.values(), MGDFeatureLoss)]
    sum(computed(layer, student, teacher, [[BOX], []]) for layer in layers).backward()
    trained = [p for layer in layers for p in layer.parameters() if not p.stop_gradient]
    assert trained and all(parameter.grad is not None for parameter in trained)
