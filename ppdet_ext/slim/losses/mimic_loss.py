# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Plain imitation of features: the baseline that every other method has to beat."""
from ppdet.core.workspace import register

from .. import functional
from .aligned_loss import AlignedLoss
from .distill_loss import ONLY

__all__ = ['BoxMimicLoss', 'MimicLoss']


@register
class MimicLoss(AlignedLoss):
    """Squared distance between all features of one level.

    FitNets (Romero et al., ICLR 2015, https://arxiv.org/abs/1412.6550), for detectors Li et al.,
    Mimicking Very Efficient Network for Object Detection, CVPR 2017. Does not use the ground truth.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map.
        alpha_mimic (float): weight of the term; that of ``BoxMimicLoss``.
    """

    def __init__(self, student_channels=256, teacher_channels=256, alpha_mimic=0.01):
        super().__init__({ONLY: alpha_mimic}, student_channels, teacher_channels)

    def raw_values(self, preds_s, preds_t):
        """Computes the error of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.

        Returns:
            dict of str to Tensor: one scalar, half the squared distance, summed over channels,
            averaged over cells.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        return {ONLY: functional.imitation_error(*self.aligned(preds_s, preds_t))}


@register
class BoxMimicLoss(AlignedLoss):
    """Squared distance between the features of one level inside the boxes.

    Fine-grained feature imitation (Wang et al., CVPR 2019, https://arxiv.org/abs/1906.03609), whose
    code imitates where an anchor overlaps a box; here it is where the box itself is. Uses the
    ground-truth boxes.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map.
        alpha_mimic (float): weight of the term; 0.01 in the paper.
    """

    def __init__(self, student_channels=256, teacher_channels=256, alpha_mimic=0.01):
        super().__init__({ONLY: alpha_mimic}, student_channels, teacher_channels)

    def raw_values(self, preds_s, preds_t, gt_boxes, image_shapes):
        """Computes the error of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.
            gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels. May be
                empty.
            image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the maps cover.

        Returns:
            dict of str to Tensor: one scalar, half the squared distance, summed over channels,
            averaged over the cells of the batch that a box covers, even in part; 0 without any.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        preds_s, preds_t = self.aligned(preds_s, preds_t)
        inside = functional.covered_cells(gt_boxes, image_shapes, *preds_t.shape[2:])
        return {ONLY: functional.imitation_error(preds_s, preds_t, inside.astype(preds_s.dtype))}
