# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A resumed run ends as the uninterrupted one: the same bits in every file it saves."""
import os
import signal

import numpy as np
import paddle
import pytest
from noise_set import noise_set
from paddle.utils import unique_name
from ppdet.engine.callbacks import Callback
from tiny import slim_yaml, student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer
from ppdet_ext.engine.checkpoint_files import SUFFIXES
from ppdet_ext.engine.stop_request import Interrupted
from ppdet_ext.slim import build_slim_model, read_slim_config

IMAGES, EPOCHS = 8, 4
AVERAGE = {'use_ema': True, 'ema_decay': 0.9}
# More frequent with the images that were read.
GRID_MASK = {'TrainReader': {'sample_transforms': [
    {'Decode': {}}, {'GridMask': {'prob': 1.0, 'upper_iter': IMAGES * EPOCHS}},
    {'NormalizeImage': {'is_scale': True, 'mean': [0.5] * 3, 'std': [0.25] * 3}},
    {'Permute': {}}]}}


# Below the data set's folder, which they share with the labelled ones.
UNLABELLED = {'UnlabelledDataset': {'image_dir': 'images'}, 'UnlabelledReader': {'batch_size': 3}}


class Killed(Exception):
    """Stands for the end of the process."""


class Kill(Callback):
    """Ends a run in the middle of an epoch, and of its evaluation if that is asked for."""

    def __init__(self, trainer, mode, epoch, step):
        super().__init__(trainer)
        self.moment = (mode, epoch, step)

    def on_step_end(self, status):
        if (status['mode'], status['epoch_id'], status['step_id']) == self.moment:
            raise Killed


@pytest.fixture
def make(tmp_path, teacher_yaml):
    """Makes the trainer of a tiny run on synthetic noise, as the first of its process."""
    folder = noise_set(tmp_path / 'set', train=IMAGES, val=IMAGES)
    dataset = {'dataset_dir': folder}
    student = student_yaml(
        tmp_path, epoch=EPOCHS, worker_num=0, use_gpu=False, TrainDataset=dataset,
        EvalDataset=dataset, log_iter=1, seed=3, TrainReader={'batch_size': 2, 'shuffle': True},
        EvalReader={'batch_size': 4})
    slim = read_slim_config(slim_yaml(tmp_path, teacher_yaml))

    def make_trainer(run, distill=False, **options):
        if 'UnlabelledDataset' in options:
            options['UnlabelledDataset'] = {**dataset, **options['UnlabelledDataset']}
        cfg = load_run_config(student, {'save_dir': str(tmp_path / run), **options},
                              slim if distill else None)
        unique_name.switch()  # Paddle names parameters, and optimizers their state, by counting
        paddle.seed(0)
        return Trainer(build_slim_model(cfg, slim) if distill else cfg)

    return make_trainer


def path_of(trainer, name):
    return os.path.join(trainer._checkpointer.save_dir, name)


def saved(trainer, name):
    """dict: every array of a checkpoint but the sidecar's checksums, by file and key."""
    path, found = path_of(trainer, name), {}
    for suffix in SUFFIXES:
        if os.path.exists(path + suffix):
            collect(found, suffix, paddle.load(path + suffix, return_numpy=True))
    return {key: value for key, value in found.items()
            if 'checksums' not in key and not key.endswith('/saved')}


def collect(found, key, value):
    if isinstance(value, dict):
        for name, part in value.items():
            collect(found, f'{key}/{name}', part)
    else:
        found[key] = np.asarray(value)


def assert_same(trainer, other, name):
    expected, found = saved(trainer, name), saved(other, name)
    assert expected.keys() == found.keys()
    assert [key for key in expected if not np.array_equal(expected[key], found[key])] == []


@pytest.mark.parametrize('distill, moment, options', [
    (False, ('train', 2, 1), {}),
    (False, ('train', 2, 1), AVERAGE),
    (False, ('train', 2, 1), GRID_MASK),
    (True, ('train', 2, 1), {'worker_num': 2}),
    (True, ('train', 2, 1), AVERAGE),
    (True, ('train', 2, 1), UNLABELLED),
    (True, ('eval', 1, 0), {}),
    (True, ('eval', 1, 0), AVERAGE),
])
def test_resumed_equals_uninterrupted(make, distill, moment, options):
    uninterrupted = make('whole', distill, **options)
    uninterrupted.train(validate=True)
    assert len(saved(uninterrupted, 'model_final')) > 100

    killed = make('resumed', distill, **options)
    killed.register_callbacks([Kill(killed, *moment)])
    with pytest.raises(Killed):
        killed.train(validate=True)

    resumed = make('resumed', distill, **options, seed=7)
    resumed.resume_weights(resumed.newest_checkpoint())
    assert resumed.start_epoch == 2
    resumed.train(validate=True)
    assert_same(uninterrupted, resumed, 'model_final')
    assert_same(uninterrupted, resumed, 'best_model')


def train(trainer, validate=False):
    """Trains and returns the trainer."""
    trainer.train(validate)
    return trainer


def test_the_same_seed_repeats_a_run_and_another_does_not(make):
    first, again, other = (train(make(run, epoch=1, seed=seed))
                           for run, seed in (('first', 3), ('again', 3), ('other', 4)))
    assert_same(first, again, 'model_final')
    first, other = saved(first, 'model_final'), saved(other, 'model_final')
    assert any(not np.array_equal(first[key], other[key]) for key in first if 'pdparams' in key)


def test_a_seed_that_was_drawn_is_resumed(make):
    whole = train(make('whole', epoch=2, seed=None))
    first = path_of(whole, '0')
    resumed = make('resumed', epoch=2, seed=None)
    assert resumed.seed != whole.seed
    resumed.resume_weights(first)
    resumed.train()
    assert_same(whole, resumed, 'model_final')


class Scored:
    """A metric with given results."""

    def __init__(self, values):
        self.values = iter(values)

    def get_results(self):
        return {'bbox': [next(self.values)]}


def evaluate(trainer, *values):
    """Saves the snapshot of epoch 0 and evaluates it, with one result after the other."""
    trainer._metrics = [Scored(values)]
    trainer.status.update(mode='train', epoch_id=0)
    trainer._checkpointer.on_epoch_end(trainer.status)
    trainer.status.update(mode='eval', save_best_model=True)
    for _ in values:
        trainer._checkpointer.on_epoch_end(trainer.status)


def test_a_worse_model_never_replaces_the_best_one(make):
    first = make('run')
    evaluate(first, 0.3, 0.5)
    time = os.stat(path_of(first, 'best_model.pdparams')).st_mtime_ns
    resumed = make('run')
    resumed.resume_weights(path_of(first, '0'))
    evaluate(resumed, 0.4, 0.5)
    assert os.stat(path_of(first, 'best_model.pdparams')).st_mtime_ns == time
    evaluate(resumed, 0.6)
    assert os.stat(path_of(first, 'best_model.pdparams')).st_mtime_ns > time


def test_the_best_model_of_an_earlier_run_is_replaced_after_resuming_too(make, log):
    earlier = make('run')
    evaluate(earlier, 0.4)
    evaluate(make('run'))  # ends before its first evaluation
    resumed = make('run')
    resumed.resume_weights(path_of(resumed, '0'))
    assert any(text.startswith('best_model has an AP of 0.400, of an earlier run in this folder')
               for _, text in log)
    evaluate(resumed, 0.3)
    assert saved(resumed, 'best_model')['.pdstate/best_metric'] == 0.3


def test_auto_without_checkpoints_starts_from_the_beginning(make, log):
    assert make('new').newest_checkpoint() is None
    assert any(level == 'WARNING' and 'training starts from the beginning' in message
               for level, message in log)


def test_auto_passes_over_what_is_not_whole(make, log):
    trainer = train(make('run', epoch=2))
    with open(path_of(trainer, 'model_final.pdopt'), 'rb+') as f:
        f.truncate(100)
    assert trainer.newest_checkpoint() == path_of(trainer, '0')
    assert any('model_final.pdopt is missing, damaged or not the' in message for _, message in log)
    os.remove(path_of(trainer, '0.pdparams'))
    with pytest.raises(ValueError, match='no checkpoint in .* is complete'):
        trainer.newest_checkpoint()


def test_what_does_not_fit_is_refused(make):
    plain = path_of(train(make('plain', epoch=1)), 'model_final')
    with pytest.raises(ValueError, match='belongs to another distillation'):
        make('x', distill=True).resume_weights(plain)
    with pytest.raises(ValueError, match='saved with use_ema: False, this run has use_ema: True'):
        make('x', **AVERAGE).resume_weights(plain)
    with pytest.raises(FileNotFoundError, match='weights not found: nowhere.pdparams'):
        make('x').resume_weights('nowhere')
    os.remove(f'{plain}.pdstate')
    with pytest.raises(FileNotFoundError, match='model_final.pdstate is missing'):
        make('x').resume_weights(plain)


def test_keep_checkpoints(make):
    trainer = train(make('run', keep_checkpoints=2, epoch=2), validate=True)
    resumed = make('run', keep_checkpoints=2, epoch=6)
    resumed.resume_weights(path_of(trainer, '0'))
    resumed.train()
    names = {name.split('.')[0] for name in os.listdir(trainer._checkpointer.save_dir)
             if name.endswith(SUFFIXES)}
    assert names == {'3', '4', 'best_model', 'model_final'}


@pytest.mark.parametrize('mode, name, epochs_done', [('train', 'interrupted', 1), ('eval', '0', 1)])
def test_a_request_to_stop_is_followed_at_the_next_step(make, mode, name, epochs_done):
    trainer = make('run', distill=True, **AVERAGE)

    class Request(Callback):
        def on_step_end(self, status):
            if status['mode'] == mode and (mode == 'eval' or status['epoch_id'] == 1):
                os.kill(os.getpid(), signal.SIGTERM)

    trainer.register_callbacks([Request(trainer)])
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match=f'continue with -r {path_of(trainer, name)}') as stopped:
        trainer.train(validate=True)
    assert stopped.value.exit_code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == (handler or signal.SIG_DFL)
    resumed = make('other', distill=True, **AVERAGE)
    resumed.resume_weights(path_of(trainer, name))
    assert resumed.start_epoch == epochs_done
    assert resumed.lr.last_epoch == epochs_done * IMAGES // 2
    if mode == 'train':  # evaluation has the averaged weights in the model
        trained = {key: value.numpy() for key, value in trainer.model.state_dict().items()}
        assert all(np.array_equal(trained[key], value.numpy())
                   for key, value in resumed.model.state_dict().items())


def test_an_evaluation_that_was_missed_at_the_very_end_is_made_up_for(make):
    uninterrupted = train(make('whole', epoch=2), validate=True)
    killed = make('resumed', epoch=2)
    killed.register_callbacks([Kill(killed, 'eval', 1, 1)])
    with pytest.raises(Killed):
        killed.train(validate=True)
    resumed = make('resumed', epoch=2)
    resumed.resume_weights(resumed.newest_checkpoint())
    assert resumed.is_complete(validate=False) and not resumed.is_complete(validate=True)
    resumed.train(validate=True)
    assert resumed.is_complete(validate=True)
    for name in ('model_final', 'best_model'):
        assert_same(uninterrupted, resumed, name)


def test_a_damaged_best_model_stands_in_nobodys_way(make, log):
    trainer = train(make('run', epoch=1), validate=True)
    with open(path_of(trainer, 'best_model.pdstate'), 'rb+') as f:
        f.truncate(100)
    resumed = make('run', epoch=2)
    resumed.resume_weights(path_of(trainer, 'model_final'))
    assert any('best_model.pdstate' in message and 'the next evaluation replaces it' in message
               for _, message in log)
    resumed.train(validate=True)
    assert make('run').newest_checkpoint() == path_of(trainer, 'model_final')


def test_two_runs_at_once_in_one_folder(make):
    first = make('run')

    class Second(Callback):
        def on_step_end(self, status):
            with pytest.raises(ValueError, match='is in use by another run; .* -o save_dir=PATH'):
                make('run')

    first.register_callbacks([Second(first)])
    train(first)
    make('run')


def test_a_stop_does_not_save_weights_that_are_lost(make):
    trainer = make('run', seed=3)

    class Spoil(Callback):
        def on_step_end(self, status):
            parameter = self.model.model.parameters()[0]
            parameter.set_value(parameter * float('nan'))
            os.kill(os.getpid(), signal.SIGTERM)

    trainer.register_callbacks([Spoil(trainer)])
    with pytest.raises(FloatingPointError, match='weights are not finite'):
        trainer.train()
    assert os.listdir(trainer._checkpointer.save_dir) in ([], ['run.lock'])


def test_a_folder_is_no_checkpoint(make):
    trainer = train(make('run', epoch=1))
    with pytest.raises(ValueError, match='is a folder; name a checkpoint in it'):
        make('other').resume_weights(trainer._checkpointer.save_dir)


def test_a_new_run_over_the_checkpoints_of_another_is_warned_of(make, log):
    trainer = train(make('run', epoch=1))
    assert not any('of an earlier run' in message for _, message in log)
    resumed = make('run', epoch=2)
    resumed.resume_weights(path_of(trainer, 'model_final'))
    train(resumed)
    assert not any('of an earlier run' in message for _, message in log)
    train(make('run', epoch=1))
    assert any('of an earlier run' in message for level, message in log if level == 'WARNING')
