# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Detections on the images of a COCO annotation file, as COCO's results."""
import os

from .images import read_image
from .results import read_json

__all__ = ['detect_labelled', 'read_labelled']


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
        ValueError, OSError: as :func:`read_labelled`, or an image cannot be read.
    """
    images, categories = read_labelled(annotations, image_dir, detector.classes)
    found = []
    for image_id, path in images:
        image = read_image(path, detector.card.get('image_maximum'))
        for label, score, x1, y1, x2, y2 in detector.detect(image).tolist():
            found.append({'image_id': image_id, 'category_id': categories[int(label)],
                          'bbox': [x1, y1, x2 - x1, y2 - y1], 'score': score})
    return found


def read_labelled(annotations, image_dir, classes):
    """Reads what an annotation file says of a model's images.

    Args:
        annotations (str): COCO annotation file.
        image_dir (str): folder of its images.
        classes (list of str): of the model.

    Returns:
        tuple: id and path of the images, and the id of each class.

    Raises:
        ValueError: it is not an annotation file, or its classes are not the model's.
        FileNotFoundError: it, or an image, does not exist.
    """
    if not os.path.isfile(annotations):
        raise FileNotFoundError(f'--anno_path: there is no file {annotations}; give the COCO '
                                f'annotations of the images in {image_dir}')
    content = read_json(annotations)
    try:
        images = [(image['id'], os.path.join(image_dir, image['file_name']))
                  for image in content['images']]
        ids = {category['name']: category['id'] for category in content['categories']}
    except (KeyError, TypeError) as error:
        raise ValueError(f'{annotations} is not a COCO annotation file ({error!r})') from error
    if set(ids) != set(classes):
        raise ValueError(f'{annotations} has the classes {", ".join(ids)}, the model has '
                         f'{", ".join(classes)}; give annotations of these')
    missing = [path for _, path in images if not os.path.isfile(path)]
    if missing:
        raise FileNotFoundError(f'{len(missing)} of the {len(images)} images that {annotations} '
                                f'lists do not exist, first {missing[0]}; give their folder with '
                                f'--image_dir')
    return images, [ids[name] for name in classes]
