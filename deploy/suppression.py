# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression of candidates, as Paddle's ``multiclass_nms3`` does it."""
import cv2
import numpy as np

__all__ = ['suppress']

SMALLEST = 1e-6  # pixels


def suppress(boxes, scores, nms):
    """Keeps the best of the boxes of each class that overlap.

    Args:
        boxes (ndarray): [M, 4], x1, y1, x2, y2.
        scores (ndarray): [C, M], of every class.
        nms (dict): ``score_threshold``, ``nms_top_k`` and ``keep_top_k`` (-1 for all),
            ``nms_threshold``, ``nms_eta`` and ``normalized``.

    Returns:
        ndarray: [K, 6] float32, class, score, x1, y1, x2, y2; scores falling.
    """
    extent = boxes[:, 2:] - boxes[:, :2] + (0 if nms['normalized'] else 1)
    # OpenCV takes any two boxes without area for the same.
    rectangles = np.concatenate([boxes[:, :2], np.maximum(extent, SMALLEST)], axis=1)
    kept = []
    for label, of_class in enumerate(scores):
        candidates = np.flatnonzero(of_class > nms['score_threshold'])
        if candidates.size:
            best = cv2.dnn.NMSBoxes(
                rectangles[candidates], of_class[candidates], nms['score_threshold'],
                nms['nms_threshold'], nms['nms_eta'], max(nms['nms_top_k'], 0))
            rows = candidates[np.asarray(best, int).reshape(-1)]
            kept.append(np.column_stack([np.full(rows.size, label), of_class[rows], boxes[rows]]))
    if not kept:
        return np.zeros((0, 6), np.float32)
    kept = np.concatenate(kept).astype(np.float32)
    order = np.argsort(-kept[:, 1], kind='stable')
    return kept[order[:nms['keep_top_k']] if nms['keep_top_k'] > -1 else order]
