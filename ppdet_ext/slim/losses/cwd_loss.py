# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Channel-wise distillation."""
from ppdet.core.workspace import register

from ...utils.options import POSITIVE, check_value
from .. import functional
from .aligned_loss import AlignedLoss
from .distill_loss import ONLY

__all__ = ['CWDLoss']


@register
class CWDLoss(AlignedLoss):
    """Loss of one feature level in channel-wise distillation, https://arxiv.org/abs/2011.13256

    Shu et al., ICCV 2021, on feature maps: every channel becomes a distribution over the cells,
    which the student's has to follow. Does not use the ground truth.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map.
        tau (float): temperature of the softmax over the cells.
        alpha_cwd (float): weight of the term. The defaults are those of mmrazor's settings of
            RetinaNet.

    Raises:
        ValueError: a temperature that is not positive.
    """

    def __init__(self, student_channels=256, teacher_channels=256, tau=1.0, alpha_cwd=10.0):
        super().__init__({ONLY: alpha_cwd}, student_channels, teacher_channels)
        check_value('CWDLoss: tau', tau, POSITIVE)
        self.tau = tau

    def raw_values(self, preds_s, preds_t):
        """Computes the divergence of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.

        Returns:
            dict of str to Tensor: one scalar, summed over cells, averaged over images and channels.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        return {ONLY: functional.channel_wise_divergence(*self.aligned(preds_s, preds_t),
                                                         self.tau)}
