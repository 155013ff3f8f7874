# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""PicoDet and PP-YOLOE stop at a batch without boxes.

Defect: their assigners then return three values instead of four, ``ValueError:
not enough values to unpack``; PicoDet would divide its loss by the zero sum of
scores. Any Paddle.

Patch: the fourth value, an empty mask of positives, is added; PicoDet's loss is
divided by one.
"""
from ..compat import patching
from ..compat.assigner_labels import ASSIGNERS


def patch():
    for module, qualname in ASSIGNERS:
        patching.expect_text(module, qualname, 'if num_max_boxes == 0:')
        patching.wrap(module, qualname, _with_mask)
    patching.replace_text('ppdet.modeling.heads.pico_head', 'PicoHeadV2.get_loss', {
        'avg_factor = flatten_assigned_scores.sum()':
        # With several processes it is at least 1 already.
        'avg_factor = flatten_assigned_scores.sum() + float('
        'num_total_pos == 0 and paddle.distributed.get_world_size() == 1)'})


def _with_mask(forward, *args, **kwargs):
    import paddle
    assigned = forward(*args, **kwargs)
    if len(assigned) == 4:
        return assigned
    images, anchors = assigned[0].shape
    return (*assigned, paddle.zeros([images, 0, anchors]))
