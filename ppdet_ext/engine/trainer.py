# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""PaddleDetection's Trainer with our checkpoints, metrics and loading reports."""
import os

import ppdet.engine
from ppdet.engine.callbacks import Checkpointer as PpdetCheckpointer
from ppdet.engine.callbacks import ComposeCallback
from ppdet.metrics import COCOMetric

from ..metrics import ClasswiseCOCOMetric
from .checkpoint import Checkpointer
from .weights import load_weights

__all__ = ['Trainer']


class Trainer(ppdet.engine.Trainer):
    """Drop-in for ``ppdet.engine.Trainer``.

    Args:
        cfg (dict): ppdet's configuration; evaluation files go to ``output_eval``, by default the
            run's own folder ``<save_dir>/<filename>``.
        mode (str): ``train``, ``eval`` or ``test``.
    """

    def __init__(self, cfg, mode='train'):
        if not cfg.get('output_eval'):
            cfg['output_eval'] = os.path.join(cfg.save_dir, cfg.filename)
        super().__init__(cfg, mode)

    def load_weights(self, weights):
        """Loads pretrained or trained weights and reports how many tensors fitted."""
        if self.is_loaded_weights:
            return
        self.start_epoch = 0
        # A pretrained backbone fills part of a detector; a trained detector must fit whole.
        load_weights(self.model, weights, 'model', minimum=0.0 if self.mode == 'train' else 1.0)

    def predict(self, *args, **kwargs):
        """Detects on images, as ``ppdet.engine.Trainer.predict``, and closes the log."""
        results = super().predict(*args, **kwargs)
        if self._compose_callback:
            self._compose_callback.on_train_end(self.status)
        return results

    def resume_weights(self, weights):
        """Continues from a checkpoint: model, optimizer, epoch, losses and best metric."""
        path = weights[:-len('.pdparams')] if weights.endswith('.pdparams') else weights
        super().resume_weights(path)
        self._checkpointer.resume(path)

    def _init_callbacks(self):
        super()._init_callbacks()
        if self.mode != 'train':
            return
        self._checkpointer = Checkpointer(self)
        self._callbacks = [self._checkpointer if type(c) is PpdetCheckpointer else c
                           for c in self._callbacks]
        self._compose_callback = ComposeCallback(self._callbacks)

    def _init_metrics(self, validate=False):
        if self.mode != 'test':
            os.makedirs(self.cfg['output_eval'], exist_ok=True)
        super()._init_metrics(validate)
        self._metrics = [_classwise(metric) if type(metric) is COCOMetric else metric
                         for metric in self._metrics]


def _classwise(metric):
    return ClasswiseCOCOMetric(
        metric.anno_file, metric.output_eval, clsid2catid=metric.clsid2catid, bias=metric.bias,
        IouType=metric.iou_type, save_prediction_only=metric.save_prediction_only)
