# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A whole comparison of a student with and without MGD on noise, killed on its way."""
import json
import subprocess
import sys

import numpy as np
import paddle
import pytest
from noise_set import noise_set
from tiny import slim_yaml, student_yaml, write_yaml
from tool_runs import TIMEOUT, TOOLS, imported, kill_when, refusal

run_comparison = imported('run_comparison')


def comparison_yaml(folder):
    """A teacher, a student and the student with MGD, two epochs of one step each."""
    noise_set(folder / 'noise', train=2, val=2, test=2)
    dataset = {'dataset_dir': 'noise', 'anno_path': 'annotations/train.json'}
    reader = {'batch_size': 2, 'sample_transforms': [{'Decode': {}}, {'Permute': {}}]}
    common = {'TrainDataset': dataset, 'EvalDataset': {**dataset, 'anno_path':
                                                       'annotations/val.json'},
              'use_gpu': False, 'worker_num': 0, 'epoch': 1, 'TrainReader': reader,
              'check_teacher': False,  # a teacher of two steps scores 0
              'LearningRate': {'base_lr': 0.01, 'schedulers': [
                  {'name': 'CosineDecay', 'max_epochs': 1, 'use_warmup': False}]}}
    student = student_yaml(folder, **common)
    teacher = student_yaml(folder, 'teacher', **common)
    run = {'epochs': 2, 'config': student, 'seeds': [0]}
    return write_yaml(folder / 'comparison.yml', {
        'dataset_dir': 'noise',
        'sets': {'pooled': ['annotations/val.json', 'annotations/test.json']},
        'runs': [{**run, 'method': 'teacher', 'config': teacher},
                 {**run, 'method': 'student'},
                 {**run, 'method': 'MGD', 'slim_config': slim_yaml(folder, teacher),
                  'slim_changes': {'pretrain_weights': None}, 'teacher': 'teacher_2e',
                  'baseline': 'student'}]})


def test_a_killed_comparison_goes_on_to_the_same_bits(tmp_path):
    path = comparison_yaml(tmp_path)
    command = [sys.executable, TOOLS / 'run_comparison.py', path, '--jobs', '2', '--output']
    with open(tmp_path / 'log', 'w') as f:
        killed = subprocess.Popen([*command, 'killed'], cwd=tmp_path, stdout=f,
                                  stderr=subprocess.STDOUT)
        kill_when(killed, tmp_path / 'killed' / 'student_2e' / 'seed0' / '0.pdstate')
    for output in ('killed', 'whole'):
        done = subprocess.run([*command, output], cwd=tmp_path, text=True, timeout=TIMEOUT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        assert '3 of 3 runs are finished' in done.stdout and '| MGD' in done.stdout
        assert ('continues' in done.stdout) == (output == 'killed')
        results = json.loads((tmp_path / output / 'comparison.json').read_text())['runs']
        assert [(run['method'], run['seed']) for run in results] == [
            ('teacher', 0), ('student', 0), ('MGD', 0)]
        assert set(results[0]['sets']) == {'pooled'}
    for run in ('teacher_2e/seed0', 'student_2e/seed0', 'MGD_2e/seed0'):
        killed, whole = (paddle.load(str(tmp_path / output / run / 'model_final.pdparams'),
                                     return_numpy=True) for output in ('killed', 'whole'))
        for name, value in whole.items():
            np.testing.assert_array_equal(killed[name], value, err_msg=f'{run} {name}')


@pytest.mark.parametrize('content, message', [
    (None, 'comparison.yml'),
    ({'dataset_dir': 'x', 'sets': {}}, 'needs runs'),
    ({'dataset_dir': 'x', 'sets': {}, 'runs': [], 'seed': 3}, 'unknown key "seed"'),
    ({'dataset_dir': 'x', 'sets': {'test': ['t.json']}, 'runs': []}, 'runs must be a list'),
])
def test_a_wrong_yaml_is_one_line(tmp_path, monkeypatch, capsys, content, message):
    path = tmp_path / 'comparison.yml'
    if content is not None:
        write_yaml(path, content)
    line = refusal('run_comparison', [path, '--output', tmp_path / 'out'], monkeypatch, capsys)
    assert message in line


def test_jobs_are_at_least_one(capsys):
    with pytest.raises(SystemExit):
        run_comparison.parse_args(['x.yml', '--jobs', '0'])
    assert '--jobs: expected an integer of at least 1, got "0"' in capsys.readouterr().err
