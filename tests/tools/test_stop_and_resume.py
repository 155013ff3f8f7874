# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Real processes that are killed or stopped in the middle of an epoch, and continued."""
import os
import pathlib
import re
import signal
import subprocess
import sys

import numpy as np
import paddle
import pytest
from tiny import slim_yaml, student_yaml

ROOT = pathlib.Path(__file__).parents[2]
EPOCHS = 2


class Runs:
    """Runs of tools/train.py on synthetic steel, plain or distilled."""

    def __init__(self, folder):
        self.folder = folder
        make = [ROOT / 'tools/make_synthetic_steel.py', '--output', 'steel', '--images-per-class',
                '10', '--seed', '0']
        subprocess.run([sys.executable, *map(str, make)], cwd=folder, check=True)
        reader = {'batch_size': 8, 'sample_transforms': [
            {'Decode': {}}, {'RandomFlip': {'prob': 0.5}},
            {'Resize': {'target_size': [64, 64], 'keep_ratio': False}},
            {'NormalizeImage': {'is_scale': True, 'mean': [0.5] * 3, 'std': [0.25] * 3}},
            {'Permute': {}}]}
        common = {'epoch': EPOCHS, 'log_iter': 1, 'worker_num': 0, 'TrainReader': reader,
                  'TrainDataset': {'dataset_dir': 'steel'}}
        teacher = student_yaml(folder, 'teacher', channels=24, **common)
        student = student_yaml(folder, 'plain', **common)
        self.arguments = {'plain': ['-c', student], 'mgd': ['-c', student, '--slim_config',
                                                            slim_yaml(folder, teacher)]}
        self.start('-c', teacher, '-o', 'epoch=1', 'save_dir=.').wait()
        os.rename(folder / 'teacher' / 'model_final.pdparams', folder / 'teacher.pdparams')

    def start(self, *arguments):
        """subprocess.Popen: the training, as the leader of a process group of its own."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / 'tools/train.py'), *arguments], cwd=self.folder, text=True,
            env={**os.environ, 'PYTHONPATH': ''}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True)

    def train(self, kind, save_dir, *arguments, options=()):
        return self.start(*self.arguments[kind], *arguments, '-o', f'save_dir={save_dir}', *options)

    def finish(self, *arguments, code=0, **kwargs):
        """Trains to the end and returns what was printed."""
        process = self.train(*arguments, **kwargs)
        output, _ = process.communicate()
        assert process.returncode == code, output[-5000:]
        return output

    def send(self, process, number, text):
        """Sends a signal to the process and its readers at the first line with ``text``."""
        lines = []
        for line in process.stdout:
            lines.append(line)
            if text in line:
                os.killpg(process.pid, number)
                text = '\0'  # in no line
        process.wait()
        return ''.join(lines)

    def saved(self, path):
        """dict: every array of a checkpoint."""
        found = {}
        for suffix in ('.pdparams', '.pdopt', '.pdema', '.pdstate'):
            if (self.folder / f'{path}{suffix}').exists():
                content = paddle.load(str(self.folder / f'{path}{suffix}'), return_numpy=True)
                found.update({(suffix, key): value for key, value in flat(content)})
        return {key: value for key, value in found.items()
                if 'checksums' not in key[1] and key[1] != '/saved'}


def flat(content, key=''):
    if not isinstance(content, dict):
        return [(key, np.asarray(content))]
    return [pair for name, part in content.items() for pair in flat(part, f'{key}/{name}')]


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp('runs'))


@pytest.mark.parametrize('kind, options', [('plain', ['seed=1']),
                                           ('mgd', ['seed=1', 'use_ema=true'])])
def test_killed_and_resumed_equals_uninterrupted(runs, kind, options):
    runs.finish(kind, 'whole', options=options)
    killed = runs.train(kind, 'killed', '-r', 'auto', options=options)
    output = runs.send(killed, signal.SIGKILL, 'Epoch: [1] [3/')
    assert killed.returncode == -signal.SIGKILL
    assert f'no checkpoint in killed/{kind}: training starts from the beginning' in output
    output = runs.finish(kind, 'killed', '-r', 'auto', options=options)
    assert 'Epoch: [0]' not in output and 'Epoch: [1] [0/' in output
    whole, resumed = (runs.saved(f'{run}/{kind}/model_final') for run in ('whole', 'killed'))
    assert whole.keys() == resumed.keys() and len(whole) > 100
    assert [key for key in whole if not np.array_equal(whole[key], resumed[key])] == []


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_processes_saves_and_says_how_to_continue(runs, number):
    process = runs.train('mgd', 'stopped', options=['worker_num=2'])
    output = runs.send(process, number, 'Epoch: [1] [1/')
    assert process.returncode == 128 + number and 'Traceback' not in output, output[-5000:]
    found = re.search(r'stopped in epoch 1 after \d of 5 steps; continue with -r (\S+), which '
                      r'repeats epoch 1', output)
    assert found and found[1] == 'stopped/mgd/interrupted'
    resumed = runs.finish('mgd', 'stopped', '-r', found[1], options=['epoch=2'])
    assert 'Epoch: [0]' not in resumed and 'Epoch: [1] [0/' in resumed
    again = runs.finish('mgd', 'stopped', '-r', 'auto', options=['epoch=2'])
    assert 'stopped/mgd/model_final is the end of this run: nothing is left to do' in again
    assert 'Epoch: ' not in again


def test_the_readers_of_a_killed_run_end_too(runs):
    process = runs.train('plain', 'alone', options=[
        'worker_num=2', 'epoch=50', 'TrainReader.use_shared_memory=true'])
    for line in process.stdout:
        if 'Epoch: [0] [1/' in line:
            children = pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text()
            process.kill()
            break
    process.communicate()
    assert len(children.split()) >= 2
    # The pipe, which the readers had open as well, has ended: so have they.
    assert not any(pathlib.Path(f'/proc/{child}/cmdline').exists() and
                   'train.py' in pathlib.Path(f'/proc/{child}/cmdline').read_text()
                   for child in children.split())
    assert [name for name in os.listdir('/dev/shm')
            if name.startswith(tuple(f'paddle_{child}_' for child in children.split()))] == []
