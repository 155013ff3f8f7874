# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Keeps parts of a detector as they are while the rest trains."""
from ppdet.utils.logger import setup_logger

from ..modeling.freeze import freeze, is_frozen
from .yaml_file import near_match

__all__ = ['freeze_parts']

logger = setup_logger('ppdet.engine')


def freeze_parts(model, parts):
    """Freezes sublayers, as :func:`ppdet_ext.modeling.freeze.freeze` does.

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
        if not is_frozen(sublayers[part]):
            freeze(sublayers[part])
            logger.info(f'"{part}" is frozen')
