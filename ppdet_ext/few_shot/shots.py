# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The choice of K boxes of each class, and what happens to objects that a set does not label.

A training image may show objects that its set does not label: novel ones in base training,
further ones in a K-shot set. A detector would learn them as background, so a rule of
:data:`UNLABELLED` says what happens to them:

``drop_image``
    Only images in which every object is labelled are used. Correct for every detector and
    configuration, and the default. A K-shot set then consists of whole images whose boxes of
    each class add up to K.
``crowd``
    The objects are kept and marked ``iscrowd``. PaddleDetection's Faster R-CNN ignores anchors
    and RoIs over them if the configuration says so, as ``configs/few_shot/_base_/crowd.yml``
    does; :func:`ppdet_ext.engine.checks.crowd.check_crowd` refuses a training run where it does
    not. Other detectors treat them as background or as labelled objects.
``background``
    The objects are left out of the annotations, so they are background. This is what the
    released code of DKAN does: its file of a class holds only the boxes of that class, and its
    training even shows an image once for each box, with that box alone.

An object that the source itself marks ``iscrowd`` or ``ignore`` counts as not labelled.
"""
import random
from collections import Counter
from typing import Callable, NamedTuple

from ..utils.text import counted
from .annotated_images import box_key, is_object

__all__ = ['UNLABELLED', 'Rule']


def _choose_boxes(images, class_names, shots, seed):
    """Goes through the images in random order and takes the first boxes of each class."""
    chosen = set()
    for name in class_names:
        boxes = [[box_key(image, box) for box in image.boxes
                  if box['class_name'] == name and is_object(box)]
                 for image in _shuffled(images, f'{seed}-{name}')]
        boxes = [box for image_boxes in boxes for box in image_boxes]
        _check_enough(name, len(boxes), shots)
        chosen.update(boxes[:shots])
    return chosen


def _choose_whole_images(images, class_names, shots, seed, attempts=100):
    """Goes through the images in random order and takes those that fit in whole."""
    counts = {}  # image name -> boxes of each class
    for image in images:
        if image.boxes and all(box['class_name'] in class_names and is_object(box)
                               for box in image.boxes):
            counts[image.name] = Counter(box['class_name'] for box in image.boxes)
    total = sum(counts.values(), Counter())
    for name in class_names:
        _check_enough(name, total[name], shots, ' in images where every object has one of the '
                                                'chosen classes')
    for attempt in range(attempts):
        names, missing = set(), Counter(dict.fromkeys(class_names, shots))
        for image in _shuffled(images, f'{seed}-{attempt}'):
            fits = image.name in counts and all(
                number <= missing[name] for name, number in counts[image.name].items())
            if fits:
                names.add(image.name)
                missing -= counts[image.name]
        if not missing:
            return {box_key(image, box) for image in images if image.name in names
                    for box in image.boxes}
    name = next(iter(missing))
    raise ValueError(f'no whole images were found whose boxes of class "{name}" add up to {shots}; '
                     'take another number of shots, or part of the boxes of an image with '
                     '--unlabelled crowd')


def _shuffled(images, seed):
    images = sorted(images, key=lambda image: image.name)
    random.Random(seed).shuffle(images)
    return images


def _check_enough(name, count, shots, where=''):
    if count < shots:
        raise ValueError(f'train.json: class "{name}" has {counted(count, "box")}{where}, {shots} '
                         f'shots need {shots}; annotate more, or lower the number of shots')


class Rule(NamedTuple):
    """What happens to objects that a training set does not label.

    Attributes:
        choose (callable): the keys of K boxes per class from images, class names, K and a seed.
        boxes (callable): what an image keeps of its labelled and its other boxes, or None if it
            is left out.
    """
    choose: Callable
    boxes: Callable


UNLABELLED = {
    'drop_image': Rule(_choose_whole_images, lambda labelled, others: None),
    'crowd': Rule(_choose_boxes, lambda labelled, others: [
        *labelled, *({**box, 'iscrowd': 1, 'ignore': 0} for box in others)]),
    'background': Rule(_choose_boxes, lambda labelled, others: labelled),
}
