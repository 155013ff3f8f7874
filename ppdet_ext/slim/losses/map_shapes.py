# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The check that all losses on pairs of feature maps share."""


def check_map_shapes(layer, preds_s, preds_t):
    """Checks a pair of maps against each other and against the layer that compares them.

    Args:
        layer (nn.Layer): with ``student_channels`` and ``teacher_channels``.
        preds_s (Tensor): the student's map.
        preds_t (Tensor): the teacher's map.

    Raises:
        ValueError: the shapes fit neither the other map nor the layer's channels.
    """
    name = type(layer).__name__
    shape_s, shape_t = list(preds_s.shape), list(preds_t.shape)
    if (shape_s[1], shape_t[1]) != (layer.student_channels, layer.teacher_channels):
        raise ValueError(f'{name} was built for {layer.student_channels} student and '
                         f'{layer.teacher_channels} teacher channels, got {shape_s} and {shape_t}')
    if shape_s[0] != shape_t[0] or shape_s[2:] != shape_t[2:]:
        raise ValueError(f'{name} needs maps of one size, got student {shape_s} and teacher '
                         f'{shape_t}')
