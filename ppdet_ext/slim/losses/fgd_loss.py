# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Focal and global distillation."""
import paddle
from ppdet.core.workspace import register

from ...utils.options import POSITIVE, check_value
from .. import functional
from ..adapters import GlobalContext
from .aligned_loss import AlignedLoss

__all__ = ['FGDLoss']


@register
class FGDLoss(AlignedLoss):
    """Loss of one feature level in focal and global distillation, https://arxiv.org/abs/2111.11837

    Yang et al., CVPR 2022. Focal: ``fg`` and ``bg``, the features inside and outside the boxes,
    weighted by the teacher's attention, and ``attention``, the attention itself. Global:
    ``relation``, the two maps after one global-context block each. The blocks train with the
    student. Uses the ground-truth boxes.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map.
        temp (float): temperature of the attention.
        alpha_fgd (float): weight of ``fg``. The defaults are those of the released settings of
            RetinaNet and GFL.
        beta_fgd (float): weight of ``bg``.
        gamma_fgd (float): weight of ``attention``; 0.001 is the default of the released class.
        lambda_fgd (float): weight of ``relation``; 0 leaves its blocks out.

    Raises:
        ValueError: a temperature that is not positive.
    """

    def __init__(self,
                 student_channels=256,
                 teacher_channels=256,
                 temp=0.5,
                 alpha_fgd=1e-3,
                 beta_fgd=5e-4,
                 gamma_fgd=5e-4,
                 lambda_fgd=5e-6):
        super().__init__({'fg': alpha_fgd, 'bg': beta_fgd, 'attention': gamma_fgd,
                          'relation': lambda_fgd}, student_channels, teacher_channels)
        check_value('FGDLoss: temp', temp, POSITIVE)
        self.temp = temp
        self.context_s = self.context_t = None
        if lambda_fgd:
            self.context_s = GlobalContext(teacher_channels)
            self.context_t = GlobalContext(teacher_channels)

    def raw_values(self, preds_s, preds_t, gt_boxes, image_shapes):
        """Computes the terms of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.
            gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels. May be
                empty: all is background then.
            image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the maps cover:
                of the padded batch, where there is padding. (The released code takes the unpadded
                sizes, which shifts the boxes.)

        Returns:
            dict of str to Tensor: scalars ``fg``, ``bg``, ``attention`` and ``relation``, sums over
            channels and cells, averaged over images.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        preds_s, preds_t = self.aligned(preds_s, preds_t)
        foreground, background = functional.foreground_background_error(
            preds_s, preds_t, gt_boxes, image_shapes, self.temp)
        return {'fg': foreground, 'bg': background,
                'attention': functional.attention_error(preds_s, preds_t, self.temp),
                'relation': self._relation(preds_s, preds_t)}

    def _relation(self, preds_s, preds_t):
        if self.context_s is None:
            return paddle.zeros([])
        difference = self.context_s(preds_s) - self.context_t(preds_t)
        return paddle.square(difference).sum() / preds_s.shape[0]
