# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""FCOS trains on images without boxes.

Defect: its targets are a minimum over the boxes, ``ValueError: zero-size array
to reduction operation minimum``, after which the run waits forever for the
batch; its losses are divided by the number of positives, so that a batch
without any is not finite. Any Paddle.

Patch: such an image gets a box of no extent, in which no point lies; no divisor
is zero.
"""
from ..compat import patching

TARGETS = ('ppdet.data.transform.batch_operators', 'Gt2FCOSTarget.__call__')


def patch():
    patching.expect_text(*TARGETS, 'points2gtarea.min(axis=1)')
    patching.wrap(*TARGETS, _with_a_box)
    patching.replace_text('ppdet.modeling.losses.fcos_loss', 'FCOSLoss.forward', {
        'num_positive_fp32 = paddle.sum(mask_positive_float)':
        'num_positive_fp32 = paddle.sum(mask_positive_float).clip(min=1.0)',
        'normalize_sum = paddle.sum(tag_center_flatten * mask_positive_float)':
        'normalize_sum = paddle.sum(tag_center_flatten * mask_positive_float).clip(min=1e-6)',
        # Defined outside its class, a function must spell out mangled names.
        'self.__iou_loss(': 'self._FCOSLoss__iou_loss('})


def _with_a_box(call, self, samples, *args, **kwargs):
    import numpy as np
    for sample in samples:
        if len(sample['gt_bbox']) == 0:
            sample['gt_bbox'] = np.zeros([1, 4], sample['gt_bbox'].dtype)
            sample['gt_class'] = np.zeros([1, 1], sample['gt_class'].dtype)
    return call(self, samples, *args, **kwargs)
