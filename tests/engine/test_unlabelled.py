# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Unlabelled images of a run: refused where nobody looks at them, logged where somebody does."""
import pytest
from noise_set import noise_set
from ppdet.engine.callbacks import Callback
from tiny import slim_yaml, student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer
from ppdet_ext.slim import build_slim_model, read_slim_config


class Names(Callback):
    """Keeps the names of the losses that are logged."""

    def on_step_end(self, status):
        self.names = set(status['training_staus'].meters)


@pytest.fixture
def make(tmp_path, teacher_yaml):
    """Makes the trainer of a tiny run on synthetic noise."""
    dataset = {'dataset_dir': noise_set(tmp_path / 'set', train=2, val=1)}

    def make_trainer(slim=None, **options):
        student = student_yaml(
            tmp_path, epoch=1, worker_num=0, use_gpu=False, TrainDataset=dataset, log_iter=1,
            EvalDataset=dataset, TrainReader={'batch_size': 2}, seed=0, check_teacher=False,
            save_dir=str(tmp_path / 'output'), **options)
        if slim is not None:
            slim = read_slim_config(slim_yaml(tmp_path, teacher_yaml, **slim))
        cfg = load_run_config(student, slim=slim)
        return Trainer(build_slim_model(cfg, slim) if slim else cfg)

    return make_trainer


def images(tmp_path):
    return {'UnlabelledDataset': {'image_dir': str(tmp_path / 'set' / 'images')}}


def test_only_a_distillation_takes_them(make, tmp_path):
    with pytest.raises(ValueError, match='UnlabelledDataset: only a distillation learns from images'
                                         ' without labels; give --slim_config'):
        make(**images(tmp_path))


def test_a_reader_alone_has_no_effect(make):
    with pytest.raises(ValueError, match='UnlabelledReader has no effect without UnlabelledDat'):
        make({}, UnlabelledReader={'batch_size': 2})


def test_the_slim_yaml_may_name_them(make, tmp_path, log):
    trainer = make(images(tmp_path))
    said = [text for _, text in log if text.startswith('UnlabelledDataset: ')]
    assert 'first' in said[0] and 'val_0.png' in said[0], 'it is an image of EvalDataset'
    assert said[1] == ('UnlabelledDataset: 3 images, 2 per step beside 2 labelled ones; an epoch '
                       'is 0.67 passes over them')
    names = Names(trainer)
    trainer.register_callbacks([names])
    trainer.train()
    assert {'distill_mgd_p3', 'distill_unlabelled_mgd_p3'} <= names.names


def test_a_term_that_needs_labels_ends_the_run_before_it_starts(make, tmp_path):
    with pytest.raises(ValueError, match='TSKDFeatureLoss "tskd" needs boxes'):
        make({'slim_method': 'TSKD', 'cross_response': False}, **images(tmp_path))
    make({'slim_method': 'TSKD', 'cross_response': False, 'UnlabelledDataset': {
        **images(tmp_path)['UnlabelledDataset'], 'pseudo_boxes': True}})


@pytest.mark.parametrize('options, message', [
    ({'UnlabelledDataset': {'image_dri': 'x'}}, r'UnlabelledDataset: unknown key "image_dri" \(did '
                                                r'you mean "image_dir"'),
    ({'UnlabelledDataset': {'pseudo_boxes': 1}}, 'pseudo_boxes must be true or false'),
    ({'UnlabelledDataset': {'score_threshold': 2}}, 'score_threshold must be a number from 0 to 1'),
    ({'UnlabelledReader': {'batch_size': 0}}, 'batch_size must be an integer of at least 1'),
    ({'UnlabelledReader': {'sample_transforms': [{'Decod': {}}]}}, 'unknown name "Decod"'),
    ({'UnlabelledDatset': {}}, 'did you mean "UnlabelledDataset"'),
])
def test_wrong_keys_are_found_when_loading(make, options, message):
    with pytest.raises(ValueError, match=message):
        make({}, **options)


def test_images_of_a_size_that_the_networks_cannot_take(make, tmp_path):
    with pytest.raises(ValueError, match='UnlabelledReader: gives images of 40x40 '):
        make({}, UnlabelledReader={'batch_transforms': [], 'sample_transforms': [
            {'Decode': {}}, {'Resize': {'target_size': [40, 40], 'keep_ratio': False}},
            {'Permute': {}}]}, **images(tmp_path))
