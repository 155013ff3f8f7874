# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A batch in which no anchor meets a box.

Defect: on paddlepaddle 2.6.2 ``paddle.stack`` refuses empty tensors, so that
RetinaNet's training stops at the first batch without boxes with ``The dims of
Input(X) should be greater than 0``; 3.3.1 accepts them.

Mend: ``ppdet.modeling.bbox_utils`` sees a ``stack`` that concatenates, which
takes empty tensors on both; same values, same gradients.
"""
from . import mending


def stack(tensors, axis=0):
    import paddle
    return paddle.concat([tensor.unsqueeze(axis) for tensor in tensors], axis)


def mend():
    import paddle
    if mending.fails(lambda: paddle.stack([mending.cpu_tensor([], 'float32')]), ValueError):
        mending.replace_in_import('ppdet.modeling.bbox_utils', 'paddle', stack=stack)
