# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Differences between runs that have the same seed."""
import statistics

from scipy import stats

__all__ = ['difference']

CONFIDENCE = 0.95


def difference(values, baseline):
    """Compares runs with those of a baseline that have the same seeds.

    Args:
        values (dict of int to float or None): metric by seed; None where there was nothing to
            measure.
        baseline (dict of int to float or None): the same of the baseline.

    Returns:
        tuple or None: mean of the differences by seed, and half the width of its 95 % confidence
        interval (Student's t; None for one seed). None without a common seed that was measured.
    """
    pairs = [value - baseline[seed] for seed, value in values.items()
             if None not in (value, baseline.get(seed))]
    if not pairs:
        return None
    if len(pairs) == 1:
        return pairs[0], None
    error = statistics.stdev(pairs) / len(pairs)**0.5
    return statistics.mean(pairs), stats.t.ppf((1 + CONFIDENCE) / 2, len(pairs) - 1) * error
