# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image
from ppdet.utils.visualizer import draw_bbox


def drawn(box, category=3, threshold=0.5):
    """The picture, 100 x 100, as the difference to its black background."""
    detection = {'image_id': 0, 'category_id': category, 'bbox': box, 'score': 0.9}
    image = draw_bbox(Image.new('RGB', (100, 100)), 0, {category: 'patches'}, [detection],
                      threshold)
    return np.asarray(image)


def label_pixels(picture):
    """Number of nearly white pixels, which only the letters have."""
    return int((picture.min(axis=2) > 180).sum())


@pytest.mark.parametrize('top', [0, 4])
def test_the_label_of_a_box_at_the_upper_edge_is_in_the_picture(top):
    assert label_pixels(drawn([20, top, 70, 60])) == label_pixels(drawn([20, 40, 70, 50])) > 20


def test_a_label_with_room_above_stays_above():
    assert label_pixels(drawn([20, 40, 70, 50])[40:]) == 0


def test_a_class_always_has_the_same_colour():
    np.random.seed(0)
    first = drawn([20, 40, 70, 50])
    assert all(np.array_equal(first, drawn([20, 40, 70, 50])) for _ in range(5))
    assert not np.array_equal(first, drawn([20, 40, 70, 50], category=4))
