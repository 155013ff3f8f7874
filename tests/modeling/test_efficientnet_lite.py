# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import os

import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create, global_config, load_config
from vectors import VECTORS

from ppdet_ext.modeling import EfficientNetLite
from ppdet_ext.modeling.weights import load_weights

CHANNELS = {0: [24, 40, 112, 320], 1: [24, 40, 112, 320], 2: [24, 48, 120, 352]}


class Holder(paddle.nn.Layer):
    """What a detector is to the loading of weights."""

    def __init__(self, **options):
        super().__init__()
        self.backbone = EfficientNetLite(**options)


def image(height=64, width=64):
    return {'image': paddle.randn([2, 3, height, width])}


@pytest.mark.parametrize('version', [0, 1, 2])
def test_parity_with_the_original(version):
    vector = np.load(os.path.join(VECTORS, f'efficientnet_lite{version}.npz'))
    model = Holder(version=version, return_idx=[0, 1, 2, 3])
    load_weights(model, f'efficientnet_lite{version}', 'model', minimum=1.0)
    model.eval()
    levels = model.backbone({'image': paddle.to_tensor(vector['image'])})
    for name, level in zip(('c2', 'c3', 'c4', 'c5'), levels):
        np.testing.assert_allclose(level.numpy(), vector[name], rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.parametrize('version', [0, 1, 2])
def test_out_shape_is_that_of_the_levels(version):
    model = EfficientNetLite(version=version, return_idx=[0, 1, 2, 3])
    assert [spec.channels for spec in model.out_shape] == CHANNELS[version]
    for level, spec in zip(model(image(64, 96)), model.out_shape):
        assert level.shape == [2, spec.channels, 64 // spec.stride, 96 // spec.stride]


def test_odd_sizes_are_rounded_up():
    assert [level.shape[2:] for level in EfficientNetLite()(image(65, 50))] == [
        [9, 7], [5, 4], [3, 2]]


def test_what_lies_behind_the_last_level_is_not_built():
    assert len(EfficientNetLite(return_idx=[1, 2]).state_dict()) == 165
    assert len(EfficientNetLite(return_idx=2)(image())) == 1


def test_frozen_levels_keep_weights_and_statistics():
    model = EfficientNetLite(freeze_at=0, return_idx=[1])
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    model.train()
    optimizer = paddle.optimizer.AdamW(0.1, parameters=model.parameters(), weight_decay=0.1)
    model(image())[0].mean().backward()
    optimizer.step()
    changed = {name.split('.')[1] if name.startswith('blocks') else 'stem'
               for name, value in model.state_dict().items()
               if not np.array_equal(value.numpy(), before[name])}
    assert changed == {'3', '4'}  # C2 ends with block 2


def test_frozen_norms_keep_weights_and_statistics():
    model = EfficientNetLite(freeze_norm=True, return_idx=[1])
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    model.train()
    optimizer = paddle.optimizer.SGD(0.1, parameters=model.parameters())
    model(image())[0].mean().backward()
    optimizer.step()
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name]) == ('.bn.' in name), name


def test_lr_mult_scales_the_step():
    steps = []
    for lr_mult in (1.0, 0.5):
        paddle.seed(0)
        model = EfficientNetLite(lr_mult=lr_mult, return_idx=[0])
        before = model.stem.conv.weight.numpy()
        model(image())[0].mean().backward()
        paddle.optimizer.AdamW(0.1, parameters=model.parameters(), weight_decay=0.0).step()
        steps.append(np.abs(model.stem.conv.weight.numpy() - before).max())
    assert steps[0] == pytest.approx(2 * steps[1], rel=1e-3)


@pytest.mark.parametrize('options, message', [
    ({'version': 3}, 'version must be one of 0, 1, 2, got 3'),
    ({'version': [0]}, r'version must be one of 0, 1, 2, got \[0\]'),
    ({'return_idx': []}, 'return_idx must list levels'),
    ({'return_idx': None}, 'return_idx must list levels .* got None'),
    ({'return_idx': ['1']}, r"return_idx must list levels .* got \['1'\]"),
    ({'freeze_at': '1'}, "freeze_at must be -1 .* got '1'"),
    ({'freeze_at': None}, 'freeze_at must be -1 .* got None'),
    ({'return_idx': [2, 1]}, r'in ascending order, got \[2, 1\]'),
    ({'return_idx': [4]}, 'from 0 .C2. to 3 .C5.'),
    ({'freeze_at': 3, 'return_idx': [1, 2]}, 'up to the last one of return_idx, 2, got 3'),
    ({'norm_type': 'gn'}, '"bn" or "sync_bn", got \'gn\''),
    ({'norm_type': 'sync_bn', 'freeze_norm': True}, 'freeze_norm: false'),
])
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EfficientNetLite(**options)


def test_norm_type_is_shared(tmp_path):
    path = tmp_path / 'backbone.yml'
    path.write_text('norm_type: gn\nEfficientNetLite:\n  version: 1\n')
    load_config(str(path))
    with pytest.raises(ValueError, match="got 'gn'"):
        create('EfficientNetLite')
    global_config.norm_type = 'sync_bn'
    assert len(create('EfficientNetLite').blocks) == 21
