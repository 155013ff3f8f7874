# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Whether two detectors find the same boxes."""
from dataclasses import dataclass

import numpy as np

__all__ = ['Difference', 'compare', 'PIXELS', 'SCORE', 'UNMATCHED']

# In float32, boxes move and scores change by less than these.
PIXELS = 0.01
SCORE = 1e-4
# Fraction of the boxes: if two overlap by almost exactly the suppression's threshold, or one has
# almost exactly the lowest score that is kept, the last bit decides which of them remain.
UNMATCHED = 0.005


@dataclass
class Difference:
    """How much boxes differ from those of the eager model.

    Attributes:
        boxes (int): of the eager model.
        unmatched (int): boxes of either that the other does not have.
        pixels (float): largest difference of a coordinate of matched boxes.
        score (float): largest difference of their scores.
    """
    boxes: int = 0
    unmatched: int = 0
    pixels: float = 0.0
    score: float = 0.0

    def add(self, expected, found):
        """Compares the boxes [B, 6] and [D, 6] (class, score, corners) of one more image."""
        self.boxes += len(expected)
        free = np.ones(len(found), bool)
        for box in expected:
            distance = np.where(free & (found[:, 0] == box[0]),
                                np.abs(found[:, 2:] - box[2:]).max(1), np.inf)
            near = np.flatnonzero((distance <= PIXELS) & (np.abs(found[:, 1] - box[1]) <= SCORE))
            if not near.size:
                self.unmatched += 1
                continue
            best = near[distance[near].argmin()]
            free[best] = False
            self.pixels = max(self.pixels, float(distance[best]))
            self.score = max(self.score, float(abs(found[best, 1] - box[1])))
        self.unmatched += int(free.sum())


def compare(expected, found):
    """Compares boxes image by image.

    Args:
        expected (list of ndarray): [B, 6] of each image, class, score, x1, y1, x2, y2.
        found (list of ndarray): [D, 6] of each image.

    Returns:
        Difference: over all images.
    """
    difference = Difference()
    for of_eager, of_other in zip(expected, found):
        difference.add(of_eager, of_other)
    return difference
