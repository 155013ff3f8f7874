# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Freezes layers while others train."""
from paddle import nn
from ppdet.utils.logger import setup_logger

from ..utils.options import NAMES, optional
from ..utils.suggest import did_you_mean

__all__ = ['BATCH_NORMS', 'freeze', 'freeze_modules']

logger = setup_logger('ppdet.engine')

BATCH_NORMS = (nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)


def freeze(layer):
    """Freezes a layer: no gradient for its parameters, and fixed batch-norm statistics.

    The batch norms normalise with their stored statistics and leave them unchanged, whatever calls
    ``train()`` on the layer or on a parent of it.

    Args:
        layer (nn.Layer): frozen with all its sublayers.
    """
    layer.is_frozen = True
    for parameter in layer.parameters():
        parameter.stop_gradient = True
    for sublayer in layer.sublayers(include_self=True):
        if _batch_norms(sublayer):
            # A flag set once would not last: every epoch begins with train().
            sublayer.register_forward_pre_hook(_use_stored_statistics)


def freeze_modules(model, parts):
    """Freezes sublayers that a list names.

    Args:
        model (nn.Layer): the detector that trains.
        parts (list of str|None): dotted names of sublayers (``backbone``, ``neck.fpn_res2_sum``
            ...); the YAML's key ``freeze``.

    Raises:
        ValueError: no list of names, or a name that is not a sublayer.
    """
    if not optional(NAMES).fits(parts):
        raise ValueError(f'freeze must be a list of sublayers, like [backbone], got {parts!r}')
    sublayers = dict(model.named_sublayers())
    for part in parts or []:
        if part not in sublayers:
            children = ', '.join(name for name, _ in model.named_children())
            raise ValueError(f'freeze: {type(model).__name__} has no sublayer "{part}"'
                             f'{did_you_mean(part, sublayers)}; its parts are {children}')
        if not getattr(sublayers[part], 'is_frozen', False):
            freeze(sublayers[part])
            logger.info(f'"{part}" is frozen')


def _batch_norms(layer):
    """list of nn.Layer: the layer and its children, as far as they are batch norms.

    Children too: a norm that is converted to SyncBatchNorm loses its own hooks.
    """
    return [part for part in (layer, *layer.children()) if isinstance(part, BATCH_NORMS)]


def _use_stored_statistics(layer, inputs):
    for norm in _batch_norms(layer):
        norm.training = False
