# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Mistakes at a threshold: confused classes, kinds of mistakes, image by image."""
from typing import NamedTuple

import numpy as np

from .matching import box_ious

__all__ = ['KINDS', 'ImageResult', 'confusion_matrix', 'mistakes', 'image_results']

# In the order in which they are tried; the last is of true boxes, the others of detections.
KINDS = ('place', 'class', 'double', 'background', 'both', 'missed')
MATCH, BACKGROUND = 0.5, 0.1  # IoU


class ImageResult(NamedTuple):
    """What was detected in one image at a threshold.

    Attributes:
        found (array): detections that found a true box; positions among all detections.
        false (array): the other ones, without those that do not count.
        hit (array): true boxes that were found; positions among all true boxes.
        missed (array): those that were not.
    """
    found: np.ndarray
    false: np.ndarray
    hit: np.ndarray
    missed: np.ndarray


def image_results(truth, matches, thresholds):
    """list of ImageResult: of every image, at one threshold or one for each class."""
    detections = matches.detections
    limits = np.broadcast_to(thresholds, len(truth.names))
    kept = detections.scores >= limits[detections.classes]
    right, wrong = kept & matches.found[0], kept & ~matches.found[0] & ~matches.ignored[0]
    hit = np.zeros(len(truth.boxes), bool)
    hit[matches.boxes[right]] = True
    count = len(truth.file_names)
    parts = []
    for which, images in ((right, detections.images), (wrong, detections.images),
                          (hit, truth.images), (~hit & ~truth.crowd, truth.images)):
        positions = np.flatnonzero(which)
        order = positions[np.argsort(images[positions], kind='stable')]
        parts.append(np.split(order, np.searchsorted(images[order], np.arange(1, count))))
    return [ImageResult(*image) for image in zip(*parts)]


def confusion_matrix(truth, matches, results):
    """Counts which class was detected where which was true.

    Within an image, the pairs of a true and a detected box with an IoU from 0.5 are taken from the
    highest IoU down, pairs of one class first; each box once.

    Args:
        truth (Truth): K classes.
        matches (Matches): of the detections.
        results (list of ImageResult): at a threshold.

    Returns:
        array: [K + 1, K + 1]; true class by detected class, background last.
    """
    detections, count = matches.detections, len(truth.names)
    matrix = np.zeros([count + 1, count + 1], int)
    for image in results:
        boxes = np.concatenate([image.hit, image.missed])
        detected = np.concatenate([image.found, image.false])
        kinds, labels = truth.classes[boxes], detections.classes[detected]
        ious = box_ious(detections.boxes[detected], truth.boxes[boxes]).T
        pairs = np.argwhere(ious >= MATCH)
        order = np.lexsort((-ious[tuple(pairs.T)],
                            kinds[pairs[:, 0]] != labels[pairs[:, 1]]))
        predicted, actual = np.full(len(boxes), count), np.full(len(detected), count)
        for box, detection in pairs[order]:
            if predicted[box] == count and actual[detection] == count:
                predicted[box], actual[detection] = labels[detection], kinds[box]
        np.add.at(matrix, (kinds, predicted), 1)
        np.add.at(matrix, (count, labels[actual == count]), 1)
    return matrix


def mistakes(truth, matches, results):
    """Sorts false detections and missed boxes into the six kinds of TIDE.

    A false detection has the wrong ``place`` (own class, IoU from 0.1 to 0.5), else the wrong
    ``class`` (IoU from 0.5 with another), else it is ``double`` (its box was found already), else
    it is ``background`` (no box with an IoU above 0.1), else ``both`` place and class are wrong. A
    true box that was not found is ``missed``, unless a detection with the wrong place or class is
    nearest to it.

    Args:
        truth (Truth): the true boxes.
        matches (Matches): of the detections.
        results (list of ImageResult): at a threshold.

    Returns:
        dict of str to int: count of each of KINDS.
    """
    counts = dict.fromkeys(KINDS, 0)
    for image in results:
        kinds, covered = _false_kinds(truth, matches.detections, image)
        for kind in kinds:
            counts[kind] += 1
        counts['missed'] += len(set(image.missed.tolist()) - covered)
    return counts


def _false_kinds(truth, detections, image):
    """list of str: kind of every false detection; set: the boxes that some of them are nearest to.
    """
    boxes = np.concatenate([image.hit, image.missed])
    if not len(boxes):
        return ['background'] * len(image.false), set()
    ious = box_ious(detections.boxes[image.false], truth.boxes[boxes])
    own = ious * (detections.classes[image.false][:, None] == truth.classes[boxes])
    foreign = np.where(own > 0, 0, ious)
    hit = np.arange(len(boxes)) < len(image.hit)
    kinds, covered = [], set()
    for own_row, foreign_row, row in zip(own, foreign, ious):
        if BACKGROUND <= own_row.max() <= MATCH:
            kinds.append('place')
            covered.add(int(boxes[own_row.argmax()]))
        elif foreign_row.max() >= MATCH:
            kinds.append('class')
            covered.add(int(boxes[foreign_row.argmax()]))
        elif (own_row * hit).max() >= MATCH:
            kinds.append('double')
        elif row.max() <= BACKGROUND:
            kinds.append('background')
        else:
            kinds.append('both')
    return kinds, covered
