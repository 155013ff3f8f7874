# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Schedules for few images: as many steps as the config was made for."""
import glob
import os

import pytest
from label_formats import CLASSES, objects, write_yolo
from tiny import CONFIGS

from ppdet_ext.config.yaml_file import read_merged, read_yaml
from ppdet_ext.data.formats import SourceOptions
from ppdet_ext.data.prepare import PrepareOptions, prepare_data
from ppdet_ext.data.schedule import lengthened_schedule

COSINE = {'name': 'CosineDecay', 'max_epochs': 12, 'min_lr_ratio': 0.1}
STEPS = {'name': 'LinearWarmup', 'start_factor': 0.01, 'steps': 200}


def config(*schedulers, **more):
    return {'epoch': 12, 'LearningRate': {'base_lr': 0.01, 'schedulers': list(schedulers)}, **more}


def test_what_counts_epochs_is_multiplied_and_what_counts_steps_is_not():
    assert lengthened_schedule(config(COSINE, STEPS), 126, 1260) == {
        'epoch': 120, 'snapshot_epoch': 10,
        'LearningRate': {'schedulers': [{**COSINE, 'max_epochs': 120}, STEPS]}}


def test_milestones_warmups_in_epochs_and_assigners_that_change_are_lengthened():
    decay = {'name': 'PiecewiseDecay', 'gamma': 0.1, 'milestones': [8, 11]}
    warmup = {'name': 'LinearWarmup', 'epochs': 1}
    result = lengthened_schedule(config(decay, warmup, snapshot_epoch=2,
                                        Head={'static_assigner_epoch': 4, 'stride': 8}), 500, 1260)
    assert result == {
        'epoch': 31, 'snapshot_epoch': 6, 'Head': {'static_assigner_epoch': 11},
        'LearningRate': {'schedulers': [{**decay, 'milestones': [21, 28]},
                                        {**warmup, 'epochs': 3}]}}


@pytest.mark.parametrize('content, images', [
    (config(COSINE, STEPS), 1260), (config(COSINE, STEPS), 50000), (config(COSINE, STEPS), 1100),
    ({'num_classes': 6}, 10), (config(object()), 10)])
def test_images_enough_or_a_schedule_that_is_not_understood(content, images):
    assert lengthened_schedule(content, images, 1260) == {}


@pytest.mark.parametrize('path', sorted(glob.glob(os.path.join(CONFIGS, '*', '*_neu_det*.yml'))),
                         ids=os.path.basename)
def test_every_config_of_neu_det_is_lengthened(path):
    shipped = read_merged(path)
    result = lengthened_schedule(shipped, 126, 1260)
    assert result['epoch'] == 10 * shipped['epoch']
    assert len(result['LearningRate']['schedulers']) == len(shipped['LearningRate']['schedulers'])
    assert result['LearningRate'] != shipped['LearningRate']


def test_merging_is_that_of_paddledetection():
    from ppdet.core.workspace import _load_config_with_base
    path = os.path.join(CONFIGS, 'lite', 'gfl_lite2_neu_det.yml')
    theirs = _load_config_with_base(path)  # beside ours, every registered class
    ours = read_merged(path)
    assert ours == {key: theirs[key] for key in ours}
    assert {'epoch', 'TrainReader', 'weights'} <= set(ours)


@pytest.mark.parametrize('name, lengthened', [('gfl_lite0_neu_det', True), ('mine', False)])
def test_the_written_config_and_the_report_say_it(tmp_path, name, lengthened):
    write_yolo(tmp_path / 'source', objects(20))
    path = tmp_path / f'{name}.yml'
    path.write_text(f'_BASE_: [{CONFIGS}/lite/gfl_lite0_neu_det.yml]\n')
    report, (written,) = prepare_data(
        str(tmp_path / 'source'), str(tmp_path / 'parts'), SourceOptions(CLASSES),
        PrepareOptions(config=str(path)))
    images = int(next(line for line in report.splitlines() if line.startswith('all')).split()[1])
    words = f'epochs of {images} training images, as many steps as 12 of 1260'
    assert (words in report) == (words in open(written).read()) == lengthened
    assert ('epoch' in read_yaml(written)) == lengthened
