# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from vectors import each_case, float64, relative_error

from ppdet_ext.slim import FeatureKnowledgeAlignLoss, LogitKnowledgeAlignLoss, functional


def feature_loss(vector):
    return FeatureKnowledgeAlignLoss(**vector.options)


def logit_loss(vector):
    options = vector.options
    return LogitKnowledgeAlignLoss(options['base_class'], options['tau'], options['loss_weight'])


def check_parity(vector, layer, tolerance):
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    loss = layer(student, teacher)
    loss.backward()
    assert loss.shape == []
    assert relative_error(loss, vector['loss']) < tolerance
    assert relative_error(student.grad, vector['grad__in_student']) < tolerance
    assert teacher.grad is None


@each_case('fka')
def test_parity_of_the_feature_loss(vector):
    check_parity(vector, feature_loss(vector), 1e-5)


@each_case('fka')
@float64()
def test_parity_of_the_feature_loss_in_float64(vector):
    check_parity(vector, feature_loss(vector), 1e-10)


@each_case('lka')
def test_parity_of_the_logit_loss(vector):
    check_parity(vector, logit_loss(vector), 1e-5)


@each_case('lka')
@float64()
def test_parity_of_the_logit_loss_in_float64(vector):
    check_parity(vector, logit_loss(vector), 1e-10)


@each_case('cosine_logits')
def test_parity_of_cosine_logits(vector):
    check_cosine_parity(vector, 1e-5)


@each_case('cosine_logits')
@float64()
def test_parity_of_cosine_logits_in_float64(vector):
    check_cosine_parity(vector, 1e-10)


def check_cosine_parity(vector, tolerance):
    x = vector.tensor('in_x', gradient=True)
    weight = vector.tensor('param_fc_cls.weight', gradient=True)
    logits = functional.cosine_logits(x, weight, vector.options['scale'], vector.options['eps'])
    loss = (logits * vector.tensor('in_cotangent')).sum()
    loss.backward()
    assert relative_error(logits, vector['out_scores']) < tolerance
    assert relative_error(loss, vector['loss']) < tolerance
    expected = vector['aux_grad_weight_if_norm_were_differentiated']
    assert relative_error(weight.grad, expected) < tolerance
    for row, (gradient, expected) in enumerate(zip(x.grad.numpy(), vector['grad__in_x'])):
        # Of a zero row it is something over eps, which paddlepaddle 2.6.2 rounds to float32.
        zero = not vector['in_x'][row].any()
        assert relative_error(gradient, expected) < (max(tolerance, 1e-7) if zero else tolerance)


def test_the_feature_loss_is_zero_where_maps_are_equal_or_shifted():
    maps = paddle.randn([2, 4, 5, 6])
    layer = FeatureKnowledgeAlignLoss()
    assert float(layer(maps, maps)) == 0.0
    # A softmax does not see what all cells of a channel share.
    assert abs(float(layer(maps + 3.0, maps))) < 1e-5
    assert float(layer(maps * 2.0, maps)) > 1e-3


def test_the_logit_loss_sees_the_base_classes_only():
    teacher = paddle.to_tensor([[2.0, 0.0, 9.0], [0.0, 1.0, -9.0]])
    student = paddle.to_tensor([[2.0, 0.0, 5.0, 1.0, 7.0], [0.0, 1.0, 0.0, 3.0, -2.0]],
                               stop_gradient=False)
    layer = LogitKnowledgeAlignLoss(2, tau=5.0, loss_weight=1.0)
    assert abs(float(layer(student, teacher))) < 1e-6
    other = student.detach()[:, :2] * -1.0
    other.stop_gradient = False
    layer(other, teacher).backward()
    assert float(other.grad.abs().min()) > 0
    (layer(student, teacher * 3.0)).backward()
    assert float(student.grad[:, :2].abs().min()) > 0
    assert float(student.grad[:, 2:].abs().max()) == 0.0


def test_the_logit_loss_by_hand():
    # q = (3/4, 1/4), p = (1/2, 1/2): KL = 3/4 log(3/2) + 1/4 log(1/2); times tau^2 and the weight.
    teacher = paddle.to_tensor([[2.0 * np.log(3.0), 0.0]], dtype='float32')
    loss = LogitKnowledgeAlignLoss(2, tau=2.0, loss_weight=0.5)(paddle.zeros([1, 2]), teacher)
    expected = 0.5 * 4.0 * (0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    np.testing.assert_allclose(float(loss), expected, rtol=1e-6)


def test_no_boxes_give_zero():
    loss = LogitKnowledgeAlignLoss(3)(paddle.zeros([0, 7]), paddle.zeros([0, 4]))
    assert loss.shape == [] and float(loss) == 0.0


@pytest.mark.parametrize('build, message', [
    (lambda: FeatureKnowledgeAlignLoss(tau=0.0), 'tau must be a number above 0, got 0.0'),
    (lambda: FeatureKnowledgeAlignLoss(student_channels=16, teacher_channels=24),
     'the student has 16, the teacher 24'),
    (lambda: LogitKnowledgeAlignLoss(0),
     'num_base_classes must be an integer of at least 1, got 0'),
    (lambda: LogitKnowledgeAlignLoss(3, tau=-1.0), 'tau must be a number above 0'),
    (lambda: FeatureKnowledgeAlignLoss()(paddle.ones([1, 2, 3, 3]), paddle.ones([1, 2, 3, 4])),
     r'one shape, got student \[1, 2, 3, 3\]'),
    (lambda: LogitKnowledgeAlignLoss(3)(paddle.ones([1, 7]), paddle.ones([2, 4])),
     r'got student \[1, 7\] and teacher \[2, 4\]'),
    (lambda: LogitKnowledgeAlignLoss(3)(paddle.ones([2, 7]), paddle.ones([2, 2])),
     'at least 3 classes'),
])
def test_what_does_not_fit_is_an_error(build, message):
    with pytest.raises(ValueError, match=message):
        build()
