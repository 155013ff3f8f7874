# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle
from paddle.static import InputSpec
from ppdet.modeling import ops


def test_options_by_position_in_a_graph():
    def suppress(boxes, scores):
        return ops.multiclass_nms(boxes, scores, 0.05, 100, 10, 0.5)[0]

    static = paddle.jit.to_static(suppress, full_graph=True, input_spec=[
        InputSpec([1, 3, 4], name='boxes'), InputSpec([1, 2, 3], name='scores')])
    assert static.concrete_program is not None
