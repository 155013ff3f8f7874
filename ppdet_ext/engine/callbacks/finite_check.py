# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Stops a training run whose losses or weights are not finite."""
import contextlib
import glob
import os

import paddle
from ppdet.engine.callbacks import Callback

from ...modeling.finite import check_finite

__all__ = ['FiniteCheck']


class FiniteCheck(Callback):
    """Checks the losses of every step, and the weights before an epoch is saved.

    The losses are those that the log has already read, so that checking them costs nothing; only
    the first process keeps the log.

    Args:
        trainer (Trainer): whose run is watched.
    """

    def on_step_begin(self, status):
        """Keeps the learning rate of the step."""
        if status['mode'] == 'train':
            self.learning_rate = self.model.optimizer.get_lr()

    def on_step_end(self, status):
        """Refuses a loss that is not finite."""
        meters = status['training_staus'].meters
        if status['mode'] == 'train' and meters:
            check_finite({name: meter.value for name, meter in meters.items()})

    def on_epoch_end(self, status):
        """Refuses weights that are not finite, before the checkpoint is written."""
        if status['mode'] == 'train':
            self.check_weights()

    def check_weights(self):
        """Refuses weights that are not finite.

        Raises:
            FloatingPointError: names the first of them.
        """
        weights = {name: tensor for name, tensor in self.model.model.state_dict().items()
                   if tensor.is_floating_point()}
        finite = paddle.stack([paddle.isfinite(tensor).all() for tensor in weights.values()])
        wrong = [name for name, good in zip(weights, finite.tolist()) if not good]
        if wrong:
            raise FloatingPointError(f'{len(wrong)} of {len(weights)} weights are not finite, '
                                     f'first {wrong[0]}: they were not saved. Lower the '
                                     f'learning rate or set OptimizerBuilder.clip_grad_by_norm')

    @contextlib.contextmanager
    def located(self):
        """Adds to a FloatingPointError of the run where it occurred and what has been saved.

        Raises:
            FloatingPointError: with epoch, step and learning rate.
        """
        try:
            yield
        except FloatingPointError as error:
            status, cfg = self.model.status, self.model.cfg
            folder = os.path.join(cfg.save_dir, cfg.filename)
            saved = glob.glob(os.path.join(glob.escape(folder), '*.pdparams'))
            kept = f'checkpoints of earlier epochs are in {folder}' if saved else 'none was saved'
            raise FloatingPointError(
                f'{error} (epoch {status["epoch_id"]}, step {status["step_id"]} of '
                f'{status["steps_per_epoch"]}, learning rate {self.learning_rate:g}; {kept})'
            ) from error
