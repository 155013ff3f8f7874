# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Keeps parts of a detector as they are while the rest trains."""
from paddle import nn
from ppdet.utils.logger import setup_logger

from .yaml_file import near_match

__all__ = ['freeze_parts']

logger = setup_logger('ppdet.engine')

BATCH_NORMS = (nn.BatchNorm, nn.BatchNorm1D, nn.BatchNorm2D, nn.BatchNorm3D, nn.SyncBatchNorm)


def freeze_parts(model, parts):
    """Freezes sublayers: no gradient for their parameters, and fixed batch-norm statistics.

    The batch norms normalise with their stored statistics and leave them alone, whoever calls
    ``train()`` on the model or on what holds it.

    Args:
        model (nn.Layer): the detector that trains.
        parts (list of str|None): dotted names of sublayers (``backbone``, ``neck.fpn_res2_sum``
            ...); the YAML's key ``freeze``.

    Raises:
        ValueError: no list of names, or a name that is no sublayer.
    """
    if not isinstance(parts or [], list):
        raise ValueError(f'freeze is a list of sublayers, like [backbone], got {parts!r}')
    sublayers = dict(model.named_sublayers())
    for part in parts or []:
        if part not in sublayers:
            children = ', '.join(name for name, _ in model.named_children())
            raise ValueError(f'freeze: {type(model).__name__} has no sublayer "{part}"'
                             f'{near_match(part, sublayers)}; its parts are {children}')
        if not getattr(sublayers[part], 'is_frozen', False):
            _freeze(sublayers[part])
            logger.info(f'"{part}" is frozen')


def _freeze(part):
    part.is_frozen = True
    for parameter in part.parameters():
        parameter.stop_gradient = True
    for layer in part.sublayers(include_self=True):
        if isinstance(layer, BATCH_NORMS):
            # A flag set once would not last: every epoch begins with train().
            layer.register_forward_pre_hook(_use_stored_statistics)


def _use_stored_statistics(layer, inputs):
    layer.training = False
