# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Average precision over many resamples of the images, and precision against recall."""
import numpy as np

__all__ = ['RECALLS', 'average_precision', 'precision_curves']

RECALLS = np.linspace(0, 1, 101)


def average_precision(matches, weights=None):
    """COCO's AP of each class, with images counted as often as given.

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
    weights = np.asarray(weights, 'int32')  # half the memory of numpy's integers
    return np.stack([np.stack(list(_class_curves(matches, kind, thresholds, weights)), axis=1)
                     for kind in range(len(matches.ranks))], axis=1)


def _class_curves(matches, kind, thresholds, weights):
    """Yields precision at each recall, [B, 101], of a class at each IoU threshold."""
    rank, images = matches.ranks[kind], matches.detections.images
    total, ignored = weights @ matches.objects[kind], None
    for t in thresholds:
        # Nearly always the same at every threshold, and the counts of all detections with it.
        if ignored is None or not np.array_equal(ignored, matches.ignored[t, rank]):
            ignored = matches.ignored[t, rank]
            counted = rank[~ignored]
            seen = np.cumsum(weights[:, images[counted]], axis=1, dtype='int32')
        hits = np.flatnonzero(matches.found[t, counted])
        hit = np.cumsum(weights[:, images[counted[hits]]], axis=1)
        yield _highest_precision(hit, seen[:, hits], total)


def _highest_precision(hit, seen, total):
    """The highest precision at each recall or above.

    Only detections that found a box raise the recall, so precision is needed at these alone.

    Args:
        hit, seen (array): boxes found, and detections, up to each detection that found one, [B, H].
        total (array): true boxes, [B].

    Returns:
        array: [B, 101]; nan where there is no true box.
    """
    precision = hit / np.maximum(seen, 1)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    result = np.full([len(hit), len(RECALLS)], np.nan)
    for b in np.flatnonzero(total):
        places = np.searchsorted(hit[b] / total[b], RECALLS)
        result[b] = np.append(precision[b], 0)[places]
    return result
