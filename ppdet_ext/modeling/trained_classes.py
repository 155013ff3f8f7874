# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Which classes weights were trained on, as far as their training has recorded it."""
import os

from ppdet.utils.logger import setup_logger

from ..utils.files import read_json
from ..utils.run_records import record_path
from .weights import resolve_weights

__all__ = ['check_trained_classes']

logger = setup_logger('ppdet.engine')


def check_trained_classes(weights, names, learns=False):
    """Compares the classes of a run with those that its weights were trained on.

    A detector knows classes by position only, so that weights with another order of classes load
    without complaint and name every box wrongly.

    Args:
        weights (str): path, URL or name of the weights.
        names (list of str or None): the classes of the run; None if nothing names them.
        learns (bool): whether the run trains, and so may learn other classes.

    Raises:
        ValueError: they are the same classes in another order; the message names both.
    """
    record, trained = _record(weights)
    if not names or not trained or list(names) == trained:
        return
    text = (f'{weights} was trained on the classes {", ".join(trained)} ({record}), this run has '
            f'{", ".join(names)}')
    if sorted(names) == sorted(trained):
        raise ValueError(f'{text}: the same in another order, so that every box would get the '
                         f'wrong name; give class_names and data sets the order of the training')
    if not learns and len(names) == len(trained):
        logger.warning(f'{text}; this is right only if these are other words for the same classes '
                       f'in the same order')


def _record(weights):
    """tuple: path of the record beside the weights, and the classes in it or None."""
    path = record_path(os.path.dirname(resolve_weights(weights)), 'train')
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return path, None
    return path, content.get('class_names') if isinstance(content, dict) else None
