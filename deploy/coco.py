# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Detections on the images of a COCO annotation file, as COCO's results."""
import os

from .images import read_image
from .results import read_json

__all__ = ['detect_labelled']


def detect_labelled(detector, annotations, image_dir):
    """Detects on every image that an annotation file lists.

    Args:
        detector (Detector): an exported model.
        annotations (str): COCO annotation file.
        image_dir (str): folder of its images.

    Returns:
        list of dict: ``image_id``, ``category_id``, ``bbox`` (x, y, width, height in pixels) and
        ``score`` of every box, as PaddleDetection's ``bbox.json``.

    Raises:
        ValueError: it is not an annotation file, or its classes are not the model's.
        OSError: it, or an image, cannot be read.
    """
    images, categories = _read(annotations, detector.classes)
    found = []
    for image_id, name in images:
        image = read_image(os.path.join(image_dir, name), detector.card.get('image_maximum'))
        for label, score, x1, y1, x2, y2 in detector.detect(image).tolist():
            found.append({'image_id': image_id, 'category_id': categories[int(label)],
                          'bbox': [x1, y1, x2 - x1, y2 - y1], 'score': score})
    return found


def _read(path, classes):
    """Ids and file names of the images, and the id of each class."""
    content = read_json(path)
    try:
        images = [(image['id'], image['file_name']) for image in content['images']]
        ids = {category['name']: category['id'] for category in content['categories']}
    except (KeyError, TypeError) as error:
        raise ValueError(f'{path} is not a COCO annotation file ({error!r})') from error
    if set(ids) != set(classes):
        raise ValueError(f'{path} has the classes {", ".join(ids)}, the model has '
                         f'{", ".join(classes)}; give annotations of these')
    return images, [ids[name] for name in classes]
