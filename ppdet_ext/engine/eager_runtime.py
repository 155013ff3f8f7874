# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The eager model of an exported folder, as a runtime of ``deploy``."""
import paddle

from deploy.card import read_card

from ..config.load import load_run_config
from ..modeling.weights import resolve_weights
from ..slim import build_slim_model
from ..utils.files import sha256
from .trainer import Trainer

__all__ = ['EagerPaddle']


class EagerPaddle:
    """PaddleDetection's model, built from the config and the weights that were exported.

    Args:
        folder (str): of the exported model.
        precision (str): ``float32``.
        threads (int): not used; Paddle reads ``OMP_NUM_THREADS``.

    Raises:
        FileNotFoundError: config or weights are not where they were.
        ValueError: the weights are others than those that were exported.
    """
    name, requirement = 'eager', 'paddlepaddle'
    precisions = ('float32', )
    suppresses = True

    @staticmethod
    def files(folder, precision):
        return [resolve_weights(_config(folder).weights)]

    def __init__(self, folder, precision, threads):
        cfg = _config(folder)
        weights = resolve_weights(cfg.weights)
        if sha256(weights) != read_card(folder)['weights']['sha256']:
            raise ValueError(f'{weights} has changed since {folder} was exported; export it again')
        source = read_card(folder)['source']
        if source['slim_config']:
            cfg = build_slim_model(cfg, source['slim_config'], 'test', source['opt'])
        trainer = Trainer(cfg, mode='test')
        trainer.load_weights(weights)
        self._model = trainer.model
        self._model.eval()

    def __call__(self, inputs):
        with paddle.no_grad():
            found = self._model({name: paddle.to_tensor(value) for name, value in inputs.items()})
        return [found['bbox'].numpy(), found['bbox_num'].numpy()]


def _config(folder):
    source = read_card(folder)['source']
    return load_run_config(source['config'], source['opt'])
