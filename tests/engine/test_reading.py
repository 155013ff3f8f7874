# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A run whose images or loading processes fail ends at once and says why."""
import gc
import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import paddle
import pytest
from noise_set import noise_set
from ppdet.engine.callbacks import Callback
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer

IMAGES = 12


@pytest.fixture
def new_processes():
    """Lists the processes that load images now, without those that other tests have left."""
    before = set(multiprocessing.active_children())
    return lambda: [process for process in multiprocessing.active_children()
                    if process not in before]


@pytest.fixture
def make(tmp_path):
    """Makes the trainer of a tiny run; its images lie in ``tmp_path / 'set'``."""
    dataset = {'dataset_dir': noise_set(tmp_path / 'set', train=IMAGES, val=IMAGES)}
    path = student_yaml(tmp_path, TrainDataset=dataset, EvalDataset=dataset, use_gpu=False,
                        save_dir=str(tmp_path / 'output'), TrainReader={'batch_size': 2},
                        EvalReader={'batch_size': 2}, seed=0)

    def make_trainer(mode='train', **options):
        return Trainer(load_run_config(path, options), mode)

    return make_trainer


@pytest.mark.parametrize('mode', ['train', 'eval'])
@pytest.mark.parametrize('worker_num', [0, 2])
@pytest.mark.filterwarnings('ignore')
def test_an_image_that_got_lost(make, tmp_path, new_processes, mode, worker_num):
    trainer = make(mode, worker_num=worker_num, epoch=1)
    part = {'train': 'train', 'eval': 'val'}[mode]
    image = tmp_path / 'set' / 'images' / f'{part}_7.png'
    image.unlink()
    with pytest.raises(ValueError) as error:
        trainer.train() if mode == 'train' else trainer.evaluate()
    message = str(error.value)
    assert message.startswith(f'{image} cannot be read or transformed: Decode: FileNotFoundError: ')
    assert '\n' not in message
    assert not new_processes()


@pytest.mark.filterwarnings('ignore')
def test_an_image_that_cannot_be_decoded(make, tmp_path):
    trainer = make(worker_num=0, epoch=1)
    image = tmp_path / 'set' / 'images' / 'train_7.png'
    image.write_bytes(b'')
    with pytest.raises(ValueError, match=f'{image} cannot be read or transformed: Decode: '):
        trainer.train()


def test_a_loading_process_that_is_killed(make, new_processes):
    trainer = make(worker_num=2, epoch=1, TrainReader={'batch_size': 1})

    class Kill(Callback):
        def on_step_end(self, status):
            if status['step_id'] == 0:
                os.kill(new_processes()[0].pid, signal.SIGKILL)

    trainer.register_callbacks([Kill(trainer)])
    with pytest.raises(ChildProcessError, match=r'the process \d+, which loads images, was killed'):
        trainer.train()


class Numbers(paddle.io.Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, index):
        time.sleep(0.02)
        return np.float32(index)


class NumbersAndCollection(Numbers):
    def __getitem__(self, index):
        signal.alarm(60)  # ends a process that waits forever
        gc.collect()
        signal.alarm(0)
        return super().__getitem__(index)


def start_loading(numbers=Numbers):
    loading = iter(paddle.io.DataLoader(numbers(), batch_size=2, num_workers=1))
    next(loading)  # its process runs
    return loading


def test_loading_goes_on_after_the_thread_that_began_it():
    list(start_loading())  # the first one sets a signal handler, which only the main thread can
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(start_loading).result()
    assert len(list(loading)) == 19


def collect_first(bootstrap):
    """A process's start that begins with a garbage collection."""
    def collect_and_start(*args, **kwargs):
        signal.alarm(60)  # ends a process that waits forever
        gc.collect()
        return bootstrap(*args, **kwargs)
    return collect_and_start


@pytest.mark.parametrize('at_the_start', [False, True])
def test_a_loading_process_leaves_earlier_loaders_alone(monkeypatch, at_the_start):
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(3):
            loading = start_loading()
            list(loading)
            loading.itself = loading  # only the garbage collector can free it
            del loading
        if at_the_start:
            process = multiprocessing.process.BaseProcess
            monkeypatch.setattr(process, '_bootstrap', collect_first(process._bootstrap))
        assert len(list(start_loading(NumbersAndCollection))) == 19
    finally:
        if enabled:
            gc.enable()
