# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Dual knowledge align network: losses that preserve base classes while new ones are learned."""
from ppdet.core.workspace import register

from ...utils.options import POSITIVE, check_value, integer
from .. import functional
from .distill_loss import ONLY, DistillLoss

__all__ = ['FeatureKnowledgeAlignLoss', 'LogitKnowledgeAlignLoss']


@register
class FeatureKnowledgeAlignLoss(DistillLoss):
    """Feature knowledge alignment of one level, https://arxiv.org/abs/2209.00519

    Has no layers of its own: the student starts as a copy of the teacher, and the loss measures
    how far its maps have drifted since. Does not use the ground truth.

    Args:
        tau (float): temperature of the softmax over the cells of a channel.
        loss_weight (float): weight of the term; the released code has tau 5 and weight 1, or tau 1
            and weight 5, depending on the split.
        student_channels (int|None): channels of the student's map, filled in by the wiring.
        teacher_channels (int|None): channels of the teacher's map.

    Raises:
        ValueError: a temperature that is not positive, or unequal channels.
    """

    def __init__(self, tau=5.0, loss_weight=1.0, student_channels=None, teacher_channels=None):
        super().__init__({ONLY: loss_weight})
        check_value('FeatureKnowledgeAlignLoss: tau', tau, POSITIVE)
        if student_channels != teacher_channels:
            raise ValueError(f'FeatureKnowledgeAlignLoss compares channel by channel: the student '
                             f'has {student_channels}, the teacher {teacher_channels}; they must '
                             f'have the same neck')
        self.tau = tau
        self.student_channels = student_channels
        self.teacher_channels = teacher_channels

    def raw_values(self, preds_s, preds_t):
        """Computes the divergence of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.

        Returns:
            dict of str to Tensor: one scalar.

        Raises:
            ValueError: maps of unequal shape.
        """
        if preds_s.shape != preds_t.shape:
            raise ValueError(f'FeatureKnowledgeAlignLoss needs maps of one shape, got student '
                             f'{list(preds_s.shape)} and teacher {list(preds_t.shape)}')
        return {ONLY: functional.channel_wise_divergence(preds_s, preds_t, self.tau)}


@register
class LogitKnowledgeAlignLoss(DistillLoss):
    """Logit knowledge alignment, https://arxiv.org/abs/2209.00519

    Args:
        num_base_classes (int): the teacher's classes, which are the student's first ones.
        tau (float): temperature of the softmax over the base classes.
        loss_weight (float): weight of the term.

    Raises:
        ValueError: a temperature that is not positive, or no base class.
    """

    def __init__(self, num_base_classes, tau=5.0, loss_weight=0.01):
        super().__init__({ONLY: loss_weight})
        check_value('LogitKnowledgeAlignLoss: tau', tau, POSITIVE)
        check_value('LogitKnowledgeAlignLoss: num_base_classes', num_base_classes, integer(1))
        self.num_base_classes = num_base_classes
        self.tau = tau

    def raw_values(self, logits_s, logits_t):
        """Computes the divergence.

        Args:
            logits_s (Tensor): the student's logits, shape [R, K_s]; row by row of the same boxes.
            logits_t (Tensor): the teacher's logits, shape [R, K_t]; gets no gradient.

        Returns:
            dict of str to Tensor: one scalar; 0 without rows.

        Raises:
            ValueError: unequal numbers of rows, or fewer columns than base classes.
        """
        shape_s, shape_t = list(logits_s.shape), list(logits_t.shape)
        if shape_s[0] != shape_t[0] or min(shape_s[1], shape_t[1]) < self.num_base_classes:
            raise ValueError(f'LogitKnowledgeAlignLoss needs logits of the same boxes for at least '
                             f'{self.num_base_classes} classes, got student {shape_s} and teacher '
                             f'{shape_t}')
        return {ONLY: functional.base_class_divergence(logits_s, logits_t, self.num_base_classes,
                                                       self.tau)}
