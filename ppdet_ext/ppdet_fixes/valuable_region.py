# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Localization distillation stops at an image without boxes.

Defect: of such an image ``ATSSAssigner.get_vlr_region`` returns a pair of
arrays instead of the region, which then cannot be stacked with those of other
images. Any Paddle.

Patch: its region is empty, zeros for every cell.
"""
import numpy as np

from ..compat import patching

ASSIGNER = ('ppdet.data.transform.atss_assigner', 'ATSSAssigner.get_vlr_region')


def patch():
    patching.expect_text(*ASSIGNER, 'return assigned_gt_inds, max_overlaps')
    patching.wrap(*ASSIGNER, _with_region)


def _with_region(get_vlr_region, assigner, bboxes, num_level_bboxes, gt_bboxes, *args, **kwargs):
    if len(gt_bboxes) == 0:
        return np.zeros([len(bboxes)], 'float32')
    return get_vlr_region(assigner, bboxes, num_level_bboxes, gt_bboxes, *args, **kwargs)
