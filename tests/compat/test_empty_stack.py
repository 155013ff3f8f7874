# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from ppdet.modeling.bbox_utils import bbox2delta

from ppdet_ext.compat.empty_stack import stack


def test_no_boxes_have_no_deltas():
    deltas = bbox2delta(paddle.zeros([0, 4]), paddle.zeros([0, 4]))
    assert deltas.shape == [0, 4]


@pytest.mark.parametrize('axis', [0, 1])
def test_values_are_those_of_paddles_stack(axis):
    tensors = [paddle.rand([3, 2]) for _ in range(4)]
    np.testing.assert_array_equal(stack(tensors, axis=axis).numpy(),
                                  paddle.stack(tensors, axis=axis).numpy())
