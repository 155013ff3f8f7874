# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import os

import numpy as np
import paddle
import pytest
from configs.test_configs import plain
from noise_set import noise_set
from ppdet.core.workspace import global_config
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer

IMAGES = 3


@pytest.fixture
def load(tmp_path):
    """Loads the configuration of a tiny run on three noise images with one box each."""
    folder = noise_set(tmp_path / 'set', train=IMAGES, val=IMAGES)

    def load_config(**options):
        dataset = {'dataset_dir': folder}
        path = student_yaml(
            tmp_path, epoch=1, worker_num=0, use_gpu=False, save_dir=str(tmp_path / 'output'),
            TrainDataset=dataset, EvalDataset=dataset, TrainReader={'batch_size': IMAGES})
        return load_run_config(path, options)

    return load_config


@pytest.fixture
def checkpoint(load):
    """The checkpoint of one epoch, without suffix."""
    trainer = Trainer(load())
    trainer.train()
    return os.path.join(trainer.cfg.save_dir, trainer.cfg.filename, 'model_final')


def test_a_second_run_of_a_process_has_a_folder_of_its_own(load, tmp_path):
    cfg = load()
    first, second = Trainer(cfg), Trainer(load(filename='other'))
    assert first.cfg.output_eval == str(tmp_path / 'output' / 'student')
    assert second.cfg.output_eval == str(tmp_path / 'output' / 'other')


def test_a_run_leaves_the_configuration_as_it_was_loaded(load):
    cfg = load(auto_scale_lr=True, base_batch_size=1)
    before = plain(cfg)
    Trainer(cfg).train(validate=True)
    assert plain(cfg) == before
    assert plain(global_config['LearningRate']) == before['LearningRate']


def test_a_folder_for_results_that_cannot_be_written_to(load, monkeypatch):
    monkeypatch.setattr(os, 'access', lambda *_: False)  # root may write anywhere
    with pytest.raises(PermissionError, match='output/student cannot be written to; give the eval'):
        Trainer(load(), mode='eval')


def test_what_the_yaml_freezes_does_not_train(load):
    trainer = Trainer(load(freeze=['backbone']))
    before = {name: tensor.numpy().copy() for name, tensor in trainer.model.state_dict().items()}
    trainer.train()
    moved = {name.split('.')[0] for name, tensor in trainer.model.state_dict().items()
             if not np.array_equal(before[name], tensor.numpy())}
    assert moved == {'neck', 'head'}


@pytest.mark.parametrize('options', [{}, {'LearningRate': {'schedulers': [
    {'name': 'CosineDecay', 'max_epochs': 1, 'use_warmup': False}]}}])
def test_fewer_images_than_a_batch(load, options):
    with pytest.raises(ValueError, match='has 3 images, TrainReader.batch_size is 4 in each of 1'):
        Trainer(load(TrainReader={'batch_size': 4}, **options))


@pytest.mark.parametrize('amp', [False, True])
def test_warns_of_mixed_precision_on_a_cpu(load, log, amp):
    Trainer(load(amp=amp))
    assert any('mixed precision' in text for _, text in log) == amp


@pytest.mark.parametrize('suffix', ['', '.pdparams', '.pdopt', '.pdstate'])
def test_resumes_with_and_without_suffix(load, checkpoint, suffix):
    trainer = Trainer(load(epoch=2))
    trainer.resume_weights(checkpoint + suffix)
    assert trainer.start_epoch == 1
    saved = paddle.load(f'{checkpoint}.pdparams')
    for name, tensor in trainer.model.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), saved[name].numpy())


def test_resuming_a_finished_run(load, checkpoint):
    trainer = Trainer(load())
    trainer.resume_weights(checkpoint)
    with pytest.raises(ValueError, match='saved after epoch 1 of 1: nothing is left to train; give'
                       ' more with -o epoch=N'):
        trainer.train()


def test_resuming_another_model(load, checkpoint):
    other = Trainer(load(epoch=2, FPN={'out_channel': 24}, RetinaHead={
        'conv_feat': {'feat_in': 24}}))
    with pytest.raises(ValueError, match=r'checkpoint: \d+ of \d+ tensors loaded(.|\n)*100% must'):
        other.resume_weights(checkpoint)
