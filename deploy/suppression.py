# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression of candidates, as Paddle's ``multiclass_nms3`` does it."""
import cv2
import numpy as np

__all__ = ['suppress']

SMALLEST = 1e-6  # pixels
CONSIDERED = 3  # best candidates, times keep_top_k: the others seldom matter


def suppress(boxes, scores, nms):
    """Keeps the best of the boxes of each class that overlap.

    Args:
        boxes (ndarray): [M, 4], x1, y1, x2, y2.
        scores (ndarray): [C, M], of every class.
        nms (dict): ``score_threshold``, ``nms_top_k`` and ``keep_top_k`` (-1 for all),
            ``nms_threshold``, ``nms_eta`` and ``normalized``.

    Returns:
        ndarray: [K, 6] float32, class, score, x1, y1, x2, y2; highest score first.
    """
    scores = scores.reshape(-1)
    candidates = np.flatnonzero(scores > nms['score_threshold'])
    best = candidates[np.argsort(-scores[candidates], kind='stable')]
    limit = nms['keep_top_k'] if nms['keep_top_k'] > -1 else len(best)
    count = CONSIDERED * limit
    # A box is suppressed by better ones only, so the worse ones may be left out if enough is kept.
    while True:
        kept = _keep(boxes, scores, np.sort(best[:count]), nms)
        if len(kept) >= limit or count >= len(best):
            break
        count *= 2
    kept = kept[np.argsort(-scores[kept], kind='stable')[:limit]]
    found = np.empty((len(kept), 6), np.float32)
    found[:, 0], found[:, 1] = kept // len(boxes), scores[kept]
    found[:, 2:] = boxes[kept % len(boxes)]
    return found


def _keep(boxes, scores, candidates, nms):
    """ndarray: the indices into the scores [C * M], given ascending, that are not suppressed."""
    rectangles = boxes[candidates % len(boxes)]
    rectangles[:, 2:] -= rectangles[:, :2] - (0 if nms['normalized'] else 1)
    # OpenCV treats any two boxes without area as identical.
    np.maximum(rectangles[:, 2:], SMALLEST, out=rectangles[:, 2:])
    rectangles = rectangles.tolist()  # OpenCV converts an array much more slowly
    kept = []
    ends = np.searchsorted(candidates, np.arange(0, len(scores) + 1, len(boxes))).tolist()
    for start, end in zip(ends, ends[1:]):
        if start < end:
            of_class = candidates[start:end]
            best = cv2.dnn.NMSBoxes(
                rectangles[start:end], scores[of_class], nms['score_threshold'],
                nms['nms_threshold'], nms['nms_eta'], max(nms['nms_top_k'], 0))
            kept.append(of_class[np.reshape(best, -1)])
    return np.concatenate(kept) if kept else candidates
