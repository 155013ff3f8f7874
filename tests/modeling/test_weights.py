# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import os
import urllib.error

import numpy as np
import paddle
import pytest
from paddle import nn
from ppdet.modeling.backbones import ResNet
from torch_files import torchvision_resnet, write_torch_file

from ppdet_ext.modeling import EfficientNetLite, weights
from ppdet_ext.safe_io import torch_file


def network():
    return nn.Sequential(('backbone', nn.Linear(2, 3)), ('head', nn.Linear(3, 4)))


@pytest.fixture
def saved(tmp_path):
    model = network()
    path = str(tmp_path / 'model.pdparams')
    paddle.save(model.state_dict(), path)
    return model, path


@pytest.mark.parametrize('suffix', ['', '.pdparams'])
def test_loads_with_and_without_suffix(saved, log, suffix):
    source, path = saved
    target = network()
    weights.load_weights(target, path[:-len('.pdparams')] + suffix, 'student', minimum=1.0)
    for name, tensor in source.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), target.state_dict()[name].numpy())
    assert f'student: 4 of 4 tensors loaded from {path}' in log[-1][1]


def test_reports_what_did_not_fit(saved, log):
    _, path = saved
    target = nn.Sequential(('backbone', nn.Linear(2, 3)), ('head', nn.Linear(3, 5)))
    weights.load_weights(target, path, 'student')
    assert '2 of 4 tensors loaded' in log[-1][1]
    assert 'another shape: head.weight, head.bias' in log[-1][1]


def test_too_few_is_an_error_and_changes_nothing(saved):
    _, path = saved
    target = nn.Sequential(('backbone', nn.Linear(2, 3)), ('head', nn.Linear(3, 5)))
    before = target.backbone.weight.numpy().copy()
    with pytest.raises(ValueError, match='2 of 4 tensors(.|\n)*At least 90% must fit'):
        weights.load_weights(target, path, 'teacher', minimum=0.9)
    np.testing.assert_array_equal(before, target.backbone.weight.numpy())


def test_a_file_of_another_network_is_refused(saved):
    _, path = saved
    with pytest.raises(ValueError, match='student: 0 of 2 tensors(.|\n)* Some must fit: is this'):
        weights.load_weights(nn.Linear(2, 3), path, 'student')


@pytest.mark.parametrize('value, kind', [
    (3, 'int'), (None, 'NoneType'), ({'weight': [1]}, 'dict'), (np.array(['x'] * 4), '<U1')])
def test_what_is_no_tensor_is_named(saved, value, kind):
    source, path = saved
    paddle.save({**source.state_dict(), 'head.bias': value}, path)
    message = f"model.pdparams: 'head.bias' is of type {kind}, expected a tensor"
    with pytest.raises(ValueError, match=message):
        weights.load_weights(network(), path, 'student')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='weights not found: .*nothing.pdparams'):
        weights.resolve_weights(str(tmp_path / 'nothing'))


@pytest.mark.parametrize('given', ['run', 'run/best_model'])
def test_weights_beside_the_missing_ones_are_named(tmp_path, given):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'model_final.pdparams').write_text('')
    (tmp_path / 'run' / 'model_final.pdopt').write_text('')
    with pytest.raises(FileNotFoundError, match=r'path \(the folder has model_final\.pdparams'):
        weights.resolve_weights(str(tmp_path / given))


def test_without_a_network_the_url_and_the_ways_out_are_named(monkeypatch):
    def refuse(*args, **kwargs):
        raise urllib.error.URLError('no route')

    monkeypatch.setattr(weights.urllib.request, 'urlopen', refuse)
    with pytest.raises(ConnectionError, match=r'cannot download https://example.org/x.pdparams .*'
                       r'local file .*train from scratch with -o pretrain_weights=null'):
        weights.resolve_weights('https://example.org/x.pdparams')


def test_a_cached_download_needs_no_network(monkeypatch, tmp_path, saved):
    monkeypatch.setattr(weights, 'WEIGHTS_HOME', str(tmp_path))
    monkeypatch.setattr(weights, 'get_weights_path',
                        lambda url: os.path.join(str(tmp_path), os.path.basename(url)))
    assert weights.resolve_weights('https://example.org/model.pdparams') == saved[1]


@pytest.mark.parametrize('saved_as', ['float16', 'bfloat16', 'float32'])
@pytest.mark.parametrize('loaded_as', ['bfloat16', 'float32'])
def test_weights_of_less_precision(tmp_path, saved_as, loaded_as):
    path = str(tmp_path / 'x.pdparams')
    paddle.save({'weight': paddle.full([2], 1.5).astype(saved_as)}, path)
    model = nn.Layer()
    model.weight = model.create_parameter([2], dtype=loaded_as)
    weights.load_weights(model, path, 'model', minimum=1.0)
    assert model.weight.astype('float32').tolist() == [1.5, 1.5]


@pytest.mark.parametrize('kind', ['float32', 'bfloat16'])
def test_weights_that_are_not_finite_are_refused(tmp_path, kind):
    path = str(tmp_path / 'x.pdparams')
    state = network().state_dict()
    state['head.bias'] = paddle.full([4], float('nan')).astype(kind)
    paddle.save(state, path)
    with pytest.raises(ValueError, match=f'{path}: 1 of 4 tensors are not finite, first head.bias'):
        weights.load_weights(network(), path, 'model')


def backbone(**options):
    return nn.Sequential(('backbone', EfficientNetLite(**options)), ('head', nn.Linear(3, 4)))


@pytest.mark.parametrize('levels, count', [([1, 2, 3], 240), ([1, 2], 165)])
def test_a_packaged_backbone_is_loaded_by_name(log, levels, count):
    model = backbone(return_idx=levels)
    weights.load_weights(model, 'efficientnet_lite0', 'student')
    assert f'student: {count} of {count} backbone tensors loaded from' in log[-1][1]
    stored = torch_file.load_torch_state(weights.resolve_weights('efficientnet_lite0'))
    np.testing.assert_array_equal(model.backbone.blocks[3].project.bn._variance.numpy(),
                                  stored['_blocks.3._bn2.running_var'])


def test_a_backbone_of_another_network_is_refused_by_name_and_changes_nothing():
    model = backbone(version=2)
    before = model.backbone.stem.conv.weight.numpy().copy()
    message = r'another network .* backbone\.blocks\.\S+ has shape \[.*\] there, and in the file'
    with pytest.raises(ValueError, match=message):
        weights.load_weights(model, 'efficientnet_lite0', 'student')
    np.testing.assert_array_equal(model.backbone.stem.conv.weight.numpy(), before)


@pytest.mark.parametrize('own, in_the_file', [(18, 34), (34, 50), (50, 101)])
def test_a_deeper_resnet_is_refused(tmp_path, own, in_the_file):
    path = str(tmp_path / 'resnet.pth')
    write_torch_file(path, torchvision_resnet(in_the_file))
    with pytest.raises(ValueError, match='resnet.pth is of (a deeper|another) network'):
        weights.load_weights(nn.Sequential(('backbone', ResNet(own))), path, 'student')


def test_stages_that_the_model_lacks_are_left_out(tmp_path, log):
    path = str(tmp_path / 'resnet.pth')
    write_torch_file(path, torchvision_resnet(18))
    weights.load_weights(nn.Sequential(('backbone', ResNet(18, num_stages=3, return_idx=[2]))),
                         path, 'student')
    assert 'backbone tensors loaded from' in log[-1][1]


def test_a_backbone_is_no_trained_detector():
    with pytest.raises(ValueError, match='240 of 242 tensors(.|\n)*At least 100% must fit'):
        weights.load_weights(backbone(), 'efficientnet_lite0', 'model', minimum=1.0)


def test_a_model_without_backbone_is_named():
    with pytest.raises(ValueError, match='holds a backbone, and this model has none'):
        weights.load_weights(nn.Linear(2, 3), 'efficientnet_lite0', 'model')


def test_a_misspelt_backbone_is_an_error_with_the_near_match():
    with pytest.raises(FileNotFoundError, match='did you mean "efficientnet_lite0"'):
        weights.resolve_weights('efficientnet_lite_0')
