# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A batch in which no anchor meets a box.

Defect: on paddlepaddle 2.6.2 ``paddle.stack`` refuses empty tensors, and there
and on 3.0.0 ``paddle.concat`` a list of nothing but empty tensors, so that
RetinaNet's training stops at the first batch without boxes; 3.1.1 accepts both.

Patch: ``bbox2delta`` and RetinaNet's head see a ``stack`` and a ``concat`` that
make an empty tensor of empty ones, which have no gradient to lose.
"""
from . import patching


def stack(tensors, axis=0):
    import paddle
    shape = list(tensors[0].shape)
    if 0 not in shape:
        return paddle.stack(tensors, axis)
    return paddle.zeros([*shape[:axis], len(tensors), *shape[axis:]], tensors[0].dtype)


def concat(tensors, axis=0):
    import paddle
    if all(0 in tensor.shape for tensor in tensors):
        return tensors[0]
    return paddle.concat(tensors, axis)


def patch():
    import paddle
    empty = [patching.cpu_tensor([], 'float32')]
    if patching.fails(lambda: paddle.stack(empty), ValueError):
        patching.replace_in_import('ppdet.modeling.bbox_utils', 'paddle', stack=stack)
    if patching.fails(lambda: paddle.concat(empty), ValueError):
        patching.replace_in_import('ppdet.modeling.heads.retina_head', 'paddle', concat=concat)
