# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Whatever ends a process while it saves, the checkpoints that are there are whole."""
import functools
import itertools
import multiprocessing
import os
import random
import resource
import shutil
import time

import numpy as np
import pytest

from ppdet_ext.engine import checkpoint_files
from ppdet_ext.engine.checkpoint_files import (
    load_checkpoint,
    newest_checkpoint,
    recover,
    remove_old,
    save_checkpoint,
    save_weights,
)
from ppdet_ext.safe_io.safe_pickle import load_state

# Saving needs no Paddle operator here, so that a forked process may do it.
fork = multiprocessing.get_context('fork')


def save(path, number, size=1000, suffixes=('.pdparams', '.pdopt', '.pdema')):
    contents = {suffix: {'value': np.full([size], number, 'float32')} for suffix in suffixes}
    return save_checkpoint(str(path), contents, {'number': number})


def number_of(path):
    """int: what the whole checkpoint holds, in every file the same."""
    state = load_checkpoint(str(path))
    for suffix in state['checksums']:
        values = np.unique(np.asarray(load_state(f'{path}{suffix}')['value']))
        assert values.tolist() == [state['number']]
    return state['number']


def save_forever(folder, number, has_begun):
    while True:
        has_begun.set()
        save(folder / 'best_model', number)
        save(folder / str(number % 3), number)
        number += 1


def test_killed_at_random_moments(tmp_path):
    moments, number = random.Random(0), 0
    save(tmp_path / 'best_model', number)
    for _ in range(50):
        has_begun = fork.Event()
        process = fork.Process(target=save_forever, args=(tmp_path, number + 1, has_begun))
        process.start()
        assert has_begun.wait(60)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.join()
        recover(str(tmp_path))
        names = [name for name in os.listdir(tmp_path) if name.endswith('.pdstate')]
        found = {name: number_of(tmp_path / name[:-len('.pdstate')]) for name in names}
        assert newest_checkpoint(str(tmp_path)) is not None
        assert found['best_model.pdstate'] >= number, 'what was there once is not lost'
        number = found['best_model.pdstate']


class Killed(BaseException):
    """Stands for the end of the process: nothing is tidied up."""


def killing(operations, monkeypatch, moment):
    """Ends the process at the n-th call of what changes the disk."""
    calls = itertools.count()

    def stop_or_call(original, *args, **kwargs):
        if next(calls) == moment:
            raise Killed
        return original(*args, **kwargs)

    for module, name in operations:
        monkeypatch.setattr(module, name, functools.partial(stop_or_call, getattr(module, name)))


DISK = [(os, 'mkdir'), (os, 'fsync'), (os, 'rename'), (os, 'replace'), (os, 'remove'),
        (os, 'rmdir'), (checkpoint_files.paddle, 'save')]


def test_killed_at_every_moment(tmp_path):
    """The new checkpoint has no .pdema, as of a run without EMA in the folder of one with."""
    found = []
    for moment in range(100):
        folder = tmp_path / str(moment)
        save(folder / 'best_model', 1)
        with pytest.MonkeyPatch.context() as monkeypatch:
            killing(DISK, monkeypatch, moment)
            try:
                save(folder / 'best_model', 2, suffixes=('.pdparams', '.pdopt'))
                finished = True
            except Killed:
                finished = False
        assert load_state(str(folder / 'best_model.pdparams'))['value'].size == 1000
        recover(str(folder))
        found.append(number_of(folder / 'best_model'))
        assert newest_checkpoint(str(folder)) == str(folder / 'best_model')
        assert not [name for name in os.listdir(folder) if name.startswith('.')]
        shutil.rmtree(folder)
        if finished:
            break
    assert finished and found == sorted(found) and set(found) == {1, 2}
    assert found.count(1) > 6 and found.count(2) > 6


def save_with_little_room(path, connection):
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        save(path, 2, size=100_000)
    except OSError as error:
        connection.send(str(error))


def test_a_full_disk(tmp_path):
    save(tmp_path / 'best_model', 1)
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=save_with_little_room, args=(tmp_path / 'best_model', sender))
    process.start()
    process.join()
    assert process.exitcode == 0 and receiver.poll()
    message = receiver.recv()
    assert message.startswith(f'cannot save the checkpoint {tmp_path}/best_model (File too large)')
    assert 'earlier ones are untouched' in message
    assert number_of(tmp_path / 'best_model') == 1
    assert not [name for name in os.listdir(tmp_path) if name.startswith('.')]


def save_weights_with_little_room(path, connection):
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        save_weights(path, {'weight': np.zeros(100_000)})
    except OSError as error:
        connection.send(str(error))


def test_weights_on_a_full_disk(tmp_path):
    path = str(tmp_path / 'new' / 'x.pdparams')
    save_weights(path, {'weight': np.ones(3)})
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=save_weights_with_little_room, args=(path, sender))
    process.start()
    process.join()
    assert process.exitcode == 0 and receiver.poll()
    assert receiver.recv().startswith(f'cannot write {path} (File too large)')
    assert load_state(path)['weight'].tolist() == [1, 1, 1]
    assert os.listdir(tmp_path / 'new') == ['x.pdparams']


def test_files_of_two_checkpoints_are_no_checkpoint(tmp_path):
    save(tmp_path / '0', 1)
    save(tmp_path / '1', 2)
    shutil.copy(tmp_path / '0.pdopt', tmp_path / '1.pdopt')
    with pytest.raises(ValueError, match=r'1\.pdopt is missing, damaged or not the file'):
        load_checkpoint(str(tmp_path / '1'))


def test_the_sidecar_alone_can_be_replaced(tmp_path):
    path = str(tmp_path / '0')
    checksums = save(path, 1)
    save_checkpoint(path, {}, {'number': 1, 'note': 'evaluated'}, unchanged=checksums)
    assert number_of(path) == 1 and load_checkpoint(path)['note'] == 'evaluated'


def test_files_of_others_stay(tmp_path):
    log = tmp_path / '.run.log.partial'
    log.write_text('of VisualDL')
    save(tmp_path / '0', 1)
    assert log.read_text() == 'of VisualDL'


@pytest.mark.parametrize('damage, message', [
    (lambda file: os.truncate(file, 10), '0.pdstate is damaged or cut off'),
    (lambda file: checkpoint_files.paddle.save({'best_metric': 0.5}, file), 'an older version'),
])
def test_a_sidecar_that_is_none(tmp_path, damage, message):
    save(tmp_path / '0', 1)
    damage(str(tmp_path / '0.pdstate'))
    with pytest.raises(ValueError, match=message):
        load_checkpoint(str(tmp_path / '0'))


def test_the_newest_is_the_one_saved_last(tmp_path):
    for name in ('7', 'best_model', '1'):
        save(tmp_path / name, 0)
    for time_copied, name in ((1, '1'), (3, '7'), (2, 'best_model')):
        os.utime(tmp_path / f'{name}.pdstate', (time_copied, time_copied))
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / '1')
    assert newest_checkpoint(str(tmp_path / 'nowhere')) is None


def test_old_ones_are_removed_and_those_of_an_earlier_run_are_not(tmp_path):
    for name in ('0', '2', '10', '30', 'best_model', 'model_final', 'interrupted'):
        save(tmp_path / name, 0)
    os.remove(tmp_path / '0.pdstate')  # removed half
    remove_old(str(tmp_path), epoch=10, keep=1)
    stems = {name.split('.')[0] for name in os.listdir(tmp_path)}
    assert stems == {'10', '30', 'best_model', 'model_final', 'interrupted'}
