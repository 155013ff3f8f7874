# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The order of unlabelled images, and the batches in which they come."""
import pytest
from noise_set import noise_set
from paddle import distributed as dist
from ppdet.core.workspace import create, load_config
from tiny import student_yaml

from ppdet_ext.data.unlabelled_batches import CyclingSampler, UnlabelledBatches
from ppdet_ext.data.unlabelled_images import (
    UnlabelledDataset,
    UnlabelledReader,
    reader_options,
)


def epochs(sampler, count, seed=0):
    """Indices of each epoch, one after another."""
    found = []
    for epoch in range(count):
        sampler.set_epoch(epoch, seed)
        found.append([index for step in sampler for index in step])
    return found


def test_every_pass_holds_every_image_once_in_another_order():
    sampler = CyclingSampler(images=10, batch_size=3, steps=5)
    stream = sum(epochs(sampler, 4), [])  # 60 indices, six passes
    passes = [stream[start:start + 10] for start in range(0, 60, 10)]
    assert all(sorted(each) == list(range(10)) for each in passes)
    assert len({tuple(each) for each in passes}) == 6


def test_an_epoch_follows_from_its_number_and_the_seed_alone():
    fresh, other = (CyclingSampler(7, 2, 3) for _ in range(2))
    whole = epochs(other, 3)
    fresh.set_epoch(2, 0)
    assert [index for step in fresh for index in step] == whole[2]
    assert epochs(other, 3, seed=1) != whole
    assert [len(step) for step in fresh] == [2, 2, 2]


def test_more_images_a_step_than_there_are():
    sampler = CyclingSampler(images=2, batch_size=5, steps=1)
    first, = epochs(sampler, 1)
    assert sorted(first[:2]) == sorted(first[2:4]) == [0, 1]


def test_every_process_has_its_part(monkeypatch):
    monkeypatch.setattr(dist, 'get_world_size', lambda: 2)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(dist, 'get_rank', lambda rank=rank: rank)
        parts.append(epochs(CyclingSampler(12, 2, 3), 1)[0])
    assert sorted(sum(parts, [])) == list(range(12))


@pytest.mark.parametrize('workers', [0, 1])
def test_a_batch_brings_unlabelled_images_of_their_own_size(tmp_path, workers):
    folder = noise_set(tmp_path / 'set', train=4, val=3)
    cfg = load_config(student_yaml(tmp_path, TrainReader={'batch_size': 2}, TrainDataset={
        'dataset_dir': folder}, UnlabelledReader={'batch_size': 3, 'sample_transforms': [
            {'Decode': {}}, {'Resize': {'target_size': [32, 48], 'keep_ratio': False}},
            {'NormalizeImage': {}}, {'Permute': {}}]}))
    loader = create('TrainReader')(create('TrainDataset')(), workers)
    dataset = UnlabelledDataset(folder, 'images')
    dataset.parse_dataset()
    batches = UnlabelledBatches(loader, dataset, UnlabelledReader(**reader_options(cfg)))
    batches.set_epoch(0, seed=3)
    found = list(loader)
    assert len(found) == len(loader) == 2
    for inputs in found:
        assert inputs['image'].shape == [2, 3, 128, 128] and len(inputs['gt_bbox']) == 2
        others = inputs['unlabelled']
        assert set(others) == {'image', 'im_shape', 'scale_factor'}
        assert others['image'].shape == [3, 3, 64, 64], 'padded to the stride'
        assert others['im_shape'].numpy().tolist() == [[32, 48]] * 3
