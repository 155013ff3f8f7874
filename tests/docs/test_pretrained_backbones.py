# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The messages and figures of docs/pretrained_backbones.md are those that a user gets."""
import importlib.util
import pathlib
import re

import numpy as np
import pytest
from paddle import nn
from ppdet.modeling import ResNet
from torch_files import archive_of, plain, state_pickle, torchvision_resnet, write_torch_file

from ppdet_ext.modeling import EfficientNetLite
from ppdet_ext.modeling.weights import load_weights

PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'pretrained_backbones.md'
TRANSLATION = PAGE.with_name('pretrained_backbones_cn.md')
MESSAGE = re.compile(r'^\| [^|]+ \| `error: ([^|]+)` \|$', re.MULTILINE)
LEVEL = re.compile(r'^\| (C\d) \| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$', re.MULTILINE)
FIRST_CONVOLUTION = {'layer1.0.conv1.weight': np.ones([64, 64, 3, 3], 'float32')}


def load(backbone, weights, minimum=0.0, **parts):
    """Loads weights into a detector of a backbone and further parts."""
    load_weights(nn.Sequential(('backbone', backbone), *parts.items()), weights, 'model', minimum)


def written(tensors, name):
    write_torch_file(name, tensors)
    return name


def not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    load(EfficientNetLite(), 'efficientnet_lite0')


def without_its_file(monkeypatch):
    spec = importlib.machinery.ModuleSpec('package', None, is_package=True)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    load(EfficientNetLite(), 'efficientnet_lite0')


def naming(module, name, path):
    content = state_pickle((plain('x'), f'c{module}\n{name}\n'.encode()))
    load(ResNet(18), archive_of(path, content))


def cut_off(monkeypatch):
    write_torch_file('cut.pth', FIRST_CONVOLUTION)
    content = pathlib.Path('cut.pth').read_bytes()
    pathlib.Path('cut.pth').write_bytes(content[:len(content) // 2])
    load(ResNet(18), 'cut.pth')


def diverged(monkeypatch):
    state = torchvision_resnet(18)
    state['layer1.0.conv1.weight'][:] = np.nan
    load(ResNet(18), written(state, 'diverged.pth'))


CASES = (
    not_installed,
    without_its_file,
    lambda _: load(EfficientNetLite(), 'efficientnet_lite_0'),
    lambda _: load(ResNet(18), 'resnet18.pth'),
    lambda _: load(EfficientNetLite(), 'efficientnet_lite2'),
    lambda _: load(ResNet(18, variant='d'), written(FIRST_CONVOLUTION, 'resnet18.pth')),
    lambda _: load(ResNet(18), written({f'features.0.{part}': np.ones(3, 'float32')
                                        for part in ('weight', 'bias')}, 'vgg16.pth')),
    lambda _: load(ResNet(18), written({**FIRST_CONVOLUTION, 'layer1.0.se.weight': np.ones(
        3, 'float32')}, 'senet.pth')),
    lambda _: naming('torch.nn.modules.container', 'Sequential', 'model.pth'),
    lambda _: naming('posix', 'system', 'hostile.pth'),
    cut_off,
    diverged,
    lambda _: load(EfficientNetLite(), 'efficientnet_lite0', minimum=1.0, head=nn.Linear(2, 3)),
    lambda _: EfficientNetLite(version=3),
    lambda _: EfficientNetLite(return_idx=[3, 2]),
    lambda _: EfficientNetLite(freeze_at=4),
    lambda _: EfficientNetLite(norm_type='gn'),
    lambda _: EfficientNetLite(norm_type='sync_bn', freeze_norm=True),
)


def shown(page, pattern):
    return pattern.findall(page.read_text(encoding='utf-8'))


@pytest.mark.parametrize('number', range(len(CASES)))
def test_messages_are_as_shown(tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    pattern = re.escape(shown(PAGE, MESSAGE)[number]).replace(r'\.\.\.', '.*')
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        CASES[number](monkeypatch)
    assert re.fullmatch(pattern, str(error.value).replace('\n', ' '))


def test_every_message_has_its_case_in_both_languages():
    assert len(shown(PAGE, MESSAGE)) == len(CASES)
    assert shown(PAGE, MESSAGE) == shown(TRANSLATION, MESSAGE)


def test_levels_are_those_of_the_built_model():
    rows = shown(PAGE, LEVEL)
    assert len(rows) == 4 and rows == shown(TRANSLATION, LEVEL)
    for level, (name, stride, *versions) in enumerate(rows):
        assert name == f'C{level + 2}'
        for version, text in enumerate(versions):
            model = EfficientNetLite(version=version, return_idx=[level])
            count = sum(p.size for p in model.parameters() if not p.stop_gradient)
            spec, = model.out_shape
            assert (int(stride), text) == (spec.stride, f'{spec.channels}, {count / 1e6:.2f} M, '
                                           f'{len(model.state_dict())}')


def test_both_languages_show_the_same_configs():
    block = re.compile(r'^```\w*\n.*?^```', re.MULTILINE | re.DOTALL)
    assert len(shown(PAGE, block)) == 11 and shown(PAGE, block) == shown(TRANSLATION, block)
