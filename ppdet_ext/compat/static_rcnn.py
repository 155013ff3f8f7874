# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Faster R-CNN cannot be exported.

Defect: the number of boxes of an image comes without a dimension, which graphs of paddlepaddle
2.6.2 and 3.3.1 cannot index: ``ValueError: The axis value should be less than the rank of input``.

Patch: the numbers are tensors of one element, also in eager computation, where the values are the
same.
"""
from . import patching

ROWS = {
    ('ppdet.modeling.proposal_generator.rpn_head', 'RPNHead._gen_proposal'): {
        'paddle.shape(topk_rois)[0])': 'paddle.shape(topk_rois)[0:1])'},
    ('ppdet.modeling.post_process', 'BBoxPostProcess.get_pred'): {
        'bbox_num_i = bbox_num[i]': 'bbox_num_i = bbox_num[i:i + 1]',
        'scale_y, scale_x = scale_factor[i][0], scale_factor[i][1]':
        'scale_y, scale_x = scale_factor[i][0:1], scale_factor[i][1:2]'},
}


def patch():
    for (module, qualname), replacements in ROWS.items():
        patching.replace_text(module, qualname, replacements)
