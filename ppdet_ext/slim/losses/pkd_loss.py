# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Distillation by Pearson's correlation."""
from ppdet.core.workspace import register

from .. import functional
from .aligned_loss import AlignedLoss
from .distill_loss import ONLY

__all__ = ['PKDLoss']


@register
class PKDLoss(AlignedLoss):
    """Loss of one feature level in PKD, https://arxiv.org/abs/2207.02039

    Cao et al., NeurIPS 2022: the maps are compared after standardising each channel to mean 0 and
    deviation 1, so that patterns count, not the scale of the teacher's features or of a channel.
    Does not use the ground truth.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map. (The released code needs equal ones.)
        alpha_pkd (float): weight of the term; 10 in the released settings of RetinaNet.
    """

    def __init__(self, student_channels=256, teacher_channels=256, alpha_pkd=10.0):
        super().__init__({ONLY: alpha_pkd}, student_channels, teacher_channels)

    def raw_values(self, preds_s, preds_t):
        """Computes the distance of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.

        Returns:
            dict of str to Tensor: one scalar, 1 minus the correlation, averaged over channels.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        return {ONLY: functional.pearson_distance(*self.aligned(preds_s, preds_t))}
