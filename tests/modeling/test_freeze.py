# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from paddle import nn

from ppdet_ext.modeling.freeze import freeze, freeze_modules


class TwoParts(nn.Layer):

    def __init__(self, norm=nn.BatchNorm2D):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2D(3, 4, 3), norm(4), nn.ReLU())
        self.head = nn.Sequential(nn.Conv2D(4, 2, 1), nn.BatchNorm2D(2))

    def forward(self, x):
        return self.head(self.backbone(x))


def train_step(model):
    holder = nn.Sequential(model)
    holder.train()  # sets the flag of every sublayer without calling its train()
    optimizer = paddle.optimizer.AdamW(0.1, parameters=model.parameters(), weight_decay=0.1)
    (holder(paddle.randn([4, 3, 6, 6]))**2).mean().backward()
    optimizer.step()
    optimizer.clear_grad()


def moved_by_training(model):
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    for _ in range(3):
        train_step(model)
    return {name for name, tensor in model.state_dict().items()
            if not np.array_equal(before[name], tensor.numpy())}


@pytest.mark.parametrize('norm', [nn.BatchNorm2D, nn.BatchNorm])
def test_frozen_parts_are_bit_identical_after_training(norm):
    model = TwoParts(norm)
    freeze_modules(model, ['backbone'])
    moved = moved_by_training(model)
    assert not [name for name in moved if name.startswith('backbone')]
    assert {'head.0.weight', 'head.1.weight', 'head.1._mean', 'head.1._variance'} <= moved


def test_frozen_norms_stay_frozen_when_they_become_sync_norms(monkeypatch):
    model = TwoParts()
    freeze_modules(model, ['backbone'])
    model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    modes = []
    # Its own forward needs a GPU.
    monkeypatch.setattr(nn.SyncBatchNorm, 'forward',
                        lambda self, x: modes.append(self.training) or x)
    model.train()
    model(paddle.randn([1, 3, 6, 6]))
    assert modes == [False, True]


@pytest.mark.parametrize('parts', [None, []])
def test_nothing_is_frozen_unless_asked(parts):
    model = TwoParts()
    freeze_modules(model, parts)
    assert {'backbone.0.weight', 'backbone.1._mean'} <= moved_by_training(model)


def test_a_second_call_changes_nothing(log):
    model = TwoParts()
    for _ in range(2):
        freeze_modules(model, ['backbone'])
    assert [text for _, text in log] == ['"backbone" is frozen']


def test_a_part_of_a_part():
    model = TwoParts()
    freeze_modules(model, ['backbone.1'])
    moved = moved_by_training(model)
    assert 'backbone.0.weight' in moved
    assert not [name for name in moved if name.startswith('backbone.1')]


def test_a_whole_of_which_a_part_is_frozen_already():
    model = TwoParts()
    freeze(model.backbone[1])  # as a backbone's freeze_at does
    freeze_modules(model, ['backbone'])
    moved = moved_by_training(model)
    assert 'head.0.weight' in moved
    assert not [name for name in moved if name.startswith('backbone')]


def test_the_gradient_passes_through_to_what_lies_before():
    model = TwoParts()
    freeze_modules(model, ['head'])
    assert 'backbone.0.weight' in moved_by_training(model)


@pytest.mark.parametrize('parts, message', [
    ('backbone', "freeze must be a list of sublayers, like .backbone., got 'backbone'"),
    (['bakbone'], r'no sublayer "bakbone" \(did you mean "backbone"\?\); its parts are back'),
    ([3], r'freeze must be a list of sublayers, .* got \[3\]'),
    ([['backbone']], 'freeze must be a list of sublayers'),
    (False, 'freeze must be a list of sublayers, .* got False'),
    ({}, 'freeze must be a list of sublayers, .* got {}'),
])
def test_wrong_parts_are_an_error(parts, message):
    with pytest.raises(ValueError, match=message):
        freeze_modules(TwoParts(), parts)
