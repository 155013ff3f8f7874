# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Distillation by cross attention."""
from ppdet.core.workspace import register

from .. import functional
from ..adapters import CrossAttention
from .aligned_loss import AlignedLoss
from .distill_loss import ONLY

__all__ = ['CanKDLoss']


@register
class CanKDLoss(AlignedLoss):
    """Loss of one feature level in CanKD, https://arxiv.org/abs/2511.21503

    Sun and Ohyama, Cross-Attention-based Non-local Operation for Feature-based Knowledge
    Distillation, WACV 2026: before its map is compared, every cell of the student attends to all
    cells of the teacher. Does not use the ground truth.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map. (The released code needs equal ones.)
        alpha_cankd (float): weight of the term; 10 in the released settings, which the paper writes
            as 5, before the half in the loss.
    """

    def __init__(self, student_channels=256, teacher_channels=256, alpha_cankd=10.0):
        super().__init__({ONLY: alpha_cankd}, student_channels, teacher_channels)
        self.attention = CrossAttention(teacher_channels)

    def raw_values(self, preds_s, preds_t):
        """Computes the error of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.

        Returns:
            dict of str to Tensor: one scalar, averaged over all elements; 0 for maps of one cell.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        preds_s, preds_t = self.aligned(preds_s, preds_t)
        return {ONLY: functional.instance_normalized_error(self.attention(preds_s, preds_t),
                                                           preds_t)}
