# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Distillation by the Wasserstein distance."""
from ppdet.core.workspace import register

from ...utils.options import check_value, integer
from .. import functional
from .aligned_loss import AlignedLoss

__all__ = ['WKDLoss']


@register
class WKDLoss(AlignedLoss):
    """Loss of one feature level in WKD-F, https://arxiv.org/abs/2412.08139

    Lv et al., Wasserstein Distance Rivals Kullback-Leibler Divergence for Knowledge Distillation,
    NeurIPS 2024: a channel of the map is treated as a normal distribution, and ``mean`` and
    ``deviation`` are the parts of the Wasserstein distance between the student's and the teacher's.
    Does not use the ground truth.

    The paper applies it to the last features of a classifier and to the regions of Faster R-CNN,
    behind a convolution with batch norm and ReLU; here it is a level of the neck, behind ``align``
    where the channels differ.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map.
        grid (int): blocks of the map in each direction that have a distribution of their own.
        alpha_mean (float): weight of the means; twice that of the deviations in the released
            settings of ImageNet, which the defaults are.
        alpha_deviation (float): weight of the deviations.

    Raises:
        ValueError: a grid without blocks.
    """

    def __init__(self,
                 student_channels=256,
                 teacher_channels=256,
                 grid=1,
                 alpha_mean=0.04,
                 alpha_deviation=0.02):
        super().__init__({'mean': alpha_mean, 'deviation': alpha_deviation}, student_channels,
                         teacher_channels)
        check_value('WKDLoss: grid', grid, integer(1))
        self.grid = grid

    def raw_values(self, preds_s, preds_t):
        """Computes the distance of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.

        Returns:
            dict of str to Tensor: scalars ``mean`` and ``deviation``, summed over channels and
            averaged over images and blocks.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        mean, deviation = functional.gaussian_distance(*self.aligned(preds_s, preds_t), self.grid)
        return {'mean': mean, 'deviation': deviation}
