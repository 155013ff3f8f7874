# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from ppdet.modeling.bbox_utils import bbox2delta

from ppdet_ext.compat.empty_tensors import concat, stack


def test_no_boxes_have_no_deltas():
    deltas = bbox2delta(paddle.zeros([0, 4]), paddle.zeros([0, 4]))
    assert deltas.shape == [0, 4]


@pytest.mark.parametrize('axis', [0, 1])
def test_values_are_those_of_paddles_stack(axis):
    tensors = [paddle.rand([3, 2]) for _ in range(4)]
    np.testing.assert_array_equal(stack(tensors, axis=axis).numpy(),
                                  paddle.stack(tensors, axis=axis).numpy())


def test_concat_takes_empty_tensors_and_leaves_others_alone():
    empty, full = paddle.zeros([0, 4]), paddle.rand([3, 4])
    assert concat([empty, empty]).shape == [0, 4]
    np.testing.assert_array_equal(concat([empty, full]).numpy(), full.numpy())
    np.testing.assert_array_equal(concat([full, full], axis=1).numpy(),
                                  paddle.concat([full, full], axis=1).numpy())
