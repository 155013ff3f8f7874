# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Base, novel and all AP of incremental few-shot detection, and what was forgotten."""
import os

import numpy as np
from ppdet.utils.logger import setup_logger

from ..modeling.weights import load_tensors, resolve_weights
from ..utils.files import read_json
from ..utils.fingerprint import fingerprint

__all__ = ['group_metrics', 'forgetting', 'load_base_classes']

logger = setup_logger('ppdet.engine')

METRICS = ('AP', 'AP50')
EVALUATE_BASE = 'tools/eval.py with the base detector\'s config and weights writes it'


def group_metrics(classes, info):
    """Averages the metrics of the base classes, of the novel ones and of all.

    Args:
        classes (dict): class name to its metrics, as in ``evaluate_boxes``.
        info (dict): section of the annotation file that lists ``base_classes`` and
            ``novel_classes``, as ``tools/make_few_shot.py`` writes it.

    Returns:
        dict: ``base``, ``novel`` (where the file has such classes) and ``all`` to ``AP`` and
        ``AP50``, averaged over the classes that have objects; None where none has. Empty if the
        file does not list these classes.
    """
    if 'base_classes' not in info:
        return {}
    groups = {'base': info['base_classes'], 'novel': info.get('novel_classes', ()), 'all': classes}
    members = {group: [classes[name] for name in names if name in classes]
               for group, names in groups.items()}
    return {group: {metric: _mean([entry[metric] for entry in entries]) for metric in METRICS}
            for group, entries in members.items() if entries}


def load_base_classes(path, weights=None):
    """The metrics of the base classes before new ones were learned.

    Args:
        path (str|None): ``metrics.json`` of the base detector; the config's ``base_metrics``.
        weights (str|None): those that it has to belong to; the config's ``base_weights``.

    Returns:
        dict|None: class name to its metrics; None, with a warning, if there is no such file or it
        is not known to belong to the weights.

    Raises:
        ValueError: a file that is not a ``metrics.json``, or weights that
            :func:`ppdet_ext.modeling.weights.load_tensors` refuses.
    """
    if not path:
        return None
    if not os.path.isfile(path):
        logger.warning(f'forgetting is not reported: base_metrics names {path}, which does not '
                       f'exist; {EVALUATE_BASE}')
        return None
    try:
        metrics = read_json(path)
        classes = metrics['classes']
    except (ValueError, KeyError, TypeError):
        raise ValueError(f'base_metrics: {path} is not a metrics.json of an evaluation; '
                         f'{EVALUATE_BASE}') from None
    fault = _weights_fault(path, metrics, weights) if weights else None
    if fault:
        logger.warning(f'forgetting is not reported: {fault}')
    return None if fault else classes


def _weights_fault(path, metrics, weights):
    """str or None: why metrics are not known to be those of the weights."""
    try:
        tensors = load_tensors(resolve_weights(weights))
    except FileNotFoundError as error:
        return f'base_weights: {error}'
    if metrics.get('fingerprint') != fingerprint(tensors):
        # Training leaves the metrics of its last epoch, the student starts from the best one.
        return (f'base_metrics names {path}, which was made with other weights than base_weights, '
                f'{weights}; {EVALUATE_BASE}')
    return None


def forgetting(classes, base_classes, before):
    """The loss of the base classes: their AP before minus after.

    Args:
        classes (dict): class name to its metrics now.
        base_classes (list of str): names of the base classes.
        before (dict|None): as ``load_base_classes`` returns it.

    Returns:
        dict|None: ``AP`` and ``AP50``, positive where something was lost; None without ``before``
        or base objects, and with a warning if it was measured on other objects.
    """
    if before is None or not any(classes[name]['objects'] for name in base_classes):
        return None
    objects = [{name: entries.get(name, {}).get('objects') for name in base_classes}
               for entries in (before, classes)]
    if objects[0] != objects[1]:
        logger.warning(f'forgetting is not reported: base_metrics was measured on other objects, '
                       f'{objects[0]}, than these, {objects[1]}; evaluate the base detector on the '
                       f'same images')
        return None
    return {metric: _mean([before[name][metric] for name in base_classes])
            - _mean([classes[name][metric] for name in base_classes]) for metric in METRICS}


def _mean(values):
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
