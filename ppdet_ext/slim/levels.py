# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Channels, strides and names of the levels that a tapped sublayer returns."""
import math

import paddle

__all__ = ['common_level_names', 'level_names', 'level_shapes']

# Strides up to this size are exact in the trial forward.
PROBE_SIZE = 128


def level_shapes(tap, names):
    """Reads channels and strides of tapped features off a trial forward on a blank image.

    Args:
        tap (FeatureTap): taps of a detector, which is left in the mode it was in.
        names (iterable of str): the tapped sublayers.

    Returns:
        dict of str to list of tuple: (channels, stride in pixels) of every level.
    """
    model = tap.model
    training = model.training
    model.eval()
    tap.run({'image': paddle.zeros([1, 3, PROBE_SIZE, PROBE_SIZE]),
             'im_shape': paddle.full([1, 2], PROBE_SIZE, dtype='float32'),
             'scale_factor': paddle.ones([1, 2])})
    shapes = {name: [_shape(name, feature) for feature in tap[name]] for name in names}
    tap.clear()
    if training:
        model.train()
    return shapes


def _shape(name, feature):
    if feature.ndim != 4:
        raise ValueError(f'sublayer "{name}" returns a tensor of shape {feature.shape}; only '
                         f'feature maps [N, C, H, W] can be distilled')
    return feature.shape[1], PROBE_SIZE / feature.shape[2]


def level_names(strides):
    """Names levels as in an FPN: p3 for stride 8; l<index> if that would not be unique.

    Args:
        strides (list of float): of every level, in pixels.

    Returns:
        list of str: the names.
    """
    exponents = [math.log2(stride) for stride in strides]
    return [f'p{exponent:.0f}' if exponent.is_integer() and exponents.count(exponent) == 1
            else f'l{level}' for level, exponent in enumerate(exponents)]


def common_level_names(shapes_s, shapes_t, place):
    """Names the levels of two heads, which must be the same.

    Args:
        shapes_s (list of tuple): (channels, stride) of every level of the student's head.
        shapes_t (list of tuple): the same of the teacher's.
        place (str): what the error calls the term that compares them.

    Returns:
        list of str: the names.

    Raises:
        ValueError: their strides differ.
    """
    strides_s, strides_t = ([stride for _, stride in shapes] for shapes in (shapes_s, shapes_t))
    if strides_s != strides_t:
        raise ValueError(f'{place}: the student\'s head has levels of stride {strides_s}, the '
                         f'teacher\'s {strides_t}; they must be the same')
    return level_names(strides_s)
