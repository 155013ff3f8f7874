# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Keeps layers as they are while others train."""
from paddle import nn

__all__ = ['freeze', 'is_frozen']

BATCH_NORMS = (nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)


def freeze(layer):
    """Freezes a layer: no gradient for its parameters, and fixed batch-norm statistics.

    The batch norms normalise with their stored statistics and leave them alone, whoever calls
    ``train()`` on the layer or on what holds it.

    Args:
        layer (nn.Layer): with all that it holds.
    """
    layer.is_frozen = True
    for parameter in layer.parameters():
        parameter.stop_gradient = True
    for sublayer in layer.sublayers(include_self=True):
        if isinstance(sublayer, BATCH_NORMS):
            # A flag set once would not last: every epoch begins with train().
            sublayer.register_forward_pre_hook(_use_stored_statistics)


def is_frozen(layer):
    """bool: whether a layer was given to :func:`freeze`."""
    return getattr(layer, 'is_frozen', False)


def _use_stored_statistics(layer, inputs):
    layer.training = False
