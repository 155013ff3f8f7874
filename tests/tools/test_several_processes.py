# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Two processes of ``paddle.distributed.launch`` on the CPU: on one machine, and as two nodes."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import paddle
import psutil
import pytest
from noise_set import noise_set
from tiny import slim_yaml, student_yaml
from tiny_faster_rcnn import build_detector, faster_rcnn_yaml

from ppdet_ext.few_shot.head_expansion import Detector, expand_head

TESTS = pathlib.Path(__file__).parents[1]
PROGRAM = str(TESTS / 'tools' / 'several_processes.py')
METHODS = ('mgd', 'tskd', 'dkan')
STEPS, BATCH = 10, 2
REASON = 'the disk of the second process is full'
ERROR = f'error: process 1: {REASON}'
# Relative, of float32 sums in another order.
TOLERANCE = 1e-5


def save(tensors, path):
    paddle.save({name: paddle.to_tensor(value) for name, value in tensors.items()}, str(path))


def numpy_state(yaml):
    return {name: tensor.numpy() for name, tensor in build_detector(yaml).state_dict().items()}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Student, slim YAML and teacher of every method, with a set of noise images."""
    folder = tmp_path_factory.mktemp('several')
    images = noise_set(folder / 'set', train=2 * BATCH * STEPS)
    dataset = {'dataset_dir': images, 'anno_path': 'annotations/train.json'}
    common = {'epoch': 1, 'worker_num': 0, 'use_gpu': False, 'log_iter': 1, 'seed': 0,
              'TrainDataset': dataset, 'EvalDataset': dataset, 'TrainReader': {
                  'batch_size': BATCH, 'sample_transforms': [
                      {'Decode': {}}, {'Resize': {'target_size': [64, 64], 'keep_ratio': False}},
                      {'NormalizeImage': {'is_scale': True, 'mean': [0.5] * 3, 'std': [0.25] * 3}},
                      {'Permute': {}}]}}
    teacher = student_yaml(folder, 'teacher', channels=24)
    save(numpy_state(teacher), folder / 'teacher.pdparams')
    unlabelled = {'UnlabelledDataset': {'dataset_dir': images, 'image_dir': 'images'}}
    for method, more in (('mgd', unlabelled), ('tskd', {})):
        student_yaml(folder, f'{method}_student', **common, **more)
        slim_yaml(folder, teacher, name=method, slim_method=method.upper())
    # Sampled at random, the boxes would be others in every forward.
    fixed = {'RPNHead': {'rpn_target_assign': {'use_random': False}},
             'BBoxAssigner': {'batch_size_per_im': 16, 'use_random': False}}
    base = faster_rcnn_yaml(folder, 'base', classes=3)
    student = faster_rcnn_yaml(
        folder, 'dkan_student', cosine={'learnable_scale': True}, freeze=['backbone'],
        pretrain_weights=str(folder / 'expanded.pdparams'), **common, **fixed)
    base_detector = Detector(base, None, 3, numpy_state(base))
    every = Detector(student, None, 6, numpy_state(student))
    save(base_detector.tensors, folder / 'base.pdparams')
    save(expand_head(every, base_detector)[0], folder / 'expanded.pdparams')
    slim_yaml(folder, base, name='dkan', slim_method='DKAN',
              pretrain_weights=str(folder / 'base.pdparams'))
    return folder


def start(folder, logs, *options, **popen):
    """Starts a launcher, which prints to ``<logs>.txt``."""
    paths = os.pathsep.join([str(TESTS.parent), str(TESTS / 'helpers')])
    environment = {**os.environ, 'PYTHONPATH': paths}
    environment.pop('OMP_NUM_THREADS', None)
    with open(folder / f'{logs}.txt', 'w') as console:
        return subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-m', 'paddle.distributed.launch', '--log_dir', logs,
             *options], cwd=folder, env=environment, stdout=console, stderr=subprocess.STDOUT,
            **popen)


def results(folder, method):
    found = []
    for rank in range(2):
        path = folder / f'{method}_{rank}.json'
        assert path.exists(), ''.join(p.read_text()[-3000:] for p in folder.glob('*/workerlog.*'))
        found.append(json.loads(path.read_text()))
    return found


@pytest.fixture(scope='module')
def one_machine(folder):
    """Folder, exit code and console of a launcher with two processes."""
    code = start(folder, 'logs', '--nproc_per_node=2', PROGRAM, '.', *METHODS).wait(timeout=600)
    return folder, code, (folder / 'logs.txt').read_text()


@pytest.mark.parametrize('method', METHODS)
def test_gradients_are_those_of_one_process(one_machine, method):
    """Batch norm in evaluation mode, MGD's mask and sampled boxes fixed, cross response unscaled.

    ``double_batch``: the terms that are means over images, boxes or objects, against one forward of
    both batches. ``mean_of_totals``: everything, detection loss too, against the mean of two
    forwards, because what compares the boxes of a batch does so in each process.
    """
    for found in results(one_machine[0], method):
        gradients = found['gradients']
        errors = [*gradients['double_batch'].values(), *gradients['mean_of_totals'].values()]
        assert max(errors) < TOLERANCE < gradients['alone']


@pytest.mark.parametrize('method', METHODS)
def test_all_weights_are_equal_after_ten_steps(one_machine, method):
    first, second = results(one_machine[0], method)
    assert first['steps'] == STEPS and not first['find_unused_parameters']
    assert first['after'] == second['after']
    assert first['after']['student_model'] != first['before']['student_model']
    if first['adapter_weights']:
        assert first['before'] != second['before']
        assert first['after']['distill_losses'] != first['before']['distill_losses']
    assert bool(first['adapter_weights']) == (method != 'dkan')


def test_only_the_first_process_logs_and_saves(one_machine):
    folder = one_machine[0]
    for method in METHODS:
        assert (folder / 'saved_0' / method / 'model_final.pdstate').exists()
        assert os.listdir(folder / f'{method}_curves_0')
        assert not (folder / f'{method}_curves_1').exists()
    assert list((folder / 'saved_1').rglob('*.pd*')) == []
    logs = [(folder / 'logs' / f'workerlog.{rank}').read_text() for rank in range(2)]
    for text in ('Epoch: [0]', 'first step: ', 'Save checkpoint'):
        assert text in logs[0] and text not in logs[1]


def test_the_error_of_another_process_is_on_the_console(one_machine):
    folder, code, console = one_machine
    assert code != 0
    # Of process 0, or of process 1 where the launcher has seen it end before process 0.
    assert REASON in console and 'Traceback' not in console
    assert f'error: {REASON}' in (folder / 'logs' / 'workerlog.1').read_text()


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def test_two_nodes_train_together_and_fail_together(folder, tmp_path):
    for name in ('mgd_student.yml', 'mgd.yml'):
        shutil.copy(folder / name, tmp_path)
    options = ('--nnodes=2', f'--master=127.0.0.1:{free_port()}', '--nproc_per_node=1')
    nodes = [start(tmp_path, f'node_{rank}', *options, f'--rank={rank}', PROGRAM, '.', 'mgd')
             for rank in range(2)]
    codes = [node.wait(timeout=600) for node in nodes]
    first, second = results(tmp_path, 'mgd')
    assert first['after'] == second['after'] and first['steps'] == STEPS
    consoles = [(tmp_path / f'node_{rank}.txt').read_text() for rank in range(2)]
    assert ERROR in consoles[0] and f'error: {REASON}' in consoles[1]
    assert 0 not in codes


class Training:
    """A training of tools/train.py in two processes, each with a process that loads images."""

    def __init__(self, folder, name, *arguments, logs='logs'):
        self.folder, self.name, self.logs = folder, name, f'{name}_{logs}'
        options = ['worker_num=1', 'epoch=2', f'save_dir={name}', f'TrainReader.batch_size={BATCH}']
        self.launcher = start(
            folder, self.logs, '--nproc_per_node=2', str(TESTS.parent / 'tools' / 'train.py'),
            '-c', 'mgd_student.yml', '--slim_config', 'mgd.yml', *arguments, '-o', *options,
            start_new_session=True)

    @property
    def log(self):
        path = self.folder / self.logs / 'workerlog.0'
        return path.read_text() if path.exists() else ''

    def wait_for(self, text):
        while text not in self.log:
            assert self.launcher.poll() is None, self.log[-3000:]
            time.sleep(0.05)

    def finish(self):
        assert self.launcher.wait(timeout=300) == 0, self.log[-3000:]

    def processes(self):
        """list of int: those of this training that are there."""
        # Tests that run beside this one have trainings of the same name, in other folders.
        return [process.pid for process in psutil.process_iter(['cmdline', 'cwd'])
                if f'save_dir={self.name}' in (process.info['cmdline'] or [])
                and process.info['cwd'] == os.path.realpath(self.folder)]

    def weights(self, name='model_final'):
        state = paddle.load(str(self.folder / self.name / 'mgd' / f'{name}.pdparams'))
        losses = paddle.load(str(self.folder / self.name / 'mgd' / f'{name}.pdstate'))
        return {**state, **losses['distill_losses']}


def test_killed_and_resumed_equals_uninterrupted(folder):
    whole = Training(folder, 'whole')
    whole.finish()
    killed = Training(folder, 'killed', '-r', 'auto')
    killed.wait_for('Epoch: [1] [ 3/')
    for process in killed.processes():
        os.kill(process, signal.SIGKILL)
    killed.launcher.wait(timeout=60)
    resumed = Training(folder, 'killed', '-r', 'auto', logs='further_logs')
    resumed.finish()
    assert 'Epoch: [0]' not in resumed.log and 'Epoch: [1] [ 0/' in resumed.log
    expected, found = whole.weights(), resumed.weights()
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[key].numpy(), found[key].numpy()) for key in expected)


def test_a_stopped_launcher_leaves_a_checkpoint_and_no_process(folder):
    stopped = Training(folder, 'stopped')
    stopped.wait_for('Epoch: [0] [ 2/')
    stopped.launcher.send_signal(signal.SIGTERM)
    assert stopped.launcher.wait(timeout=120) != 0
    assert 'continue with -r stopped/mgd/interrupted' in stopped.log
    assert len(stopped.weights('interrupted')) > 100
    assert stopped.processes() == []
