# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The mAP of an exported model."""
from deploy import Detector
from deploy.coco import detect_labelled

from ..metrics import evaluate_boxes

__all__ = ['mean_average_precision']


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
