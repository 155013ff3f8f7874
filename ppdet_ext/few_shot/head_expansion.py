# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Turns a checkpoint of base classes into one of base and novel classes.

The last layers of PaddleDetection's box head have columns for every class: one of the classifier,
four of the box regressor. Base classes come first, then the novel ones; the background is the
classifier's last column. Columns of base classes and background are copied bit for bit.

A base detector with PaddleDetection's linear classifier may be expanded for a detector with a
``CosineSimBBoxHead``, as the authors of DKAN and of TFA do: the weights are copied and
the bias, which a cosine has no use for, is dropped. The scores of base classes change until such a
detector is fine-tuned.
"""
from typing import NamedTuple, Optional

import numpy as np

__all__ = ['METHODS', 'Change', 'Detector', 'differing_features', 'expand_head']

METHODS = ('randinit', 'remove', 'combine')
BIAS, SCALE = 'bbox_head.bbox_score.bias', 'bbox_head.bbox_score.scale'


class Detector(NamedTuple):
    """A detector: its file or YAML, its classes and its tensors."""
    source: str
    class_names: Optional[list]
    num_classes: int
    tensors: dict


class Change(NamedTuple):
    """One row of the report: a tensor, its size before and after, and what became of it."""
    tensor: str
    before: str
    after: str
    what: str


class _Layer(NamedTuple):
    prefix: str
    columns: int  # of each class
    background: int  # columns after those of the classes


REMEDY = 'give weights and YAMLs of detectors that differ in nothing but their classes'
LAYERS = (_Layer('bbox_head.bbox_score.', 1, 1), _Layer('bbox_head.bbox_delta.', 4, 0))


def expand_head(target, base, method='randinit', novel=None):
    """Computes the tensors from which a detector of base and novel classes starts.

    Args:
        target (Detector): the detector of all classes, freshly built: its random columns become
            those of the novel classes.
        base (Detector): the trained detector of the base classes.
        method (str): ``randinit``; ``remove``, which leaves out the last layers; or ``combine``,
            which takes the novel classes' columns from a second detector.
        novel (Detector|None): for ``combine`` a detector of the novel classes, in their order.

    Returns:
        tuple: dict of str to ndarray, the tensors; list of Change, what differs from the base.

    Raises:
        ValueError: classes, names or shapes that do not fit; the message names the first.
    """
    if (novel is not None) != (method == 'combine'):
        raise ValueError('the novel detector is for combine, which needs one')
    if method == 'remove':
        return _without_last_layers(target, base)
    _check_classes(target, base, novel)
    _check_names(target, base, {SCALE}, {BIAS})
    tensors, changes = {}, []
    for name, fresh in target.tensors.items():
        layer = _class_layer(name, fresh, target)
        if name not in base.tensors:
            tensors[name] = fresh
            changes.append(Change(name, '-', _size(fresh), 'new'))
        elif layer is None:
            tensors[name] = _same_shape(name, base, target)
        else:
            tensors[name] = _expanded(name, layer, target, base, novel)
            changes.append(Change(name, _size(base.tensors[name]), _size(tensors[name]),
                                  _description(layer, target, base, novel)))
    changes += [Change(name, _size(base.tensors[name]), '-', 'dropped: a cosine has no bias')
                for name in base.tensors if name not in target.tensors]
    if novel is not None:
        _check_features(target, novel)
    return tensors, changes


def differing_features(tensors, novel):
    """list of str: tensors outside the last layers in which the novel detector differs.

    If there are any, its columns were learned on other features than the base detector's.
    """
    return [name for name, tensor in tensors.items()
            if not name.startswith(tuple(layer.prefix for layer in LAYERS))
            and not np.array_equal(tensor, novel.tensors[name])]


def _check_classes(target, base, novel):
    expected = target.num_classes - base.num_classes
    if expected < 1:
        raise ValueError(f'{base.source} has {base.num_classes} classes, {target.source} '
                         f'{target.num_classes}: there is no novel class; give the YAML of all '
                         f'classes with -c, that of the base classes with --base_config')
    _check_class_names(target, base, slice(0, base.num_classes), 'begin with')
    if novel is not None:
        if novel.num_classes != expected:
            raise ValueError(f'{novel.source} has {novel.num_classes} classes, but {target.source} '
                             f'has {expected} more than {base.source}; give a detector of the '
                             f'novel classes alone with --novel_config')
        _check_class_names(target, novel, slice(base.num_classes, None), 'end with')
    name = f'{LAYERS[0].prefix}weight'
    for detector in filter(None, (base, novel)):
        if name not in detector.tensors:
            raise ValueError(f'{detector.source} has no {name}: it is not a Faster R-CNN of '
                             f'PaddleDetection; give the weights of one')
        found = detector.tensors[name].shape[-1] - LAYERS[0].background
        if found != detector.num_classes:
            raise ValueError(f'{detector.source} classifies {found} classes, its config says '
                             f'{detector.num_classes}; give the config it was trained with')


def _check_class_names(target, part, where, words):
    if target.class_names and part.class_names and (
            list(target.class_names[where]) != list(part.class_names)):
        raise ValueError(f'{part.source} detects {", ".join(part.class_names)}, but the '
                         f'class_names of {target.source} {words} '
                         f'{", ".join(target.class_names[where])}; base classes come first, each '
                         f'part in its own order')


def _check_names(target, base, may_be_new, may_be_dropped):
    missing = [name for name in target.tensors
               if name not in base.tensors and name not in may_be_new]
    unknown = [name for name in base.tensors
               if name not in target.tensors and name not in may_be_dropped]
    if missing:
        raise ValueError(f'{base.source} does not fit {target.source}: {len(missing)} of its '
                         f'tensors are missing, first {missing[0]}; {REMEDY}')
    if unknown:
        raise ValueError(f'{base.source} does not fit {target.source}: it has {len(unknown)} '
                         f'tensors that this detector does not have, first {unknown[0]}; '
                         f'{REMEDY}')


def _class_layer(name, fresh, target):
    """_Layer or None: the layer of a tensor that has columns for every class."""
    for layer in LAYERS:
        columns = target.num_classes * layer.columns + layer.background
        if name.startswith(layer.prefix) and fresh.shape[-1] == columns:
            return layer
    return None


def _same_shape(name, base, target):
    found, expected = base.tensors[name], target.tensors[name]
    if found.shape != expected.shape:
        raise ValueError(f'{base.source} does not fit {target.source}: {name} is '
                         f'{_size(found)}, expected {_size(expected)}; {REMEDY}')
    return found


def _expanded(name, layer, target, base, novel):
    split = base.num_classes * layer.columns
    known = _class_tensor(name, layer, target, base)
    expanded = target.tensors[name].astype(known.dtype)
    expanded[..., :split] = known[..., :split]
    if layer.background:
        expanded[..., -1] = known[..., -1]
    if novel is not None:
        end = target.num_classes * layer.columns
        expanded[..., split:end] = _class_tensor(
            name, layer, target, novel)[..., :end - split]
    return expanded


def _class_tensor(name, layer, target, part):
    """A part's tensor, whose columns must be those of its classes."""
    if name not in part.tensors:
        raise ValueError(f'{part.source} does not fit {target.source}: it has no {name}; {REMEDY}')
    found = part.tensors[name]
    columns = part.num_classes * layer.columns + layer.background
    expected = (*target.tensors[name].shape[:-1], columns)
    if found.shape != expected:
        raise ValueError(f'{part.source} does not fit {target.source}: {name} is '
                         f'{_size(found)}, expected {" x ".join(map(str, expected))}; {REMEDY}')
    return found


def _check_features(target, novel):
    for name, tensor in target.tensors.items():
        if name == SCALE or _class_layer(name, tensor, target):
            continue
        if name not in novel.tensors:
            raise ValueError(f'{novel.source} does not fit {target.source}: it has no {name}; '
                             f'{REMEDY}')
        _same_shape(name, novel, target)


def _without_last_layers(target, base):
    prefixes = tuple(layer.prefix for layer in LAYERS)
    last = {name for name in {**target.tensors, **base.tensors} if name.startswith(prefixes)}
    _check_names(target, base, last, last)
    tensors = {name: _same_shape(name, base, target) for name in target.tensors
               if name not in last}
    return tensors, [Change(name, _size(base.tensors[name]), '-', 'removed')
                     for name in base.tensors if name in last]


def _description(layer, target, base, novel):
    split, end = base.num_classes * layer.columns, target.num_classes * layer.columns
    kept = f'columns 0 to {split - 1} kept'
    new = f'{split} to {end - 1} {"of the novel detector" if novel else "new"}'
    return f'{kept}, {new}' + (f', background {end} kept' if layer.background else '')


def _size(tensor):
    return ' x '.join(map(str, tensor.shape))
