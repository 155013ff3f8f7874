# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""True boxes, detections, and their matches by COCO's rules."""
import contextlib
import io
from typing import NamedTuple

import numpy as np
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ..data.coco_file import detection_fault, read_sound_coco

__all__ = ['Truth', 'Detections', 'Matches', 'read_truth', 'make_detections', 'match', 'box_ious']

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


class Truth(NamedTuple):
    """An annotation file as arrays: N images, K classes, G boxes.

    Attributes:
        path (str): the file.
        file_names (list of str): of the images, N.
        sizes (list of tuple): width and height of the images in pixels, N.
        names (list of str): of the classes, K.
        images, classes (array): position of each box's image and class, [G].
        boxes (array): x, y, width, height in pixels, [G, 4].
        crowd (array): whether a box stands for many, so that detections on it do not count, [G].
        info (dict): the file's ``info``.
        content (CocoFile): its records.
    """
    path: str
    file_names: list
    sizes: list
    names: list
    images: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray
    crowd: np.ndarray
    info: dict
    content: tuple


class Detections(NamedTuple):
    """Detections as arrays: position of image and class, [D], boxes as in Truth, scores, [D]."""
    images: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


class Matches(NamedTuple):
    """Which detections found a true box, by COCO's rules; T IoU thresholds from 0.5 to 0.95.

    Attributes:
        ranks (list of array): of each class, its detections, highest score first.
        found (array): whether a detection found a box, [T, D].
        ignored (array): whether it does not count: it lies on a crowd, or is beyond the hundred
            highest scores of a class in an image, [T, D].
        boxes (array): the true box that it found at IoU 0.5, or -1, [D].
        objects (array): true boxes by class and image, without crowds, [K, N].
        detections (Detections): that were matched.
    """
    ranks: list
    found: np.ndarray
    ignored: np.ndarray
    boxes: np.ndarray
    objects: np.ndarray
    detections: Detections


def read_truth(path):
    """Reads an annotation file.

    Returns:
        Truth: its content.

    Raises:
        ValueError: it is not an annotation file, or has a fault.
        OSError: it cannot be read.
    """
    content = read_sound_coco(path)
    images, classes = _positions(content)
    boxes = content.annotations
    return Truth(
        path, [image['file_name'] for image in content.images],
        [(image['width'], image['height']) for image in content.images],
        [category['name'] for category in content.categories],
        np.array([images[box['image_id']] for box in boxes], int),
        np.array([classes[box['category_id']] for box in boxes], int),
        np.array([box['bbox'] for box in boxes], float).reshape(-1, 4),
        np.array([bool(box['iscrowd']) for box in boxes], bool), content.info, content)


def make_detections(records, truth, path):
    """Turns COCO results into arrays.

    Args:
        records (list of dict): image_id, category_id, bbox, score.
        truth (Truth): the images they are of.
        path (str): the file they are from, for errors.

    Returns:
        Detections: the same.

    Raises:
        ValueError: they are not detections on these images.
    """
    if not isinstance(records, list):
        raise ValueError(f'{path} is not a list of detections; evaluate again')
    fault = detection_fault(records, truth.content)
    if fault:
        raise ValueError(f'{path}, {fault} of {truth.path}; it is of another data set: evaluate '
                         f'on this one, or give the other one')
    images, classes = _positions(truth.content)
    return Detections(
        np.array([images[record['image_id']] for record in records], int),
        np.array([classes[record['category_id']] for record in records], int),
        np.array([record['bbox'] for record in records], float).reshape(-1, 4),
        np.array([record['score'] for record in records], float))


def _positions(content):
    return [{record['id']: position for position, record in enumerate(records)}
            for records in (content.images, content.categories)]


def match(truth, detections):
    """Matches detections to true boxes of their class, as pycocotools does for COCO's AP.

    Returns:
        Matches: of every detection.
    """
    evaluation = _evaluation(truth, detections)
    count, classes = len(detections.scores), range(len(truth.names))
    found = np.zeros([len(IOU_THRESHOLDS), count], bool)
    ignored = np.ones([len(IOU_THRESHOLDS), count], bool)
    boxes = np.full(count, -1)
    for image in filter(None, evaluation.evalImgs):
        places = np.array(image['dtIds'], int) - 1
        ids = image['dtMatches'].astype(int)
        on_crowd = image['dtIgnore'].astype(bool)
        found[:, places] = (ids > 0) & ~on_crowd
        ignored[:, places] = on_crowd
        boxes[places] = np.where(found[0, places], ids[0] - 1, -1)
    objects = np.zeros([len(classes), len(truth.file_names)], int)
    np.add.at(objects, (truth.classes[~truth.crowd], truth.images[~truth.crowd]), 1)
    # Equal scores come in the order of pycocotools: by image id, within an image as they are given.
    ids = np.array([image['id'] for image in truth.content.images])
    order = np.lexsort((ids[detections.images], -detections.scores))
    ranks = [order[detections.classes[order] == k] for k in classes]
    return Matches(ranks, found, ignored, boxes, objects, detections)


def _evaluation(truth, detections):
    """COCOeval: of boxes of any size, evaluated, with ids that count from 1."""
    coco = COCO()
    coco.dataset = {
        'images': [{'id': k} for k in range(len(truth.file_names))],
        'categories': [{'id': k} for k in range(len(truth.names))],
        'annotations': [{'id': k + 1, 'image_id': int(image), 'category_id': int(kind),
                         'bbox': list(box), 'area': box[2] * box[3], 'iscrowd': int(crowd)}
                        for k, (image, kind, box, crowd) in enumerate(zip(
                            truth.images, truth.classes, truth.boxes, truth.crowd))]}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints what it does
        coco.createIndex()
        results = coco.loadRes([
            {'image_id': int(image), 'category_id': int(kind), 'bbox': list(box), 'score': score}
            for image, kind, box, score in zip(*detections)]) if len(detections.scores) else COCO()
        evaluation = COCOeval(coco, results, 'bbox')
        evaluation.params.areaRng = evaluation.params.areaRng[:1]
        evaluation.params.areaRngLbl = evaluation.params.areaRngLbl[:1]
        evaluation.params.maxDets = evaluation.params.maxDets[-1:]
        evaluation.evaluate()
    return evaluation


def box_ious(boxes, others):
    """array: IoU of each of two sets of boxes, x, y, width, height; [M, 4] and [N, 4] to [M, N]."""
    if not len(boxes) or not len(others):
        return np.zeros([len(boxes), len(others)])
    return mask.iou(np.ascontiguousarray(boxes, float), np.ascontiguousarray(others, float),
                    [0] * len(others))
