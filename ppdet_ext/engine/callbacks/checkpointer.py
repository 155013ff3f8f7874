# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that any PaddleDetection tool can read, with a sidecar for the rest."""
import copy
import os
import shlex
import signal

import paddle.distributed as dist
from paddle import nn
from ppdet.engine.callbacks import Callback
from ppdet.utils.logger import setup_logger

from ...safe_io.safe_pickle import load_state
from ..checkpoint_files import SIDECAR_SUFFIX, load_checkpoint, remove_old, save_checkpoint
from ..stop_request import Interrupted
from ..synchronization import DistributedStop

__all__ = ['Checkpointer']

logger = setup_logger('ppdet.engine')


class Checkpointer(Callback):
    """Saves every ``snapshot_epoch``, the best model and, when asked to stop, the current state.

    ``<name>.pdparams`` and ``.pdopt`` are PaddleDetection's: the plain student, and the optimizer.
    ``<name>.pdstate`` holds what they have no place for: the distillation losses' own weights, the
    best metric, the run's seed, the average (EMA) as it is continued, and ``state_dict()`` of every
    callback that has one. With EMA ``.pdparams`` holds the averaged weights, and ``<name>.pdema``
    those that training continues from.

    A snapshot is saved before its evaluation; afterwards the results are added to its sidecar.

    Only the first process saves. Must come after every callback that has a state or acts at the end
    of an epoch, so that it saves what they have done.

    Args:
        trainer (Trainer): whose model is saved.
    """

    def __init__(self, trainer):
        super().__init__(trainer)
        self.save_dir = os.path.join(trainer.cfg.save_dir, trainer.cfg.filename)
        self.best_metric = -1.0
        self._snapshot = None  # path and checksums of the last one
        self._current = None  # path of a checkpoint that is still up to date
        self._stop_request = DistributedStop(trainer.stop_request)
        self.resumed = False
        self.not_evaluated = None  # path of a resumed checkpoint that lacks its evaluation

    def on_epoch_begin(self, status):
        """Remembers the learning rate's step, to which an interrupted epoch returns."""
        if status['mode'] == 'train':
            self._schedule = copy.deepcopy(self.model.lr.state_dict())

    def on_step_begin(self, status):
        """Ends the run if it was asked to stop: at this point the last step is complete.

        Raises:
            Interrupted: says how to continue.
        """
        if status['mode'] == 'train':
            step = status['epoch_id'] * status['steps_per_epoch'] + status['step_id'] + 1
            due = self._stop_request.due(step)
        else:  # the first process evaluates alone
            due = self.model.stop_request.signal is not None
        if due:
            self.stop(status)

    def on_step_end(self, status):
        """Notes that the last checkpoint is older than the model."""
        if status['mode'] == 'train':
            self._current = None

    def on_epoch_end(self, status):
        """Saves a snapshot after training, the best model after evaluation."""
        if dist.get_rank() != 0:
            return
        if status['mode'] == 'train':
            self._save_snapshot(status)
        elif status.get('save_best_model'):
            self._save_best(status)
            path, checksums = self._snapshot
            save_checkpoint(path, {}, self._state(), unchanged=checksums)
            self.not_evaluated = None

    def resume(self, path, state):
        """Restores what PaddleDetection's ``resume_weights`` does not.

        Args:
            path (str): checkpoint without suffix.
            state (dict): of its sidecar.

        Raises:
            ValueError: it belongs to another distillation, or only one of run and checkpoint has
                an average.
        """
        trainer, model = self.model, self.model.model
        losses = _losses(model)
        target, saved = ({} if losses is None else losses.state_dict()), state['distill_losses']
        if set(target) != set(saved):
            raise ValueError(f'{path}{SIDECAR_SUFFIX} belongs to another distillation: it holds '
                             f'{sorted(saved)[:3]} ..., this run needs {sorted(target)[:3]} ...')
        if bool(state['ema']) != bool(trainer.use_ema):
            raise ValueError(f'{path} was saved with use_ema: {bool(state["ema"])}, this run has '
                             f'use_ema: {bool(trainer.use_ema)}; they must agree')
        if losses is not None:
            losses.set_state_dict(saved)
        if trainer.use_ema:
            # PaddleDetection takes the averaged weights for a distillation's trained ones.
            model.set_state_dict(load_state(f'{path}.pdema'))
            _restore_average(trainer.ema, state['ema'])
        for callback in trainer._callbacks:
            if type(callback).__name__ in state['callbacks']:
                callback.set_state_dict(state['callbacks'][type(callback).__name__])
        best = _best_metric(os.path.join(self.save_dir, 'best_model'))
        self.best_metric = min(state['best_metric'], best)
        if best > self.best_metric and state['evaluated'] and dist.get_rank() == 0:
            logger.warning(f'best_model has an AP of {best:.3f}, of an earlier run in this folder '
                           f'or of epochs after {path}; the first evaluation above '
                           f'{self.best_metric:.3f} replaces it: copy it if you want to keep it')
        own = os.path.realpath(os.path.dirname(path)) == os.path.realpath(self.save_dir)
        self.not_evaluated = path if own and not state['evaluated'] else None
        self._snapshot = path, state['checksums']
        self._current = path
        self.resumed = True

    def stop(self, status):
        """Ends the run, which was asked to stop, after a step that is complete.

        Raises:
            Interrupted: says how to continue.
            FloatingPointError: the weights are not finite; they are not saved.
        """
        raise Interrupted(self._save_interrupted(status),
                          self.model.stop_request.signal or signal.SIGTERM)

    def _save_snapshot(self, status):
        epoch, last = status['epoch_id'], self.model.cfg.epoch - 1
        if (epoch + 1) % self.model.cfg.snapshot_epoch == 0 or epoch == last:
            self._snapshot = self._save('model_final' if epoch == last else str(epoch), status,
                                        evaluated=not self.model.validates)
            self._current = self._snapshot[0]
            if self.model.cfg.get('keep_checkpoints'):
                remove_old(self.save_dir, epoch, self.model.cfg.keep_checkpoints)

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

    def _save_interrupted(self, status):
        """str: what was saved when the run was asked to stop, and how to continue it."""
        epoch, step = status['epoch_id'], status['step_id']
        if dist.get_rank() != 0:
            return 'stopped'
        if self._current:
            return f'stopped between two epochs; continue with -r {shlex.quote(self._current)}'
        self.model._finite_check.check_weights()
        path, _ = self._save('interrupted', {**status, 'epoch_id': epoch - 1},
                             LR_Scheduler=self._schedule)
        return (f'stopped in epoch {epoch} after {step} of {status["steps_per_epoch"]} steps; '
                f'continue with -r {shlex.quote(path)}, which repeats epoch {epoch} from its '
                f'beginning with the weights as they are now')

    def _save(self, name, status, evaluated=True, **optimizer):
        model = self.model.model
        contents = {
            '.pdparams': getattr(model, 'student_model', model).state_dict(),
            '.pdopt': {**self.model.optimizer.state_dict(), 'last_epoch': status['epoch_id'] + 1,
                       **optimizer},
        }
        if self.model.use_ema:
            # At an epoch's end the model holds the averaged weights, and status the trained ones.
            contents['.pdema'] = status.get('weight', model.state_dict())
        path = os.path.join(self.save_dir, name)
        return path, save_checkpoint(path, contents, self._state(evaluated))

    def _state(self, evaluated=True):
        """dict: the sidecar's content; ``evaluated`` is false where the evaluation is to come."""
        trainer = self.model
        losses = _losses(trainer.model)
        return {
            'seed': trainer.seed,
            'best_metric': float(self.best_metric),
            'evaluated': evaluated,
            'distill_losses': {} if losses is None else losses.state_dict(),
            # The weights that ppdet's ModelEMA returns are bias-corrected and cannot be continued.
            'ema': {'weights': dict(trainer.ema.state_dict), 'step': trainer.ema.step,
                    'epoch': trainer.ema.epoch} if trainer.use_ema else {},
            'callbacks': {type(callback).__name__: callback.state_dict()
                          for callback in trainer._callbacks if hasattr(callback, 'state_dict')},
        }


def _best_metric(path):
    """float: the best model's metric so far; -1 without one, or if it is damaged."""
    if not os.path.exists(path + SIDECAR_SUFFIX):
        return -1.0
    try:
        return load_checkpoint(path)['best_metric']
    except (ValueError, OSError, KeyError) as error:
        logger.warning(f'{error}; the next evaluation replaces it')
        return -1.0


def _losses(model):
    """nn.Layer or None: a distillation's losses; PaddleDetection's own methods have one."""
    losses = getattr(model, 'distill_losses', getattr(model, 'distill_loss', None))
    return losses if isinstance(losses, nn.Layer) else None


def _restore_average(ema, saved):
    for name, value in saved['weights'].items():
        if name not in ema.ema_black_list:  # those are the model's own tensors
            ema.state_dict[name] = value
    ema.step, ema.epoch = saved['step'], saved['epoch']
