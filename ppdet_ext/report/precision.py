# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Average precision of many samples of the same images, and precision against recall."""
import numpy as np

__all__ = ['RECALLS', 'average_precision', 'precision_curves']

RECALLS = np.linspace(0, 1, 101)


def average_precision(matches, weights=None):
    """COCO's AP of each class, for images that count as often as given.

    Args:
        matches (Matches): of N images, K classes, T IoU thresholds.
        weights (array|None): how often each image counts in each of B samples, [B, N]; None for
            one sample in which each counts once.

    Returns:
        array: by sample, class and IoU threshold, [B, K, T]; nan where a sample has no box of a
        class.
    """
    return np.mean(_interpolated(matches, range(len(matches.found)), weights), axis=3)


def precision_curves(matches):
    """array: precision of each class at the recalls 0, 0.01 ... 1, IoU 0.5; [K, 101]."""
    return _interpolated(matches, [0], None)[0, :, 0]


def _interpolated(matches, thresholds, weights):
    """array: [B, K, T, 101]."""
    if weights is None:
        weights = np.ones([1, matches.objects.shape[1]])
    images = matches.detections.images
    return np.stack([
        np.stack([_precision(rank[~matches.ignored[t, rank]], matches.found[t], images, objects,
                             weights) for t in thresholds], axis=1)
        for rank, objects in zip(matches.ranks, matches.objects)], axis=1)


def _precision(rank, found, images, objects, weights):
    """array: the highest precision at each recall or above, [B, 101].

    Only detections that found a box raise the recall, so precision is needed at these alone.
    """
    total = weights @ objects
    found, images = found[rank], images[rank]
    hits = np.flatnonzero(found)
    false = np.zeros([len(hits), weights.shape[1]])
    before = np.searchsorted(hits, np.flatnonzero(~found))  # the hit that each false one precedes
    counts = before < len(hits)
    np.add.at(false, (before[counts], images[~found][counts]), 1)
    hit = np.cumsum(weights[:, images[hits]], axis=1)
    precision = hit / np.maximum(hit + np.cumsum(weights @ false.T, axis=1), 1e-12)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    result = np.full([len(weights), len(RECALLS)], np.nan)
    for b in np.flatnonzero(total):
        places = np.searchsorted(hit[b] / total[b], RECALLS)
        result[b] = np.append(precision[b], 0)[places]
    return result
