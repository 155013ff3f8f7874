# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The effect of a score threshold: boxes found, false alarms, and decisions on images.

A detection is kept where its score is at least the threshold. It is right where it has found a true
box of its class at IoU 0.5; any other is a false alarm.
"""
from typing import NamedTuple, Optional

import numpy as np
from scipy.stats import binomtest

__all__ = ['GRID', 'Rule', 'Sweep', 'sweep', 'choose', 'choose_by_class', 'closest', 'outcome',
           'ImageScores', 'image_scores', 'image_decisions', 'image_sweep', 'cheapest', 'wilson']

GRID = np.arange(10001) / 10000  # the thresholds that are tried


class Rule(NamedTuple):
    """The condition that a threshold has to meet; one of the two is given.

    Attributes:
        false_alarms (float|None): highest number of false alarms per image.
        miss (float|None): highest share of true boxes that are missed.
    """
    false_alarms: Optional[float] = None
    miss: Optional[float] = None


class Sweep(NamedTuple):
    """Counts at every threshold of GRID, K classes.

    Attributes:
        found (array): true boxes that are found, [K, 10001].
        false (array): false alarms, [K, 10001].
        objects (array): true boxes, [K].
        images (int): their number.
    """
    found: np.ndarray
    false: np.ndarray
    objects: np.ndarray
    images: int


def sweep(matches):
    """Sweep: the counts of what was matched, at IoU 0.5."""
    scores = matches.detections.scores
    right, wrong = matches.found[0], ~matches.found[0] & ~matches.ignored[0]
    found, false = (np.stack([_at_least(scores[rank[kind[rank]]]) for rank in matches.ranks])
                    for kind in (right, wrong))
    return Sweep(found, false, matches.objects.sum(axis=1), matches.objects.shape[1])


def _at_least(scores):
    """array: how many scores each threshold keeps."""
    return len(scores) - np.searchsorted(np.sort(scores), GRID)


def choose(counts, rule, classes=slice(None)):
    """Chooses the threshold that meets a rule and otherwise misses, or alarms, least.

    Args:
        counts (Sweep): of the images to choose on.
        rule (Rule): to be met.
        classes (slice): the classes that share the threshold.

    Returns:
        float or None: the lowest threshold with few enough false alarms, or the highest with few
        enough boxes missed; None if no threshold meets the rule, or there are no boxes.
    """
    objects = counts.objects[classes].sum()
    if not objects:
        return None
    if rule.false_alarms is not None:
        return _lowest(counts, rule.false_alarms, classes)
    missed = objects - counts.found[classes].sum(axis=0)
    allowed = np.flatnonzero(missed <= rule.miss * objects + 1e-9)
    return float(GRID[allowed[-1]]) if len(allowed) else None


def _lowest(counts, false_alarms, classes):
    """float or None: the lowest threshold with so few false alarms per image."""
    allowed = np.flatnonzero(
        counts.false[classes].sum(axis=0) <= false_alarms * counts.images + 1e-9)
    return float(GRID[allowed[0]]) if len(allowed) else None


def closest(rule):
    """float: the threshold that comes closest to a rule that none meets."""
    return 0.0 if rule.false_alarms is None else 1.0


def choose_by_class(counts, rule, threshold):
    """Chooses a threshold for each class.

    Args:
        counts (Sweep): of the images to choose on.
        rule (Rule): for all classes together; each class gets an equal part of its false alarms,
            while its share of missed boxes holds for each class.
        threshold (float): for all classes; a class without boxes gets it, or a higher one that
            keeps its part of the false alarms.

    Returns:
        list of float or None: by class; None if no threshold meets the rule.
    """
    if rule.false_alarms is not None:
        rule = Rule(false_alarms=rule.false_alarms / len(counts.objects))
    return [_choose_for_class(counts, rule, slice(k, k + 1), threshold)
            for k in range(len(counts.objects))]


def _choose_for_class(counts, rule, kind, threshold):
    if counts.objects[kind].any():
        return choose(counts, rule, kind)
    if rule.false_alarms is None:
        return threshold
    lowest = _lowest(counts, rule.false_alarms, kind)
    return None if lowest is None else max(lowest, threshold)


def outcome(counts, thresholds):
    """Computes the outcome of thresholds.

    Args:
        counts (Sweep): of the images.
        thresholds (float or list of float): one, or one for each class.

    Returns:
        dict: ``found``, ``objects``, ``recall``, ``false_alarms`` an image, ``precision`` (None
        where nothing is detected), ``recall_by_class`` (None for a class without boxes) and
        ``false_alarms_by_class``.
    """
    places = np.ceil(np.broadcast_to(thresholds, len(counts.objects)) * 10000 - 1e-6).astype(int)
    found, false = (kind[np.arange(len(places)), places] for kind in (counts.found, counts.false))
    right, objects, wrong = int(found.sum()), int(counts.objects.sum()), int(false.sum())
    return {
        'found': right, 'objects': objects, 'recall': _share(right, objects),
        'false_alarms': wrong / counts.images, 'precision': _share(right, right + wrong),
        'recall_by_class': [_share(int(f), int(o)) for f, o in zip(found, counts.objects)],
        'false_alarms_by_class': [f / counts.images for f in false.tolist()]}


def _share(part, whole):
    return part / whole if whole else None


class ImageScores(NamedTuple):
    """The highest score of each class in each image, -1 without any, [K, N], and whether the image
    has a defect, [N]."""
    highest: np.ndarray
    defective: np.ndarray


def image_scores(truth, detections):
    """ImageScores: of all images; a defect is any true box, also a crowd."""
    highest = np.full([len(truth.names), len(truth.file_names)], -1.0)
    np.maximum.at(highest, (detections.classes, detections.images), detections.scores)
    defective = np.zeros(len(truth.file_names), bool)
    defective[truth.images] = True
    return ImageScores(highest, defective)


def image_decisions(scores, thresholds):
    """Decides on images: one with any detection is rejected, wherever it lies.

    Args:
        scores (ImageScores): of N images and K classes.
        thresholds (float or list of float): one, or one for each class.

    Returns:
        dict: ``defective`` and ``sound`` images, ``escapes``, the defective ones that pass, and
        ``overkills``, the sound ones that are rejected.
    """
    limits = np.broadcast_to(thresholds, len(scores.highest))[:, None]
    rejected = (scores.highest >= limits).any(axis=0)
    return {'defective': int(scores.defective.sum()), 'sound': int((~scores.defective).sum()),
            'escapes': int((scores.defective & ~rejected).sum()),
            'overkills': int((~scores.defective & rejected).sum())}


def image_sweep(scores):
    """tuple of array: escapes and overkills at every threshold of GRID."""
    highest = scores.highest.max(axis=0)
    escapes = np.searchsorted(np.sort(highest[scores.defective]), GRID)
    return escapes, _at_least(highest[~scores.defective])


def cheapest(scores, cost_of_escape, cost_of_overkill):
    """float: the threshold of GRID with the lowest cost; of several the lowest, the safest."""
    escapes, overkills = image_sweep(scores)
    return float(GRID[np.argmin(cost_of_escape * escapes + cost_of_overkill * overkills)])


def wilson(part, whole):
    """list of float or None: Wilson's 95 % interval of a share; None of nothing."""
    if not whole:
        return None
    interval = binomtest(part, whole).proportion_ci(0.95, method='wilson')
    return [float(interval.low), float(interval.high)]
