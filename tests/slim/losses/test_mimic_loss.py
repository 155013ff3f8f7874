# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle

from ppdet_ext.slim import BoxMimicLoss, MimicLoss

# 8 x 8 pixels on 4 x 4 cells. The box ends where the third row of cells begins, and within the
# third column.
BOX = [[2.0, 2.0, 5.0, 4.0]]
SHAPE = paddle.to_tensor([[8.0, 8.0]])


def errors(*cells):
    """Maps of two channels that differ by 1 and 2 in these cells and by nothing elsewhere."""
    student = np.zeros([1, 2, 4, 4], 'float32')
    for row, column in cells:
        student[0, :, row, column] = 1.0, 2.0
    return paddle.to_tensor(student), paddle.zeros([1, 2, 4, 4])


def test_is_half_the_squared_distance_of_a_cell_averaged_over_cells():
    # (1 + 4) / 2 in one cell of 16, ten times.
    assert float(MimicLoss(2, 2, alpha_mimic=10.0)(*errors((0, 3)))) == 10.0 * 2.5 / 16


def test_counts_inside_of_the_boxes_only():
    layer = BoxMimicLoss(2, 2, alpha_mimic=10.0)
    boxes = [paddle.to_tensor(BOX)]
    # The box covers the cells (1, 1) and (1, 2).
    assert float(layer(*errors((1, 2)), boxes, SHAPE)) == 10.0 * 2.5 / 2
    assert float(layer(*errors((0, 2), (1, 3), (2, 1)), boxes, SHAPE)) == 0.0


def test_a_box_within_a_cell_covers_it():
    boxes = [paddle.to_tensor([[2.5, 2.5, 3.0, 3.0]])]
    assert float(BoxMimicLoss(2, 2, alpha_mimic=1.0)(*errors((1, 1)), boxes, SHAPE)) == 2.5


def test_boxes_that_overlap_count_once():
    layer = BoxMimicLoss(2, 2, alpha_mimic=1.0)
    once = layer(*errors((1, 2)), [paddle.to_tensor(BOX)], SHAPE)
    twice = layer(*errors((1, 2)), [paddle.to_tensor(BOX * 2)], SHAPE)
    assert float(once) == float(twice)
