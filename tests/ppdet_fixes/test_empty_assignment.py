# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""PicoDet's loss of a batch without boxes."""
import paddle
import pytest
from compat_probes import PICODET, build, images


def test_only_the_other_process_has_boxes(monkeypatch):
    model = build(PICODET)
    model.train()
    inputs = {**images(), 'gt_bbox': paddle.zeros([2, 0, 4]),
              'gt_class': paddle.zeros([2, 0, 1], 'int32'),
              'pad_gt_mask': paddle.zeros([2, 0, 1])}
    alone = model(dict(inputs))['loss_vfl']
    monkeypatch.setattr(paddle.distributed, 'get_world_size', lambda: 2)
    monkeypatch.setattr(paddle.distributed, 'all_reduce', lambda scores: scores.add_(
        paddle.to_tensor(3.0)))
    both = model(dict(inputs))['loss_vfl']
    assert 1.5 * float(both) == pytest.approx(float(alone)), 'divided by the mean of 0 and 3'
