# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The size of an exported detector's input."""
import math

import deploy.preprocess

from ..utils.suggest import did_you_mean

__all__ = ['fix_input', 'fixed_size', 'operators']

ADVICE = 'give it with -o TestReader.inputs_def.image_shape=[3,H,W]'


def fix_input(cfg):
    """Gives the graph an input of one size: that of ``inputs_def``, or what the reader resizes to.

    Args:
        cfg (dict): ppdet's global configuration; ``TestReader.inputs_def.image_shape`` is set.

    Raises:
        ValueError: the reader resizes to no one size, or does what the runner cannot do.
    """
    reader = cfg['TestReader']
    settings = operators(reader)
    shape = (reader.get('inputs_def') or {}).get('image_shape') or _resized(settings)
    height, width = shape[-2:]
    if not all(isinstance(side, int) and side > 0 for side in (height, width)):
        raise ValueError(f'TestReader.inputs_def.image_shape is {shape}: an exported input has one '
                         f'size; {ADVICE}')
    reader['inputs_def'] = {**(reader.get('inputs_def') or {}), 'image_shape': [3, height, width]}


def fixed_size(cfg):
    """tuple of int: height and width in pixels, once ``fix_input`` has fixed them."""
    _, height, width = cfg['TestReader']['inputs_def']['image_shape']
    return height, width


def operators(reader):
    """dict of str to dict: settings of the operators after ``Decode``, by name, of a TestReader.

    Raises:
        ValueError: the runner does not have one of them.
    """
    settings = {name: options for operator in (*reader['sample_transforms'],
                                               *(reader.get('batch_transforms') or ()))
                for name, options in operator.items() if name != 'Decode'}
    known = (*deploy.preprocess.OPERATORS, 'PadBatch')
    for name in settings:
        if name not in known:
            raise ValueError(f'TestReader: {name}{did_you_mean(name, known)} cannot be exported; '
                             f'the runner has {", ".join(known)}')
    return settings


def _resized(settings):
    if 'Resize' not in settings:
        raise ValueError(f'TestReader has no Resize, so that the size of the input is not known; '
                         f'{ADVICE}')
    size = settings['Resize']['target_size']
    height, width = (size, size) if isinstance(size, int) else size
    stride = (settings.get('PadBatch') or {}).get('pad_to_stride') or 1
    return [3, *(math.ceil(side / stride) * stride for side in (height, width))]
