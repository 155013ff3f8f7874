# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Scales the learning rate with the images of a step."""
import contextlib

import paddle.distributed as dist
from ppdet.core.workspace import create, global_config
from ppdet.utils.logger import setup_logger

__all__ = ['scaled_learning_rate']

logger = setup_logger('ppdet.engine')


@contextlib.contextmanager
def scaled_learning_rate(cfg, mode='train'):
    """Multiplies ``LearningRate.base_lr`` inside the block if ``auto_scale_lr`` is set.

    The factor is the images of a step over ``base_batch_size``, the batch that the learning rate
    was made for (Goyal et al., Accurate, Large Minibatch SGD, 2017). All rates of the schedule,
    those of the warm-up too, are multiples of ``base_lr``; its lengths do not change.

    Args:
        cfg (dict): ppdet's global configuration.
        mode (str): of the run; only ``train`` has a learning rate.

    Raises:
        ValueError: a schedule gives its rates as ``values``, which ``base_lr`` does not reach.
    """
    if mode != 'train' or not cfg.get('auto_scale_lr'):
        yield
        return
    section, learning_rate = global_config['LearningRate'], create('LearningRate')
    for scheduler in learning_rate.schedulers:
        if getattr(scheduler, 'values', None):
            raise ValueError(f'auto_scale_lr multiplies LearningRate.base_lr, but the '
                             f'{type(scheduler).__name__} gives its rates as "values"; scale them '
                             f'by hand')
    processes, batch = dist.get_world_size(), cfg['TrainReader']['batch_size']
    base_batch = cfg.get('base_batch_size') or batch
    base_rate = learning_rate.base_lr
    rate = base_rate * processes * batch / base_batch
    if dist.get_rank() == 0:
        logger.info(f'auto_scale_lr: learning rate {base_rate:g} for {base_batch} images per step '
                    f'becomes {rate:g} for {processes * batch} ({batch} in each of {processes} '
                    f'processes)')
    before = dict(section)
    section['base_lr'] = rate
    try:
        yield
    finally:
        section.clear()
        section.update(before)
