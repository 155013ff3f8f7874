# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Finds image sizes that a reader produces and the network cannot take."""
import itertools
import math

__all__ = ['batch_sizes', 'check_input_size']

# Operators that leave the size of an image as it is.
SAME_SIZE = ('Decode', 'DecodeCache', 'RandomFlip', 'RandomFlipOp', 'RandomVerticalFlip',
             'RandomDistort', 'NormalizeImage', 'Permute', 'NormalizeBox', 'BboxXYXY2XYWH',
             'KeepGTBox', 'AutoAugment', 'GridMask', 'RandomErasingImage', 'RandomHSV', 'Lighting')
UNKNOWN = None
ANY = (64, 64)


class _Unequal(ValueError):
    """Two sizes that one batch may hold."""


def check_input_size(model, name, reader, find_sizes=None):
    """Makes sure that a network can take the images of a reader.

    The size is followed through the reader's operators; after one that draws it at random it is
    unknown until the next one that fixes it.

    Args:
        model (nn.Layer): the detector, or both of a distillation.
        name (str): ``TrainReader`` ...
        reader (dict): its section of the config.
        find_sizes (callable or None): returns (height, width) in pixels of the images, where the
            reader's result depends on them; None where they are not known.

    Raises:
        ValueError: images of one batch differ in size, cannot be halved as often as the network
            does, or are too small for it; the message names reader, size and remedy.
    """
    parts = (getattr(model, 'student_model', model), getattr(model, 'teacher_model', None))
    detectors = [part for part in parts if part is not None]
    stride = max((stride for detector in detectors for stride in _strides(detector)), default=1)
    try:
        found = batch_sizes(reader, None)
        # Sizes are not read if the operators make them unknown anyway.
        if find_sizes and found is UNKNOWN and batch_sizes(reader, [ANY]) is not UNKNOWN:
            found = batch_sizes(reader, find_sizes())
    except _Unequal as error:
        first, second = error.args
        raise ValueError(f'{name}: one batch may hold images of {_text(first)} and '
                         f'{_text(second)} pixels; add PadBatch: {{pad_to_stride: {stride}}} to '
                         f'its batch_transforms, or set batch_size: 1') from None
    for size, detector in itertools.product(sorted(found or ()), detectors):
        if not _halves(size, _strides(detector)):
            raise ValueError(f'{name}: gives images of {_text(size)} pixels to a network that '
                             f'needs multiples of {stride}; add PadBatch: {{pad_to_stride: '
                             f'{stride}}} to its batch_transforms, or resize to such a size')
        least = _least_side(detector) if name == 'TrainReader' else 0
        if min(size) < least:
            raise ValueError(f'{name}: gives images of {_text(size)} pixels, but the assigner of '
                             f'{type(detector).__name__} needs {least} or more, as it takes '
                             f'{_candidates(detector)} candidates of each level; resize to a '
                             f'larger size')


def _text(size):
    return f'{size[0]:g}x{size[1]:g} (height x width)'


def batch_sizes(reader, sizes):
    """Follows the size of images through a reader.

    Args:
        reader (dict): section of the config.
        sizes (iterable of tuple or None): (height, width) of the images.

    Returns:
        set of tuple or None: (height, width) that a batch may have; None where it is not known.

    Raises:
        ValueError: two different sizes of one batch.
    """
    found = set(sizes) if sizes else UNKNOWN
    for operator, options in _operators(reader, 'sample_transforms'):
        if operator == 'Resize':
            found = _targets({'keep_ratio': True, **options, 'random_size': False}, found)
        elif operator == 'RandomResize':
            found = _targets(options, found)
        elif operator not in SAME_SIZE:
            found = UNKNOWN
    mixed = found is not UNKNOWN and len(found) > 1
    for operator, options in _operators(reader, 'batch_transforms'):
        if operator == 'PadBatch':
            found, mixed = _padded(found, options.get('pad_to_stride', 0), mixed), False
        elif operator == 'BatchRandomResize':
            found = _targets(options, found)
            mixed = mixed and options.get('keep_ratio', True)
        elif operator not in SAME_SIZE and not operator.startswith(('Gt2', 'Pad')):
            found, mixed = UNKNOWN, False
    if mixed and found and len(found) > 1 and reader.get('batch_size', 1) > 1:
        raise _Unequal(*sorted(found)[:2])
    return found


def _operators(reader, key):
    return [(operator, options or {}) for entry in reader.get(key) or () if isinstance(entry, dict)
            for operator, options in entry.items()]


def _targets(options, sizes):
    """The sizes after resizing to one of several targets."""
    target = options.get('target_size')
    many = isinstance(target, (list, tuple)) and options.get('random_size', True)
    targets = [t if isinstance(t, (list, tuple)) else (t, t)
               for t in (target if many else [target])]
    if options.get('random_range') or not all(
            len(t) == 2 and all(isinstance(side, (int, float)) for side in t) for t in targets):
        return UNKNOWN
    if not options.get('keep_ratio', True):
        return {tuple(t) for t in targets}
    if sizes is UNKNOWN:
        return UNKNOWN
    return {_keeping_ratio(size, t) for size in sizes for t in targets}


def _keeping_ratio(size, target):
    scale = min(min(target) / min(size), max(target) / max(size))
    return round(scale * size[0]), round(scale * size[1])


def _padded(sizes, stride, mixed):
    if sizes is UNKNOWN:
        return UNKNOWN
    if stride > 0:
        sizes = {tuple(math.ceil(side / stride) * stride for side in size) for size in sizes}
    if mixed:  # the largest height and width of a batch count, in any combination
        sizes = set(itertools.product(*map(set, zip(*sizes))))
    return sizes


def _strides(detector):
    """list of int: strides of the maps that a neck takes from the backbone."""
    shapes = getattr(getattr(detector, 'backbone', None), 'out_shape', None)
    if not shapes or getattr(detector, 'neck', None) is None:
        return []
    strides = [shape.stride for shape in shapes]
    return sorted(strides) if all(strides) else []


def _halves(size, strides):
    """bool: whether the maps of neighbouring levels have the exact ratio that adding them needs."""
    return all(math.ceil(side / fine) == coarse // fine * math.ceil(side / coarse)
               for fine, coarse in zip(strides, strides[1:]) for side in size)


def _candidates(detector):
    """int: number of candidates that the assigner takes from each level."""
    head = getattr(detector, 'head', None) or getattr(detector, 'bbox_head', None)
    assigners = [getattr(head, key, None) for key in ('static_assigner', 'assigner')]
    return max((getattr(assigner, 'topk', 0) for assigner in assigners
                if type(assigner).__name__ == 'ATSSAssigner'), default=0)


def _least_side(detector):
    count = _candidates(detector)
    head = getattr(detector, 'head', None) or getattr(detector, 'bbox_head', None)
    strides = getattr(head, 'fpn_stride', None) or getattr(head, 'fpn_strides', None)
    if not count or not strides:
        return 0
    # A map of at least as many cells, if the image is square.
    side = math.ceil(math.sqrt(count))
    return int((side - 1) * max(strides)) + 1
