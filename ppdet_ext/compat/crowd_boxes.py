# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Faster R-CNN multiplies the int32 of crowd marks with float32.

Defect: on paddlepaddle 3.3.1 an image with a crowd box is ``TypeError: Type
promotion only support ...`` in training; 2.6.2 accepts it.

Patch: the marks come as float32.
"""
from . import patching

MODULE, FUNCTION = 'ppdet.modeling.proposal_generator.target', 'label_box'


def patch():
    left, right = patching.cpu_tensor([1], 'int32'), patching.cpu_tensor([1], 'float32')
    if patching.fails(lambda: left * right, TypeError):
        patching.expect_text(MODULE, FUNCTION, 'mask = is_crowd * ones')
        patching.wrap(MODULE, FUNCTION, _with_float_marks)


def _with_float_marks(label_box, anchors, gt_boxes, positive_overlap, negative_overlap,
                      allow_low_quality, ignore_thresh, is_crowd=None, assign_on_cpu=False):
    if is_crowd is not None:
        is_crowd = is_crowd.astype('float32')
    return label_box(anchors, gt_boxes, positive_overlap, negative_overlap, allow_low_quality,
                     ignore_thresh, is_crowd, assign_on_cpu)
