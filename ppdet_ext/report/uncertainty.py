# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""How much metrics may vary with other test images: the bootstrap over images."""
import numpy as np

from .precision import average_precision

__all__ = ['RESAMPLES', 'resample', 'interval', 'resampled_precision', 'resampled_recall']

RESAMPLES = 500


def resample(images, resamples=RESAMPLES, seed=0):
    """array: how often each of N images is drawn in each of B samples with replacement, [B, N]."""
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), resamples)


def interval(values):
    """list of float: the middle 95 % of the values of samples, those that are not nan."""
    return np.nanpercentile(values, [2.5, 97.5]).tolist()


def resampled_precision(matches, weights):
    """dict: ``mAP`` and ``AP50`` of each sample, [B]; nan where it has no box.

    Classes of which a sample has no box do not count.
    """
    precision = average_precision(matches, weights)
    counts = (~np.isnan(precision[:, :, 0])).sum(axis=1)
    counts = np.where(counts, counts, np.nan)
    return {'mAP': np.nansum(precision.mean(axis=2), axis=1) / counts,
            'AP50': np.nansum(precision[:, :, 0], axis=1) / counts}


def resampled_recall(results, weights):
    """array: share of true boxes found in each sample, [B]; nan where a sample has none.

    Args:
        results (list of ImageResult): of N images.
        weights (array): as of :func:`resample`.
    """
    hit = weights @ np.array([len(image.hit) for image in results])
    missed = weights @ np.array([len(image.missed) for image in results])
    with np.errstate(invalid='ignore'):
        return hit / (hit + missed)
