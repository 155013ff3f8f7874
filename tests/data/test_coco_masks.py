# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pycocotools import mask

from ppdet_ext.data.coco_masks import mask_fault


def compressed(height, width, seed=0):
    """A random mask as pycocotools writes it."""
    pixels = np.random.default_rng(seed).integers(0, 2, [height, width], dtype='uint8')
    runs = mask.encode(np.asfortranarray(np.repeat(pixels, 3, axis=0)[:height]))
    return {'size': list(runs['size']), 'counts': runs['counts'].decode()}


@pytest.mark.parametrize('segmentation', [
    [[0, 0, 8, 0, 8.5, 6]], [], [[0.0] * 8],
    {'size': [6, 8], 'counts': [10, 5, 33]},
    {'size': [6, 8], 'counts': [0, 48]},
    *(compressed(6, 8, seed) for seed in range(20)),
])
def test_sound_masks(segmentation):
    assert mask_fault(segmentation, 8, 6) is None


def test_long_runs_are_read_as_pycocotools_writes_them():
    for seed in range(3):
        assert mask_fault(compressed(300, 401, seed), 401, 300) is None
        assert 'adds up to' in mask_fault({**compressed(300, 401, seed), 'size': [301, 401]}, 401,
                                          301)


@pytest.mark.parametrize('segmentation, expected', [
    (3, 'list of polygons'),
    ([[0, 0, 1, 1]], 'list of polygons'),
    ([[0, 0, 1, 1, 2]], 'list of polygons'),
    ([[0, 0, 1e9, 1e9, 0, 1e9]], 'list of polygons'),
    ([[0, 0, float('nan'), 1, 0, 1]], 'list of polygons'),
    ([[0, 0, '1', 1, 0, 1]], 'list of polygons'),
    ([{'size': [1, 1], 'counts': [1094795585] * 9}], 'list of polygons'),
    ({'size': [2**31, 2**31], 'counts': [1]}, 'size is the image'),
    ({'size': [6, 8], 'counts': [1]}, 'adds up to'),
    ({'size': [6, 8], 'counts': [49]}, 'adds up to'),
    ({'size': [6, 8], 'counts': [-1, 49]}, 'numbers of pixels'),
    ({'size': [6, 8], 'counts': [0] * 60 + [48]}, 'adds up to'),
    ({'size': [6, 8], 'counts': 'A' * 300}, 'counts'),
    ({'size': [6, 8], 'counts': '\x7f'}, 'numbers of pixels'),
    ({'size': [6, 8], 'counts': 'o' * 99}, 'numbers of pixels'),
    ({'size': [6, 8]}, 'numbers of pixels'),
])
def test_masks_that_pycocotools_would_not_survive(segmentation, expected):
    assert expected in mask_fault(segmentation, 8, 6)
