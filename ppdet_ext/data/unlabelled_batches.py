# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Adds a batch of unlabelled images to every batch of a training reader."""
import numpy as np
import paddle.distributed as dist
from paddle.io import BatchSampler, DataLoader, Dataset

__all__ = ['UNLABELLED', 'CyclingSampler', 'UnlabelledBatches']

UNLABELLED = 'unlabelled'  # key of a batch
# What a detector reads from an image without labels.
KEPT = ('image', 'im_shape', 'scale_factor')


class CyclingSampler:
    """Indices of unlabelled images for the steps of an epoch of another data set.

    The images are drawn in passes, each over all of them in a new order; an epoch continues where
    the last one ended, even in the middle of a pass. Epoch and seed alone determine the images, so
    that a resumed run sees the same ones as an uninterrupted run.

    Args:
        images (int): number of images.
        batch_size (int): images per step and process.
        steps (int): of an epoch.
    """

    def __init__(self, images, batch_size, steps):
        self.images, self.batch_size, self.steps = images, batch_size, steps
        self.epoch = self.seed = 0

    def set_epoch(self, epoch, seed):
        """Chooses the epoch, counted from 0, and the seed of the run."""
        self.epoch, self.seed = epoch, seed

    def __iter__(self):
        """Yields a list of indices for each step: this process's part of a larger batch."""
        processes, rank = dist.get_world_size(), dist.get_rank()
        for step in range(self.steps):
            start = ((self.epoch * self.steps + step) * processes + rank) * self.batch_size
            batch = []
            for place in range(start, start + self.batch_size):
                number, index = divmod(place, self.images)
                batch.append(int(self._order(number)[index]))
            yield batch

    def _order(self, number):
        if getattr(self, '_kept', None) != (number, self.seed):
            self._kept = number, self.seed
            self._indices = np.random.RandomState([self.seed, number]).permutation(self.images)
        return self._indices


class UnlabelledBatches:
    """Lets a training reader add a batch of unlabelled images to each of its batches.

    One loader reads both, in a fixed order: with two, their threads would draw augmentations from
    the same generator in an unrepeatable order. The labelled images determine the length of an
    epoch.

    Args:
        loader (ppdet.data.reader.TrainReader): of the labelled images, called already; its batches
            get the key ``unlabelled``.
        dataset (UnlabelledDataset): whose images were found.
        reader (UnlabelledReader): with their transforms.
    """

    def __init__(self, loader, dataset, reader):
        self.dataset = dataset
        dataset.set_transform(reader._sample_transforms)
        dataset.set_kwargs(**reader.kwargs)
        self.sampler = CyclingSampler(len(dataset), reader.batch_size, len(loader))
        replaced = loader.dataloader
        loader.dataloader = DataLoader(
            dataset=_BothDatasets(loader.dataset, dataset),
            batch_sampler=_BothSamplers(loader._batch_sampler, self.sampler),
            collate_fn=_BothCollations(loader._batch_transforms, reader._batch_transforms),
            num_workers=replaced.num_workers,
            return_list=replaced.return_list,
            use_shared_memory=replaced.use_shared_memory)

    def set_epoch(self, epoch, seed):
        """Prepares an epoch, counted from 0, of a run of that seed."""
        self.sampler.set_epoch(epoch, seed)
        self.dataset.set_epoch(epoch)
        # As for labelled images, since some operators count them.
        self.dataset._curr_iter = epoch * self.sampler.steps * self.sampler.batch_size


class _BothDatasets(Dataset):
    """Samples of two data sets, by (whether it is labelled, index in its data set)."""

    def __init__(self, labelled, unlabelled):
        super().__init__()
        self.labelled, self.unlabelled = labelled, unlabelled

    def __getitem__(self, place):
        labelled, index = place
        return labelled, (self.labelled if labelled else self.unlabelled)[index]

    def __len__(self):
        return len(self.labelled) + len(self.unlabelled)


class _BothSamplers(BatchSampler):
    """Batches of labelled images, each with its unlabelled ones behind it."""

    def __init__(self, labelled, unlabelled):
        self.labelled, self.unlabelled = labelled, unlabelled

    def __iter__(self):
        for own, others in zip(self.labelled, self.unlabelled):
            yield [(True, index) for index in own] + [(False, index) for index in others]

    def __len__(self):
        return len(self.labelled)


class _BothCollations:
    """Makes one batch of labelled and unlabelled samples, each with transforms of its own."""

    def __init__(self, labelled, unlabelled):
        self.labelled, self.unlabelled = labelled, unlabelled

    def __call__(self, samples):
        batch = self.labelled([sample for labelled, sample in samples if labelled])
        others = self.unlabelled([sample for labelled, sample in samples if not labelled])
        batch[UNLABELLED] = {key: others[key] for key in KEPT}
        return batch
