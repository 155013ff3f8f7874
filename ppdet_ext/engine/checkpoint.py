# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that any PaddleDetection tool can read, with a sidecar for the rest."""
import os

import paddle
import paddle.distributed as dist
from ppdet.engine.callbacks import Callback
from ppdet.utils.checkpoint import save_model
from ppdet.utils.logger import setup_logger

from ..compat.plain_pickle import load_state

__all__ = ['Checkpointer', 'load_sidecar', 'SIDECAR_SUFFIX', 'SUFFIXES']

logger = setup_logger('ppdet.engine')

SIDECAR_SUFFIX = '.pdstate'
SUFFIXES = ('.pdparams', '.pdopt', '.pdema', SIDECAR_SUFFIX)


class Checkpointer(Callback):
    """Saves every ``snapshot_epoch`` and the best model; rank 0 only.

    ``<name>.pdparams`` and ``.pdopt`` are PaddleDetection's: the plain student, and the optimizer.
    ``<name>.pdstate`` holds what they have no place for: the distillation losses' own weights and
    the best metric. With EMA the averaged weights are in these files, and in ``<name>.pdema`` those
    that training continues from.

    Args:
        trainer (Trainer): whose model is saved.
    """

    def __init__(self, trainer):
        super().__init__(trainer)
        self.save_dir = os.path.join(trainer.cfg.save_dir, trainer.cfg.filename)
        self.best_metric = -1.0

    def on_epoch_end(self, status):
        """Saves a snapshot after training, the best model after evaluation."""
        if dist.get_rank() != 0:
            return
        if status['mode'] == 'train':
            self._save_snapshot(status)
        elif status.get('save_best_model'):
            self._save_best(status)

    def resume(self, path):
        """Restores losses, best metric and a distillation's averaged weights (EMA).

        Args:
            path (str): checkpoint without suffix.
        """
        state = load_sidecar(path)
        best = load_sidecar(os.path.join(self.save_dir, 'best_model'))
        for saved in (state, best):
            if saved:
                self.best_metric = max(self.best_metric, saved['best_metric'])
        losses = getattr(self.model.model, 'distill_losses', None)
        if losses is None:
            return
        if not state:
            raise FileNotFoundError(f'{path}{SIDECAR_SUFFIX} is missing: without it the '
                                    f'distillation layers would restart from random weights')
        target = losses.state_dict()
        if set(target) != set(state['distill_losses']):
            raise ValueError(f'{path}{SIDECAR_SUFFIX} belongs to another distillation: it holds '
                             f'{sorted(state["distill_losses"])[:3]} ..., this run needs '
                             f'{sorted(target)[:3]} ...')
        losses.set_state_dict(state['distill_losses'])
        if self.model.use_ema and os.path.isfile(f'{path}.pdema'):
            self._resume_average(f'{path}.pdema')

    def _resume_average(self, trained):
        """Continues the average; ppdet has loaded it as a distillation's weights instead.

        Args:
            trained (str): file of the weights as they were trained.
        """
        model = self.model.model
        averaged = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.model.ema.resume(averaged, self.model.lr.last_epoch)
        model.set_state_dict(load_state(trained))

    def _save_snapshot(self, status):
        epoch, last = status['epoch_id'], self.model.cfg.epoch - 1
        if (epoch + 1) % self.model.cfg.snapshot_epoch == 0 or epoch == last:
            self._save('model_final' if epoch == last else str(epoch), status)

    def _save_best(self, status):
        for metric in self.model._metrics:
            results = metric.get_results()
            if not results:
                return
            value = results['bbox' if 'bbox' in results else next(iter(results))][0]
            if value > self.best_metric:
                self.best_metric = value
                self._save('best_model', status)
            logger.info(f'Best test bbox ap is {self.best_metric:.3f}.')

    def _save(self, name, status):
        model = self.model.model
        weights = getattr(model, 'student_model', model).state_dict()
        optimizer, epoch = self.model.optimizer, status['epoch_id'] + 1
        if self.model.use_ema:  # the averaged weights are in the model now, the raw ones aside
            save_model(status['weight'], optimizer, self.save_dir, name, epoch, ema_model=weights)
        else:
            save_model(weights, optimizer, self.save_dir, name, epoch)
        losses = getattr(model, 'distill_losses', None)
        state = {
            'best_metric': float(self.best_metric),
            'distill_losses': {} if losses is None else losses.state_dict()
        }
        paddle.save(state, os.path.join(self.save_dir, name + SIDECAR_SUFFIX))


def load_sidecar(path):
    """dict or None: the sidecar of the checkpoint ``path`` (without suffix)."""
    file = path + SIDECAR_SUFFIX
    return load_state(file) if os.path.isfile(file) else None
