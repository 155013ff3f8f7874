# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The base of losses that first align the student's map to the teacher's channels."""
from ..adapters import align_conv
from .distill_loss import DistillLoss

__all__ = ['AlignedLoss']


class AlignedLoss(DistillLoss):
    """A loss on a pair of maps of one size; ``align``, a 1x1 convolution, evens out the channels.

    Args:
        weights (dict of str to float): of the raw values, as of ``DistillLoss``.
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map; there is no ``align`` where they
            are equal.
        compares (bool): false if no map is ever compared, so that there is nothing to align.
    """

    def __init__(self, weights, student_channels, teacher_channels, compares=True):
        super().__init__(weights)
        self.student_channels = student_channels
        self.teacher_channels = teacher_channels
        self.align = None
        if student_channels != teacher_channels and compares:
            self.align = align_conv(student_channels, teacher_channels)

    def aligned(self, preds_s, preds_t):
        """Checks a pair of maps and brings the student's to the teacher's channels.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W].

        Returns:
            tuple of Tensor: both maps, shape [N, C_t, H, W]; the teacher's cut off.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        name = type(self).__name__
        shape_s, shape_t = list(preds_s.shape), list(preds_t.shape)
        if (shape_s[1], shape_t[1]) != (self.student_channels, self.teacher_channels):
            raise ValueError(f'{name} was built for {self.student_channels} student and '
                             f'{self.teacher_channels} teacher channels, got {shape_s} and '
                             f'{shape_t}')
        if shape_s[0] != shape_t[0] or shape_s[2:] != shape_t[2:]:
            raise ValueError(f'{name} needs maps of one size, got student {shape_s} and teacher '
                             f'{shape_t}')
        return preds_s if self.align is None else self.align(preds_s), preds_t.detach()
