# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Initializers that match the papers' code."""
import math

from paddle import ParamAttr
from paddle.nn.initializer import Uniform

__all__ = ['uniform_fan_in']


def uniform_fan_in(fan_in, bias=True):
    """PyTorch's default for convolutions and linear layers: uniform within 1/sqrt(fan in).

    Args:
        fan_in (int): numbers that one output value is computed from.
        bias (bool): whether the layer has a bias, which starts alike.

    Returns:
        dict: ``weight_attr`` and ``bias_attr`` of a layer.
    """
    bound = 1.0 / math.sqrt(fan_in)
    attr = ParamAttr(initializer=Uniform(-bound, bound))
    return {'weight_attr': attr, 'bias_attr': attr if bias else False}
