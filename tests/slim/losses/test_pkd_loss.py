# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
from vectors import float64

from ppdet_ext.slim import PKDLoss


@float64()
def test_is_one_minus_the_correlation_of_each_channel():
    student, teacher = paddle.randn([3, 4, 5, 6]), paddle.randn([3, 4, 5, 6])
    loss = PKDLoss(4, 4, alpha_pkd=10.0)(student, teacher)
    cells = 3 * 5 * 6
    correlations = [np.corrcoef(s.numpy().ravel(), t.numpy().ravel())[0, 1] for s, t in zip(
        student.transpose([1, 0, 2, 3]), teacher.transpose([1, 0, 2, 3]))]
    # The deviation is the unbiased one.
    expected = (1.0 - np.mean(correlations)) * (cells - 1) / cells
    np.testing.assert_allclose(float(loss), 10.0 * expected, rtol=1e-5)


def test_sees_neither_scale_nor_shift_of_a_channel():
    layer = PKDLoss(4, 4)
    student, teacher = paddle.randn([2, 4, 6, 6]), paddle.randn([2, 4, 6, 6])
    scale, shift = (paddle.rand([1, 4, 1, 1]) + 0.5 for _ in range(2))
    np.testing.assert_allclose(float(layer(scale * student + shift, 100.0 * teacher)),
                               float(layer(student, teacher)), rtol=1e-4)


def test_is_twice_its_weight_for_opposite_maps():
    student = paddle.randn([4, 2, 16, 16])
    np.testing.assert_allclose(float(PKDLoss(2, 2, alpha_pkd=1.0)(student, -student)), 2.0,
                               rtol=2e-3)
