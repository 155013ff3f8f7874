# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The size of a detector and the number of its operations."""
import itertools
import math

import paddle
from paddle import nn

__all__ = ['count_flops', 'count_parameters']


def count_parameters(model):
    """int: the trained numbers, without the statistics of batch normalisation."""
    return sum(math.prod(parameter.shape) for name, parameter in model.named_parameters()
               if not name.endswith(('._mean', '._variance')))


def count_flops(model, inputs):
    """Counts the operations of one forward.

    Args:
        model (nn.Layer): in evaluation.
        inputs: what it takes, of one image.

    Returns:
        int: of convolutions and linear layers; a multiplication and an addition each count.
    """
    counts = []

    def count(layer, inputs, output):
        counts.append(2 * math.prod(output.shape) * _terms(layer))

    hooks = [layer.register_forward_post_hook(count) for layer in model.sublayers()
             if isinstance(layer, (nn.Conv2D, nn.Linear))]
    with paddle.no_grad():
        model(inputs)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def _terms(layer):
    """int: products summed for one element of the output."""
    if isinstance(layer, nn.Linear):
        return layer.weight.shape[0]
    return math.prod(itertools.islice(layer.weight.shape, 1, None))
