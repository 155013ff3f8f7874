# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Operators of our own for PaddleDetection's readers."""
import numpy as np
import pytest
from ppdet.data.reader import Compose


def sample():
    """An image of 4 x 6 pixels, white where its one box is."""
    image = np.zeros([4, 6, 3], 'uint8')
    image[0:1, 2:5] = 255
    return {'image': image, 'gt_bbox': np.array([[2., 0., 5., 1.]], 'float32'),
            'gt_class': np.array([[0]])}


def vertical_flip(prob):
    return Compose([{'RandomVerticalFlip': {'prob': prob}}], num_classes=1)


def test_vertical_flip_moves_the_box_with_its_pixels():
    flipped = vertical_flip(1)(sample())
    assert flipped['gt_bbox'].tolist() == [[2, 3, 5, 4]]
    assert (flipped['image'][3:4, 2:5] == 255).all()
    assert flipped['image'].sum() == sample()['image'].sum()
    twice = vertical_flip(1)(flipped)
    assert np.array_equal(twice['image'], sample()['image'])
    assert np.array_equal(twice['gt_bbox'], sample()['gt_bbox'])


def test_vertical_flip_without_boxes_and_never():
    empty = {**sample(), 'gt_bbox': np.zeros([0, 4], 'float32')}
    assert (vertical_flip(1)(empty)['image'][3, 2:5] == 255).all()
    assert np.array_equal(vertical_flip(0)(sample())['image'], sample()['image'])


def test_vertical_flip_refuses_what_it_would_leave_behind():
    with pytest.raises(ValueError, match="has 'gt_poly'"):
        vertical_flip(1)({**sample(), 'gt_poly': [[[0, 0, 1, 1, 1, 0]]]})


@pytest.mark.parametrize('prob', [-0.1, 1.5, 'half'])
def test_vertical_flip_refuses_a_wrong_probability(prob):
    with pytest.raises(ValueError, match='prob must be a number from 0 to 1, got'):
        vertical_flip(prob)
