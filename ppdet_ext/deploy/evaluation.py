# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""AP of an exported detector."""
import contextlib
import io
import os

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from deploy.results import read_image

from ..utils.progress import progress

__all__ = ['average_precision']


def average_precision(detector, annotations, image_folder):
    """Evaluates an exported detector on a COCO data set.

    Args:
        detector (deploy.Detector): its classes are the categories, in the order of their ids.
        annotations (str): the COCO file.
        image_folder (str): of its images.

    Returns:
        tuple of float: mAP and AP50, 0 to 100.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(annotations)
    categories = sorted(truth.getCatIds())
    results = []
    for image_id in progress(truth.getImgIds(), 'evaluating'):
        path = os.path.join(image_folder, truth.loadImgs(image_id)[0]['file_name'])
        for label, score, x1, y1, x2, y2 in detector.detect(read_image(path)).tolist():
            results.append({'image_id': image_id, 'category_id': categories[int(label)],
                            'score': score, 'bbox': [x1, y1, x2 - x1, y2 - y1]})
    if not results:
        return 0.0, 0.0
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(results), 'bbox')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return 100 * float(evaluation.stats[0]), 100 * float(evaluation.stats[1])
