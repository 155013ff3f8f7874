# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Refuses losses that are not finite."""
import math

__all__ = ['check_finite']

DISTILLATION = 'distill_'  # how names of distillation terms begin


def check_finite(losses):
    """Refuses losses whose sum is not finite.

    Args:
        losses (dict of str to Tensor|float): scalars; the sum is ``loss``.

    Raises:
        FloatingPointError: names every loss that is not finite.
    """
    if math.isfinite(float(losses['loss'])):
        return
    wrong = [name for name, value in losses.items() if not math.isfinite(float(value))]
    wrong = [name for name in wrong if name != 'loss'] or ['loss']
    remedies = ['Lower the learning rate', 'set OptimizerBuilder.clip_grad_by_norm']
    if any(name.startswith(DISTILLATION) for name in wrong):
        remedies.insert(1, 'lower the weight of the term')
    raise FloatingPointError(f'{", ".join(wrong)} {"is" if len(wrong) == 1 else "are"} not finite. '
                             f'{", ".join(remedies[:-1])} or {remedies[-1]}')
