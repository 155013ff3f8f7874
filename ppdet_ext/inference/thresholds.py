# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Thresholds of the score by class, as tools/report.py chooses them."""
import numpy as np

from ..utils.files import read_json
from ..utils.suggest import did_you_mean

__all__ = ['read_thresholds', 'keep_from', 'describe_kept']


def read_thresholds(path, class_names):
    """Reads a file of thresholds.

    Args:
        path (str): JSON with ``threshold``, for all classes, and ``classes``, name to threshold.
            Either may be missing; ``threshold`` applies to classes not named.
        class_names (list of str): of the model, by class.

    Returns:
        list of float: by class.

    Raises:
        ValueError: it is not such a file, names another class, or leaves a class out.
        OSError: it cannot be read.
    """
    content = read_json(path)
    by_class = content.get('classes', {}) if isinstance(content, dict) else None
    if not isinstance(by_class, dict):
        raise ValueError(f'--thresholds: {path} is not a file of thresholds; expected a dictionary '
                         f'of threshold and classes, as tools/report.py writes it')
    for name in by_class:
        if name not in class_names:
            raise ValueError(f'--thresholds: {path} has the class "{name}", which the model does '
                             f'not have{did_you_mean(name, class_names)}; its classes are '
                             f'{", ".join(class_names)}')
    thresholds = [by_class.get(name, content.get('threshold')) for name in class_names]
    for name, value in zip(class_names, thresholds):
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise ValueError(f'--thresholds: {path} has {value!r} for the class "{name}", expected '
                             f'a number from 0 to 1')
    return thresholds


def keep_from(model, thresholds):
    """Makes a detector drop every box whose score is below the threshold of its class.

    Args:
        model (nn.Layer): whose outputs have ``bbox`` [B, 6] (class, score, x1, y1, x2, y2) and
            ``bbox_num`` [N].
        thresholds (list of float): by class.

    Returns:
        HookRemoveHelper: its ``remove()`` undoes this.
    """
    limits = np.array(thresholds)

    def drop(layer, inputs, outputs):
        boxes, counts = (outputs[name].numpy() for name in ('bbox', 'bbox_num'))
        classes = boxes[:, 0].astype(int)
        # Some heads pad their output with boxes of class -1. Scores are compared in double
        # precision, as the report does.
        kept = (classes >= 0) & (boxes[:, 1].astype('float64') >= limits[classes])
        images = np.repeat(np.arange(len(counts)), counts)
        return {**outputs, 'bbox': boxes[kept],
                'bbox_num': np.bincount(images[kept], minlength=len(counts)).astype(counts.dtype)}

    return model.register_forward_post_hook(drop)


def describe_kept(records):
    """str: what was found at or above the thresholds."""
    if not records:
        return 'no box at or above the threshold of its class'
    counts = {}
    for record in records:
        counts[record['class_name']] = counts.get(record['class_name'], 0) + 1
    return 'boxes at or above the threshold of their class: ' + ', '.join(
        f'{name} {count}' for name, count in counts.items())
