# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Masked generative distillation."""
from ppdet.core.workspace import global_config, register

from ...utils.options import Kind, check_value, is_number
from .. import functional
from ..adapters import generation_block
from .aligned_loss import AlignedLoss
from .distill_loss import ONLY

__all__ = ['MGDFeatureLoss']

# Of cells; without any cell there would be nothing to generate from.
ERASED = Kind('a number of at least 0 and below 1',
              lambda value: is_number(value) and 0 <= value < 1)

# paddledet 2.6.0 registers a loss of this name that masks nothing. Only its PP-YOLOE distillation
# builds it, directly from the class, so reassigning the name does not affect that.
global_config.pop('MGDFeatureLoss', None)


@register
class MGDFeatureLoss(AlignedLoss):
    """Loss of one feature level in masked generative distillation, https://arxiv.org/abs/2205.01529

    The student's map is aligned to the teacher's channels, random cells of it are erased, and a
    small block has to generate the teacher's whole map from what is left. ``align`` and
    ``generation`` train with the student, as in the official PyTorch code (the Paddle write-up of
    the method keeps them out of the optimizer). Does not use the ground truth.

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map.
        alpha_mgd (float): weight of the term; 2e-5 for one-stage, 5e-7 for two-stage detectors in
            the paper.
        lambda_mgd (float): probability that a cell is erased, in [0, 1); 0.65 for one-stage, 0.45
            for two-stage detectors in the paper.

    Raises:
        ValueError: a ``lambda_mgd`` out of its range.
    """

    def __init__(self,
                 student_channels=256,
                 teacher_channels=256,
                 alpha_mgd=2e-5,
                 lambda_mgd=0.65):
        super().__init__({ONLY: alpha_mgd}, student_channels, teacher_channels)
        check_value('MGDFeatureLoss: lambda_mgd', lambda_mgd, ERASED)
        self.lambda_mgd = lambda_mgd
        self.generation = generation_block(teacher_channels)

    def raw_values(self, preds_s, preds_t, mask=None):
        """Computes the error of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.
            mask (Tensor|None): shape [N, 1, H, W] of 0 (erased) and 1 (kept); drawn if None.

        Returns:
            dict of str to Tensor: one scalar, summed over channels and cells, averaged over
            images.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        preds_s, preds_t = self.aligned(preds_s, preds_t)
        if mask is None:
            mask = functional.random_mask(preds_s, self.lambda_mgd)
        return {ONLY: functional.masked_generation_error(
            preds_s, preds_t, mask.astype(preds_s.dtype), self.generation)}
