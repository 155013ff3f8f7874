# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Schedules for few images: as many steps as the config was made for."""
import glob
import math
import os
import subprocess
import sys

import pytest
from label_formats import CLASSES, objects, write_yolo
from tiny import CONFIGS
from tool_runs import TOOLS

from ppdet_ext.config.yaml_file import read_merged, read_yaml
from ppdet_ext.data.formats import SourceOptions
from ppdet_ext.data.prepare import PrepareOptions, prepare_data
from ppdet_ext.data.schedule import lengthened_schedule
from ppdet_ext.utils.files import read_json

COSINE = {'name': 'CosineDecay', 'max_epochs': 12, 'min_lr_ratio': 0.1}
STEPS = {'name': 'LinearWarmup', 'start_factor': 0.01, 'steps': 200}


def config(*schedulers, **more):
    return {'epoch': 12, 'LearningRate': {'base_lr': 0.01, 'schedulers': list(schedulers)}, **more}


def reader(batch_size, drop_last):
    return {'TrainReader': {'batch_size': batch_size, 'drop_last': drop_last}}


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


@pytest.mark.parametrize('drop_last, epochs', [(True, 12 * 157), (False, 942)])
def test_what_counts_is_the_steps_of_whole_batches(drop_last, epochs):
    # 15 images are one batch of 8, or two.
    changed = lengthened_schedule(config(COSINE, **reader(8, drop_last)), 15, 1256)
    assert changed['epoch'] == epochs


def test_augmentation_that_ends_is_lengthened_and_that_which_does_not_stays():
    content = config(COSINE, TrainReader={'batch_size': 1, 'mixup_epoch': 10, 'mosaic_epoch': -1})
    assert lengthened_schedule(content, 126, 1260)['TrainReader'] == {'mixup_epoch': 100}


@pytest.mark.parametrize('content, images', [
    (config(COSINE, STEPS), 1260), (config(COSINE, STEPS), 50000), (config(COSINE, STEPS), 1100),
    ({'num_classes': 6}, 10), (config(object()), 10), (config(), 10), (config(COSINE), 0),
    (config(COSINE, **reader(8, True)), 7), ({'epoch': 12, 'LearningRate': None}, 10),
    ({'epoch': 12, 'LearningRate': {'schedulers': None}, 'TrainReader': None}, 10),
    (config({'name': 'PiecewiseDecay', 'gamma': 0.1}), 10)])
def test_images_enough_or_a_schedule_that_is_not_understood(content, images):
    assert lengthened_schedule(content, images, 1260) == {}


@pytest.mark.parametrize('path', sorted(glob.glob(os.path.join(CONFIGS, '*', '*_neu_det*.yml'))),
                         ids=os.path.basename)
def test_every_config_of_neu_det_is_lengthened(path):
    shipped = read_merged(path)
    result = lengthened_schedule(shipped, 126, 1260)
    # Without the last, smaller batch an epoch of 126 images is a little shorter than a tenth.
    assert 10 * shipped['epoch'] <= result['epoch'] < 15 * shipped['epoch']
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


def test_tags_of_paddledetection_are_read_by_a_process_without_it(tmp_path):
    write_yolo(tmp_path / 'source', objects(20))
    (tmp_path / 'optimizer.yml').write_text(
        'epoch: 12\nLearningRate:\n  base_lr: 0.01\n  schedulers:\n'
        '  - !CosineDecay {max_epochs: 12}\n  - !LinearWarmup {steps: 9}\n')
    path = tmp_path / 'mine_neu_det.yml'
    path.write_text('_BASE_: [optimizer.yml]\n')
    (tmp_path / 'classes.txt').write_text('\n'.join(CLASSES))
    subprocess.run([sys.executable, os.path.join(TOOLS, 'prepare_data.py'), '--source',
                    tmp_path / 'source', '--output', tmp_path / 'parts', '--classes',
                    tmp_path / 'classes.txt', '--config', path], check=True)
    written = read_yaml(str(tmp_path / 'parts' / 'mine_parts.yml'))
    images = len(read_json(str(tmp_path / 'parts' / 'annotations' / 'train.json'))['images'])
    assert written['epoch'] == math.ceil(12 * 1260 / images)
    assert written['LearningRate']['schedulers'] == [
        {'name': 'CosineDecay', 'max_epochs': written['epoch']},
        {'name': 'LinearWarmup', 'steps': 9}]


def test_a_base_that_leads_back_is_named(tmp_path):
    (tmp_path / 'a.yml').write_text('_BASE_: [b.yml]\n')
    (tmp_path / 'b.yml').write_text('_BASE_: [a.yml]\n')
    with pytest.raises(ValueError, match='b.yml: _BASE_ .*a.yml leads back to itself'):
        read_merged(str(tmp_path / 'a.yml'))
