# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Images that a network cannot take are found in the reader, before the first step."""
import glob
import os
import time

import pytest
from ppdet.core.workspace import create
from tiny import CONFIGS, student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine.checks.input_size import batch_sizes, check_input_size

SIZES = ((64, 64), (50, 64))
PAD = {'PadBatch': {'pad_to_stride': 32}}


def resize(height, width, keep_ratio=False):
    return {'Resize': {'target_size': [height, width], 'keep_ratio': keep_ratio}}


def reader(sample=(), batch=(), batch_size=2):
    return {'sample_transforms': [{'Decode': {}}, *sample, {'Permute': {}}],
            'batch_transforms': list(batch), 'batch_size': batch_size}


@pytest.fixture
def retinanet(tmp_path):
    return create(load_run_config(student_yaml(tmp_path)).architecture)


@pytest.mark.parametrize('sample, batch, expected', [
    ([resize(96, 64)], [], {(96, 64)}),
    ([resize(128, 128, True)], [PAD], {(128, 128)}),
    ([], [PAD], {(64, 64)}),
    ([{'RandomCrop': {}}], [], None),
    ([{'RandomCrop': {}}, resize(96, 96)], [], {(96, 96)}),
    ([], [{'BatchRandomResize': {'target_size': [64, 96], 'keep_ratio': False}}],
     {(64, 64), (96, 96)}),
    ([{'RandomResize': {'target_size': [[64, 64], [96, 96]], 'keep_ratio': False}}], [PAD],
     {(64, 64), (96, 96), (64, 96), (96, 64)}),
])
def test_the_size_is_followed_through_the_reader(sample, batch, expected):
    assert batch_sizes(reader(sample, batch), SIZES) == expected


def test_many_sizes_take_no_time():
    many = {(500 + k, 900 - k % 300) for k in range(1000)}
    resizing = {'RandomResize': {'target_size': [[s, 1333] for s in range(640, 832, 32)]}}
    start = time.perf_counter()
    assert (640, 1344) in batch_sizes(reader([resizing], [PAD]), many)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize('sample, batch, sizes, message', [
    ([], [], SIZES, r'TrainReader: one batch may hold images of 50x64 .* and 64x64 .*add PadBatch: '
                    r'\{pad_to_stride: 32\}'),
    ([resize(128, 128, True)], [], SIZES, 'one batch may hold images of 100x128 .* and 128x128'),
    ([{'RandomResize': {'target_size': [64, 96], 'keep_ratio': False}}], [], None,
     'one batch may hold images of 64x64 .* and 96x96'),
    ([resize(100, 75)], [], None, 'gives images of 100x75 .*needs multiples of 32'),
    ([resize(64, 75)], [], SIZES, 'gives images of 64x75'),
    ([], [{'BatchRandomResize': {'target_size': [64, 80], 'keep_ratio': False}}], None,
     'gives images of 80x80'),
])
def test_sizes_that_do_not_fit(retinanet, sample, batch, sizes, message):
    with pytest.raises(ValueError, match=message):
        check_input_size(retinanet, 'TrainReader', reader(sample, batch),
                         lambda: sizes)


@pytest.mark.parametrize('sample, batch, sizes, batch_size', [
    ([], [PAD], SIZES, 2), ([resize(96, 64)], [], SIZES, 2), ([], [], ((64, 64), (96, 64)), 1),
    ([{'RandomCrop': {}}], [], SIZES, 2), ([resize(100, 75)], [PAD], None, 2),
])
def test_sizes_that_fit(retinanet, sample, batch, sizes, batch_size):
    check_input_size(retinanet, 'TrainReader', reader(sample, batch, batch_size),
                     lambda: sizes)


@pytest.mark.parametrize('sample', [[{'RandomCrop': {}}], [resize(64, 64)]])
def test_images_are_not_opened_where_their_size_does_not_matter(retinanet, sample):
    check_input_size(retinanet, 'TrainReader', reader(sample), lambda: pytest.fail('opened'))


def test_an_assigner_that_takes_nine_candidates_of_each_level():
    cfg = load_run_config(os.path.join(CONFIGS, 'picodet', 'picodet_s_neu_det.yml'),
                          {'pretrain_weights': None})
    model = create(cfg.architecture)
    small, large = (reader(batch=[{'BatchRandomResize': {
        'target_size': [side], 'keep_ratio': False}}]) for side in (128, 160))
    with pytest.raises(ValueError, match='128x128 .* assigner of PicoDet needs 129 or more'):
        check_input_size(model, 'TrainReader', small)
    check_input_size(model, 'TrainReader', large)
    check_input_size(model, 'EvalReader', small)  # nothing is assigned there


@pytest.mark.parametrize('path', sorted(
    glob.glob(os.path.join(CONFIGS, 'nano', '*.yml')) +
    glob.glob(os.path.join(CONFIGS, '*', '*_lite0_neu_det.yml')) +
    glob.glob(os.path.join(CONFIGS, '*', '*_s_neu_det.yml'))), ids=os.path.basename)
def test_shipped_configs_fit_neu_det(path):
    cfg = load_run_config(path, {'pretrain_weights': None})
    model = create(cfg.architecture)
    for name in ('TrainReader', 'EvalReader', 'TestReader'):
        check_input_size(model, name, cfg[name], lambda: [(200, 200)])
