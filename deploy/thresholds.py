# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Thresholds of the score by class, as ``tools/report.py`` writes them."""
import numpy as np

from .results import read_json

__all__ = ['keep_from', 'read_thresholds']


def read_thresholds(path, classes):
    """Reads a file of thresholds.

    Args:
        path (str): JSON with ``threshold``, for all classes, and ``classes``, name to threshold;
            ``threshold`` applies to classes not named.
        classes (list of str): of the model.

    Returns:
        ndarray: [C], by class.

    Raises:
        ValueError: it is not such a file, names another class, or leaves a class out.
        OSError: it cannot be read.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f'--thresholds: {error}; give the file that tools/report.py '
                         f'wrote') from error
    by_class = content.get('classes', {}) if isinstance(content, dict) else None
    if not isinstance(by_class, dict) or not set(by_class) <= set(classes):
        raise ValueError(f'--thresholds: {path} is not for this model, whose classes are '
                         f'{", ".join(classes)}; give the file that tools/report.py wrote '
                         f'for it')
    values = [by_class.get(name, content.get('threshold')) for name in classes]
    for name, value in zip(classes, values):
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise ValueError(f'--thresholds: {path} has {value!r} for the class "{name}", expected '
                             f'a number from 0 to 1')
    return np.array(values)


def keep_from(boxes, thresholds):
    """ndarray: of boxes [B, 6] those whose score is at least the threshold of their class."""
    # In double precision, in which the report chose them.
    return boxes[boxes[:, 1].astype('float64') >= thresholds[boxes[:, 0].astype(int)]]
