# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A whole few-shot experiment with DKAN on noise, killed on its way."""
import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import paddle
import pytest
from PIL import Image
from tiny import slim_yaml
from tiny_faster_rcnn import CLASSES, build_detector, faster_rcnn_yaml
from tool_runs import TIMEOUT, kill_when

from ppdet_ext.few_shot.set_files import write_few_shot
from ppdet_ext.few_shot.sets import NEU_DET_SPLITS, make_few_shot

TOOL = pathlib.Path(__file__).parents[2] / 'tools' / 'run_few_shot.py'
specification = importlib.util.spec_from_file_location('run_few_shot', TOOL)
run_few_shot = importlib.util.module_from_spec(specification)
specification.loader.exec_module(run_few_shot)


def write_dataset(folder):
    """A data set of noise images, one box in each, and its few-shot sets."""
    (folder / 'images').mkdir(parents=True)
    (folder / 'annotations').mkdir()
    rng = np.random.default_rng(0)
    for part in ('train', 'val', 'test'):
        names = [f'{part}_{k}.png' for k in range(2 * len(CLASSES))]
        for name in names:
            noise = rng.integers(0, 255, [64, 64, 3], dtype='uint8')
            Image.fromarray(noise).save(folder / 'images' / name)
        (folder / 'annotations' / f'{part}.json').write_text(json.dumps({
            'categories': [{'id': k + 1, 'name': name} for k, name in enumerate(CLASSES)],
            'images': [{'id': k, 'file_name': name, 'width': 64, 'height': 64}
                       for k, name in enumerate(names)],
            'annotations': [{'id': k, 'image_id': k, 'category_id': k % len(CLASSES) + 1,
                             'bbox': [8, 8, 40, 40], 'area': 1600, 'iscrowd': 0}
                            for k in range(len(names))]}))
    sets = make_few_shot(str(folder), NEU_DET_SPLITS[1], shots=[1], seeds=[1, 2])
    write_few_shot(str(folder / 'annotations' / 'sets'), sets)


@pytest.fixture
def command(tmp_path):
    """A call of the tool for DKAN, 1 shot, 2 seeds, 1 epoch."""
    write_dataset(tmp_path / 'noise')
    weights = str(tmp_path / 'base.pdparams')
    dataset = {'dataset_dir': 'noise', 'anno_path': 'annotations/sets/1shot_seed1.json',
               'allow_empty': True}
    common = {'TrainDataset': dataset, 'EvalDataset': dataset, 'use_gpu': False, 'epoch': 1,
              'worker_num': 0, 'TrainReader': {'batch_size': 2}}
    base_set = {**dataset, 'anno_path': 'annotations/sets/base_train.json'}
    base = faster_rcnn_yaml(tmp_path, 'base', classes=3, weights=weights,
                            **{**common, 'TrainDataset': base_set, 'EvalDataset': base_set})
    student = faster_rcnn_yaml(tmp_path, 'student', cosine={}, **common)
    slim = slim_yaml(tmp_path, base, name='dkan', slim_method='DKAN')
    paddle.seed(1)
    paddle.save(build_detector(base).state_dict(), weights)
    return [sys.executable, TOOL, '-c', student, '--base_config', base, '--slim_config', slim,
            '--name', 'DKAN', '--shots', '1', '--seed', '1', '2', '--output', 'out']


def test_a_killed_experiment_goes_on_where_it_stopped(tmp_path, command):
    first, second = (tmp_path / 'out' / 'DKAN' / f'1shot_seed{seed}' for seed in (1, 2))
    with open(tmp_path / 'log', 'w') as f:
        killed = subprocess.Popen(command, cwd=tmp_path, stdout=f, stderr=subprocess.STDOUT)
        kill_when(killed, second / 'train.log')
    log = (tmp_path / 'log').read_text()
    assert 'run 1 of 2: DKAN, 1 shot, seed 1, logs in out/DKAN/1shot_seed1\n' in log
    assert '    run 1 of 2: AP_B' in log
    assert 'run 2 of 2: DKAN, 1 shot, seed 2, logs in out/DKAN/1shot_seed2, about 0:' in log
    assert len(json.loads((tmp_path / 'out' / 'results.json').read_text())['runs']) == 1
    trained = (first / 'model_final.pdparams').stat().st_mtime_ns

    done = subprocess.run(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + (second / 'train.log').read_text()
    assert 'seed 1: finished before' in done.stdout
    assert (first / 'model_final.pdparams').stat().st_mtime_ns == trained
    lines = (tmp_path / 'out' / 'table.md').read_text().splitlines()
    assert [line.split('|')[1:4] for line in lines if 'DKAN' in line] == 2 * [
        [' DKAN          ', '     1 ', '     2 ']]
    assert '| DKAN ' in done.stdout and ' ± ' in done.stdout

    results = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert [(run['method'], run['shots'], run['seed']) for run in results['runs']] == [
        ('DKAN', 1, 1), ('DKAN', 1, 2)]
    for run in results['runs']:
        assert set(run) >= {'base', 'novel', 'all', 'forgetting'}
        assert set(run['classes']) == set(CLASSES)
    weights = [paddle.load(str(folder / 'model_final.pdparams'), return_numpy=True)
               for folder in (first, second)]
    assert not np.array_equal(*(w['bbox_head.bbox_score.weight'] for w in weights))


def parse(*options):
    return run_few_shot.parse_args(['-c', 'x.yml', '--base_config', 'b.yml', *options])


def test_options_are_handed_on_as_they_were_written():
    args = parse('--name', 'TFA', '--shots', '5', '5', '30', '--output', './out/', '-o', 'epoch=2',
                 'LearningRate.base_lr=1e-3', '--base_opt', 'epoch=3',
                 '--base_opt', 'snapshot_epoch=9')
    assert args.options == ['epoch=2', 'LearningRate.base_lr=1e-3']
    assert args.opt == {'epoch': 2, 'LearningRate': {'base_lr': 0.001}}
    assert args.base_options == ['epoch=3', 'snapshot_epoch=9']
    assert args.base_opt == {'epoch': 3, 'snapshot_epoch': 9}
    assert (args.shots, args.seed, args.output) == ([5, 30], [1], 'out')


@pytest.mark.parametrize('options, message', [
    (['--name', '../x'], '--name ../x: expected letters, digits'),
    (['--name', 'base'], 'and not "base"'),
    (['--name', 'x', '-o', 'seed=1'], '-o seed=1: the runs set this key themselves; see --seed'),
    (['--name', 'x', '--base_opt', 'weights=a'], '--base_opt weights=a: the runs set this key'),
    (['--name', 'x', '--base_opt', 'epoch'], '--base_opt takes key=value pairs, got "epoch"'),
    ([], 'required: --name'),
])
def test_a_wrong_command_line_exits_with_2(options, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(*options)
    assert stopped.value.code == 2 and message in capsys.readouterr().err


def test_sets_are_those_of_the_students_config_unless_they_are_named():
    cfg = {'TrainDataset': {'dataset_dir': 'data', 'anno_path': 'a/split1/5shot_seed1.json'}}
    assert run_few_shot.few_shot_sets(cfg, None, 'val') == ('data/a/split1', 'data', 'val')
    assert run_few_shot.few_shot_sets(cfg, 'else/', 'test') == ('else', 'data', 'test')


def test_only_weights_that_are_not_named_by_hand_may_be_missing(tmp_path):
    (tmp_path / 'best.pdparams').write_text('')
    found = str(tmp_path / 'best.pdparams')
    assert run_few_shot.base_weights(None, str(tmp_path / 'best')) == found
    assert run_few_shot.base_weights(found, 'nowhere') == found
    assert run_few_shot.base_weights(None, 'nowhere') is None
    assert run_few_shot.base_weights(None, None) is None
    with pytest.raises(FileNotFoundError, match='weights not found: nowhere.pdparams'):
        run_few_shot.base_weights('nowhere', found)
