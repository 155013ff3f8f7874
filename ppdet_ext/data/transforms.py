# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reader operators that PaddleDetection lacks."""
import numpy as np
import ppdet.data.transform
from ppdet.data.transform.operators import BaseOperator, register_op

from ..utils.options import FRACTION, check_value

__all__ = ['KeepGTBox', 'KEPT_BOXES', 'RandomVerticalFlip']

KEPT_BOXES = 'distill_gt_bbox'


@register_op
class KeepGTBox(BaseOperator):
    """Batch operator that keeps the boxes that a later operator turns into targets.

    The readers of FCOS and GFL drop ``gt_bbox``, which instance-based distillation needs. The
    boxes are written to ``distill_gt_bbox``, padded with zeros to the same number in every image.
    """

    def __call__(self, samples, context=None):
        most = max(len(sample['gt_bbox']) for sample in samples)
        for sample in samples:
            kept = np.zeros([max(most, 1), 4], 'float32')
            kept[:len(sample['gt_bbox'])] = np.reshape(sample['gt_bbox'], [-1, 4])
            sample[KEPT_BOXES] = kept
        return samples


@register_op
class RandomVerticalFlip(BaseOperator):
    """Turns an image and its boxes upside down, with a probability of ``prob``.

    The counterpart of ``RandomFlip``, which swaps left and right, for images that have no upper
    side, such as those of a surface seen from above.

    Args:
        prob (float): from 0 to 1.

    Raises:
        ValueError: ``prob`` is not from 0 to 1, or a sample has masks or key points, which this
            operator does not flip.
    """

    NOT_FLIPPED = ('gt_poly', 'gt_segm', 'gt_keypoint', 'semantic')

    def __init__(self, prob=0.5):
        super().__init__()
        check_value('RandomVerticalFlip: prob', prob, FRACTION)
        self.prob = prob

    def apply(self, sample, context=None):
        for name in self.NOT_FLIPPED:
            if len(sample.get(name, ())):
                raise ValueError(f'RandomVerticalFlip flips images and boxes only, but the sample '
                                 f'has {name!r}: leave it out of the data_fields of the dataset')
        if np.random.uniform(0, 1) >= self.prob:
            return sample
        sample['image'] = sample['image'][::-1]
        if len(sample.get('gt_bbox', ())):
            height = sample['image'].shape[0]
            sample['gt_bbox'][:, [1, 3]] = height - sample['gt_bbox'][:, [3, 1]]
        return sample


# A reader finds its operators in this module.
for operator in KeepGTBox, RandomVerticalFlip:
    setattr(ppdet.data.transform, operator.__name__, operator)
