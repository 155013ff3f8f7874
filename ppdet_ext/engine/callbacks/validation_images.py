# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Validation images with their true and their detected boxes side by side."""
import os

import numpy as np
from ppdet.utils.visualizer import draw_bbox

from ...data.images import open_rgb
from ...utils.files import read_json
from ...utils.samples import spread

__all__ = ['draw_validation_images']

LOWEST_SCORE = 0.3
LARGEST_SIZE = 480  # pixels; every evaluation adds some of them to the log
GAP = 4  # pixels


def draw_validation_images(dataset, detections, count, image_maximum=None):
    """Draws some images of an evaluation: left the true boxes, right the detected ones.

    Args:
        dataset (ppdet.data.COCODataSet): that was evaluated; the images are spread over it and
            always the same.
        detections (list of dict): COCO results: image_id, category_id, bbox, score; those with a
            score from 0.3 are drawn.
        count (int): number of images; fewer where the data set has fewer.
        image_maximum (int|None): the value that is white in images of 16 bits per channel.

    Returns:
        dict: ``<image id>_<file name>`` to the picture, uint8 [height, width, 3] in RGB; no side of
        one half is longer than 480 pixels.
    """
    content = read_json(dataset.get_anno())
    names = {category['id']: category['name'] for category in content['categories']}
    truth = [{**box, 'score': 1.0} for box in content['annotations'] if 'bbox' in box]
    pictures = {}
    for record in spread(dataset.roidbs, count):
        path, image_id = record['im_file'], int(record['im_id'][0])
        image = open_rgb(path, image_maximum)
        halves = [_draw(image, image_id, names, [b for b in boxes if b['image_id'] == image_id])
                  for boxes in (truth, detections)]
        gap = np.full([len(halves[0]), GAP, 3], 255, 'uint8')
        pictures[f'{image_id}_{os.path.basename(path)}'] = np.concatenate(
            [halves[0], gap, halves[1]], axis=1)
    return pictures


def _draw(image, image_id, names, boxes):
    image, width = image.copy(), image.width
    image.thumbnail((LARGEST_SIZE, LARGEST_SIZE))  # before drawing, to keep the text legible
    scale = image.width / width
    boxes = [{**box, 'bbox': [scale * value for value in box['bbox']]} for box in boxes]
    return np.array(draw_bbox(image, image_id, names, boxes, LOWEST_SCORE))
