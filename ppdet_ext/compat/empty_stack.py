# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A batch in which no anchor meets a box.

Defect: on paddlepaddle 2.6.2 ``paddle.stack`` refuses empty tensors, so that
RetinaNet's training stops at the first batch without boxes with ``The dims of
Input(X) should be greater than 0``; 3.3.1 accepts them.

Mend: ``ppdet.modeling.bbox_utils`` sees a ``stack`` that makes an empty tensor
of empty ones, which have no gradient to lose.
"""
from . import mending


def stack(tensors, axis=0):
    import paddle
    shape = list(tensors[0].shape)
    if 0 not in shape:
        return paddle.stack(tensors, axis)
    return paddle.zeros([*shape[:axis], len(tensors), *shape[axis:]], tensors[0].dtype)


def mend():
    import paddle
    if mending.fails(lambda: paddle.stack([mending.cpu_tensor([], 'float32')]), ValueError):
        mending.replace_in_import('ppdet.modeling.bbox_utils', 'paddle', stack=stack)
