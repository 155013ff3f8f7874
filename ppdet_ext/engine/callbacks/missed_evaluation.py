# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Catches up on an evaluation that was interrupted, when the run is resumed."""
import paddle
import paddle.distributed as dist
from ppdet.core.workspace import create
from ppdet.engine.callbacks import Callback
from ppdet.utils.logger import setup_logger

from ...safe_io.safe_pickle import load_state

__all__ = ['MissedEvaluation']

logger = setup_logger('ppdet.engine')


class MissedEvaluation(Callback):
    """Evaluates a resumed snapshot first if its run ended before doing so.

    Args:
        trainer (Trainer): whose checkpoint may lack its evaluation.
    """

    def on_train_begin(self, status):
        """Evaluates in the first process, as at the end of the snapshot's epoch."""
        trainer, path = self.model, self.model._checkpointer.not_evaluated
        if path is None or not trainer.validates or dist.get_rank() != 0:
            return
        logger.info(f'{path} was not evaluated when its run ended: this comes first')
        status.update(mode='train', epoch_id=trainer.start_epoch - 1, save_best_model=True)
        trained = None
        if trainer.use_ema:  # the average is evaluated, and status has the trained weights
            model = trainer.model
            trained = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            status['weight'] = trained
            getattr(model, 'student_model', model).set_state_dict(load_state(f'{path}.pdparams'))
        _prepare(trainer)
        with paddle.no_grad():
            trainer._eval_with_loader(trainer._eval_loader)
        if trained:
            trainer.model.set_state_dict(trained)
            del status['weight']


def _prepare(trainer):
    """Sets up what ppdet's training sets up before its first evaluation and then reuses."""
    cfg = trainer.cfg
    trainer._eval_dataset = cfg.EvalDataset
    trainer._eval_batch_sampler = paddle.io.BatchSampler(
        trainer._eval_dataset, batch_size=cfg.EvalReader['batch_size'])
    if cfg.metric == 'VOC':
        cfg['EvalReader']['collate_batch'] = False
    trainer._eval_loader = create('EvalReader')(
        trainer._eval_dataset, cfg.worker_num, batch_sampler=trainer._eval_batch_sampler)
    trainer._init_metrics(validate=True)
    trainer._reset_metrics()
