# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The random numbers of a run: one seed, from which every epoch gets its own."""
import random

import numpy as np
import paddle
import paddle.distributed as dist
from ppdet.engine.callbacks import Callback
from ppdet.utils.logger import setup_logger

from ..synchronization import broadcast_from_rank0

__all__ = ['run_seed', 'set_seed', 'epoch_seed', 'EpochSeeds']

logger = setup_logger('ppdet.engine')

LARGEST_SEED = 2**31 - 1


def run_seed(seed=None):
    """Returns the seed of a run, the same in all of its processes.

    Args:
        seed (int|None): as configured; None draws one and logs it.

    Returns:
        int: from 0.
    """
    if seed is not None:
        return seed
    drawn = int(broadcast_from_rank0(lambda: str(random.SystemRandom().randrange(LARGEST_SEED))))
    logger.info(f'seed {drawn} was drawn; -o seed={drawn} repeats this run')
    return drawn


def set_seed(seed):
    """Seeds Python, NumPy and Paddle; every process of a run draws numbers of its own."""
    seed = seed + dist.get_rank()
    random.seed(seed)
    np.random.seed(seed)
    paddle.seed(seed)


def epoch_seed(seed, epoch):
    """int: the seed of one epoch, unrelated to those of other epochs and other runs."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]) % LARGEST_SEED


class EpochSeeds(Callback):
    """Reseeds every epoch, so that its random numbers do not depend on anything before it.

    A resumed epoch is then the same as in an uninterrupted run, whatever happens between two
    epochs: evaluation, saving, a restart. The order of the images follows from the epoch
    alone, that of unlabelled ones from the seed too. With ``worker_num: 0`` the augmentation draws
    from Python's and NumPy's generators in this process. With more, Paddle seeds its worker
    processes, started again in every epoch, from NumPy's generator and deals the batches out in
    turn: the numbers repeat if ``worker_num`` is the same.

    Not covered is a detector that itself draws from Python's or NumPy's generator in its forward
    with ``worker_num: 0``, since the images are loaded in a thread that draws at the same time, and
    one that counts its steps, as YOLOX does for its image sizes.

    Args:
        trainer (Trainer): whose ``seed`` and training reader are used.
    """

    def on_epoch_begin(self, status):
        """Seeds an epoch of training, and the evaluation that follows it, which is announced so."""
        if status['mode'] == 'train':
            epoch = status['epoch_id']
            set_seed(epoch_seed(self.model.seed, epoch))
            self.model.loader._batch_sampler.set_epoch(epoch)
            if self.model.unlabelled:
                self.model.unlabelled.set_epoch(epoch, self.model.seed)
            # GridMask becomes more frequent with the number of images read.
            self.model.dataset._curr_iter = epoch * len(self.model.dataset)
