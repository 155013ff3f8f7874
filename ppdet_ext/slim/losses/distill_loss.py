# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The base of all distillation losses: raw values, and one weight for each."""
from paddle import nn

__all__ = ['DistillLoss', 'ONLY']

# The name of the value of a loss with a single value.
ONLY = ''


class DistillLoss(nn.Layer):
    """A loss that compares something of the student with something of the teacher.

    A subclass computes ``raw_values`` and knows nothing of their weights; the weight of a value
    is in ``weights`` and nowhere else. Its trainable sublayers train with the student.

    Args:
        weights (dict of str to float): factor of each raw value, by name; ``ONLY`` for a single
            value.
    """

    def __init__(self, weights):
        super().__init__()
        self.weights = dict(weights)

    def raw_values(self, preds_s, preds_t):
        """Computes the values without their weights.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.

        Returns:
            dict of str to Tensor: scalars, those that ``weights`` names, at every step; zero where
            there is nothing to compare. The arguments ``gt_boxes`` and ``image_shapes`` may
            follow, see ``Batch``.
        """
        raise NotImplementedError

    def forward(self, *inputs, **options):
        """Computes the weighted loss, from the arguments of ``raw_values``.

        Returns:
            Tensor or dict of str to Tensor: a scalar; of a loss with several values a scalar for
            each, and ``loss``, their sum.
        """
        raw = self.raw_values(*inputs, **options)
        terms = {name: weight * raw[name] for name, weight in self.weights.items()}
        return terms[ONLY] if ONLY in terms else {**terms, 'loss': sum(terms.values())}
