# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Trainable layers between student and teacher, which start as in the papers' code.

That code leaves them at PyTorch's default. Paddle's own default has 2.4 times its standard
deviation in a 3x3 convolution, which makes the first MGD loss nearly twice as large.
"""
from paddle import nn

from ..modeling.initializers import uniform_fan_in

__all__ = ['align_conv', 'generation_block']


def align_conv(student_channels, teacher_channels, bias=True):
    """nn.Conv2D: 1x1, maps [N, C_s, H, W] to [N, C_t, H, W]."""
    return nn.Conv2D(student_channels, teacher_channels, 1,
                     **uniform_fan_in(student_channels, bias))


def generation_block(channels):
    """nn.Sequential: MGD's two 3x3 convolutions with a ReLU between; keeps [N, C, H, W]."""
    start = uniform_fan_in(9 * channels)
    return nn.Sequential(nn.Conv2D(channels, channels, 3, padding=1, **start), nn.ReLU(),
                         nn.Conv2D(channels, channels, 3, padding=1, **start))
