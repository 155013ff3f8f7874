# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The reference vectors of tests/vectors as tensors."""
import contextlib
import json
import pathlib

import numpy as np
import paddle
import pytest

from ppdet_ext.modeling import GloReUnit2D

VECTORS = pathlib.Path(__file__).parents[1] / 'vectors'


class Vector:
    """The arrays of one file; tensors are made in paddle's default type."""

    def __init__(self, name):
        self.arrays = np.load(VECTORS / f'{name}.npz')
        self.options = json.loads(bytes(self['meta']).decode())['hyper_parameters']

    def __getitem__(self, key):
        return self.arrays[key]

    def tensor(self, key, gradient=False):
        """An input, with a gradient if asked for."""
        return paddle.to_tensor(self._of_default_type(key), stop_gradient=not gradient)

    def boxes(self):
        """One tensor of boxes per image."""
        images = self['in_img_shape'].shape[0]
        return [self.tensor(f'in_boxes_{image}') for image in range(images)]

    def image_shapes(self):
        return paddle.to_tensor(self['in_img_shape'])

    def set_parameters(self, layer, prefix=''):
        """Gives every parameter of a layer its stored value."""
        for name, parameter in layer.named_parameters():
            parameter.set_value(self._of_default_type(f'param_{prefix}{name}'))

    def glore_unit(self, prefix=''):
        """The stored graph unit."""
        nodes, channels = self[f'param_{prefix}conv_proj.weight'].shape[:2]
        unit = GloReUnit2D(channels, nodes)
        self.set_parameters(unit, prefix)
        return unit

    def _of_default_type(self, key):
        return self[key if paddle.get_default_dtype() == 'float64' else f'{key}_f32']


def each_case(loss):
    """Runs a test with both vectors of a loss as ``vector``."""
    names = [f'{loss}_case{case}' for case in (0, 1)]
    return pytest.mark.parametrize('vector', [Vector(name) for name in names], ids=names)


@contextlib.contextmanager
def float64():
    """Makes tensors and parameters of float64 by default; also decorates a test."""
    paddle.set_default_dtype('float64')
    try:
        yield
    finally:
        paddle.set_default_dtype('float32')


def relative_error(value, reference):
    """Largest difference over the largest absolute value of the reference."""
    return np.abs(np.asarray(value) - reference).max() / np.abs(reference).max()
