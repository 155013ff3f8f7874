# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Adds the unlabelled images that a configuration names to a distillation."""
import paddle.distributed as dist
from ppdet.utils.logger import setup_logger

from ..data.unlabelled_batches import UnlabelledBatches
from ..data.unlabelled_images import (
    UnlabelledDataset,
    UnlabelledReader,
    reader_options,
    warn_of_evaluated,
)
from ..slim.distill_model import DistillModel
from .checks.input_size import check_input_size

__all__ = ['add_unlabelled', 'check_unlabelled']

logger = setup_logger('ppdet.engine')


def check_unlabelled(cfg):
    """Refuses unlabelled images that would have no effect.

    Args:
        cfg (dict): configuration of a training run, with its model if that is built already.

    Raises:
        ValueError: the run is not a distillation of ours, or it has only a reader of such images.
    """
    if not cfg.get('UnlabelledDataset'):
        if cfg.get('UnlabelledReader'):
            raise ValueError('UnlabelledReader has no effect without UnlabelledDataset; name a '
                             'folder with -o UnlabelledDataset.image_dir=PATH, or remove it')
        return
    if not isinstance(cfg.get('model'), DistillModel):
        raise ValueError('UnlabelledDataset: only a distillation learns from images without '
                         'labels; give --slim_config with a slim_method of this package, such as '
                         'MGD, or remove the section')


def add_unlabelled(cfg, model, loader):
    """Adds the unlabelled images of a configuration to the batches of a training reader.

    Args:
        cfg (dict): the configuration, which :func:`check_unlabelled` has passed.
        model (DistillModel): is prepared for them.
        loader (ppdet.data.reader.TrainReader): of the labelled images, called already.

    Returns:
        UnlabelledBatches or None: None where the configuration names no such images.

    Raises:
        FileNotFoundError: folder, list or an image is missing.
        ValueError: no image, one that cannot be read, a size that the networks cannot take, or a
            term that needs labels.
    """
    if not cfg.get('UnlabelledDataset'):
        return None
    dataset = UnlabelledDataset(**cfg['UnlabelledDataset'])
    model.see_unlabelled(dataset.score_threshold if dataset.pseudo_boxes else None)
    dataset.parse_dataset(cfg.get('image_maximum'))
    options = reader_options(cfg)
    check_input_size(model, 'UnlabelledReader', options, lambda: {
        (record['h'], record['w']) for record in dataset.roidbs})
    warn_of_evaluated(dataset, cfg)
    batches = UnlabelledBatches(loader, dataset, UnlabelledReader(**options))
    passes = len(loader) * options['batch_size'] * dist.get_world_size() / len(dataset)
    logger.info(f'UnlabelledDataset: {len(dataset)} images, {options["batch_size"]} per step '
                f'beside {loader.batch_size} labelled ones; an epoch is {passes:.2f} passes over '
                f'them')
    return batches
