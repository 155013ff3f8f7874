# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The mAP of an exported model."""
from deploy import Detector
from deploy.card import read_card
from deploy.coco import detect_labelled, read_labelled
from deploy.images import read_image

from ..data.coco_file import read_sound_coco
from ..metrics import evaluate_boxes

__all__ = ['labelled_images', 'mean_average_precision']


def labelled_images(folders, annotations, image_dir):
    """Makes sure that exported models can be evaluated on the images of an annotation file.

    Args:
        folders (list of str): of the models.
        annotations (str): COCO annotations.
        image_dir (str): folder of the images.

    Returns:
        list of str: paths of the images.

    Raises:
        ValueError: the annotations have faults, other classes or no box, or an image cannot be
            read.
        OSError: a file does not exist or cannot be opened.
    """
    for folder in folders:
        card = read_card(folder)
        images, _ = read_labelled(annotations, image_dir, card['classes'])
        for _, path in images:
            read_image(path, card.get('image_maximum'))
    read_sound_coco(annotations)
    if evaluate_boxes(annotations, [])['mAP'] is None:
        raise ValueError(f'{annotations} has no box to evaluate; annotate its images')
    return [path for _, path in images]


def mean_average_precision(folder, runtime, precision, annotations, image_dir):
    """Evaluates an exported model on the images of an annotation file.

    Args:
        folder (str): of the model.
        runtime (str or type): as :class:`deploy.Detector` takes it.
        precision (str): what it computes in.
        annotations (str): COCO annotations.
        image_dir (str): folder of the images.

    Returns:
        float: mAP (IoU 0.5:0.95) in percent.
    """
    found = detect_labelled(Detector(folder, runtime, precision), annotations, image_dir)
    return 100 * evaluate_boxes(annotations, found)['mAP']
