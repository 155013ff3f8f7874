# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reader operators that PaddleDetection lacks."""
import numpy as np
import ppdet.data.transform
from ppdet.data.transform.operators import BaseOperator, register_op

__all__ = ['KeepGTBox', 'KEPT_BOXES']

KEPT_BOXES = 'distill_gt_bbox'


@register_op
class KeepGTBox(BaseOperator):
    """Batch operator that keeps the boxes beside an operator that turns them into targets.

    FCOS's and GFL's readers drop ``gt_bbox``, which distillation by instances needs. The boxes are
    written to ``distill_gt_bbox``, padded with zeros to the same number in every image.
    """

    def __call__(self, samples, context=None):
        most = max(len(sample['gt_bbox']) for sample in samples)
        for sample in samples:
            kept = np.zeros([max(most, 1), 4], 'float32')
            kept[:len(sample['gt_bbox'])] = np.reshape(sample['gt_bbox'], [-1, 4])
            sample[KEPT_BOXES] = kept
        return samples


# A reader finds its operators in this module.
ppdet.data.transform.KeepGTBox = KeepGTBox
