# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from vectors import float64

from ppdet_ext.slim import WKDLoss


def blocks(size, grid):
    """First and last cell but one of each block of a row, as adaptive pooling cuts it."""
    return [(k * size // grid, -(-(k + 1) * size // grid)) for k in range(grid)]


@pytest.mark.parametrize('grid', [1, 2, 3])
@float64()
def test_equals_a_loop_over_images_channels_and_blocks(grid):
    student, teacher = 3.0 + paddle.randn([2, 3, 5, 7]), paddle.randn([2, 3, 5, 7])
    mean = deviation = 0.0
    for n, c in np.ndindex(2, 3):
        for top, bottom in blocks(5, grid):
            for left, right in blocks(7, grid):
                pair = [m.numpy()[n, c, top:bottom, left:right] for m in (student, teacher)]
                mean += (pair[0].mean() - pair[1].mean())**2
                deviation += np.diff([np.sqrt(p.var(ddof=1) + 1e-5) for p in pair])[0]**2
    terms = WKDLoss(3, 3, grid=grid, alpha_mean=2.0, alpha_deviation=3.0)(student, teacher)
    np.testing.assert_allclose(float(terms['mean']), 2.0 * mean / (2 * grid**2), rtol=1e-9)
    np.testing.assert_allclose(float(terms['deviation']), 3.0 * deviation / (2 * grid**2),
                               rtol=1e-9)


def test_sees_not_where_in_a_block_a_feature_lies():
    layer = WKDLoss(4, 4)
    teacher = paddle.randn([2, 4, 6, 6])
    terms = layer(teacher.flip([2]).roll(2, axis=3), teacher)
    assert float(terms['loss']) < 1e-9
    halves = WKDLoss(4, 4, grid=2)(teacher.flip([2]), teacher)
    assert float(halves['loss']) > 1e-4


def test_large_means_leave_the_deviations_exact():
    spread = paddle.to_tensor(np.tile([1.0, -1.0], 32).reshape(1, 1, 8, 8), 'float32')
    terms = WKDLoss(1, 1, alpha_deviation=1.0)(1000.0 + 2.0 * spread, -1000.0 + spread)
    np.testing.assert_allclose(float(terms['deviation']), 64 / 63, rtol=1e-3)


def test_a_grid_finer_than_the_map_takes_its_cells():
    student, teacher = paddle.randn([1, 2, 2, 3]), paddle.randn([1, 2, 2, 3])
    terms = WKDLoss(2, 2, grid=8, alpha_mean=1.0)(student, teacher)
    np.testing.assert_allclose(float(terms['mean']), float(((student - teacher)**2).sum()) / 6,
                               rtol=1e-4)
    assert float(terms['deviation']) == 0.0
