# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads a slim YAML and its teacher's YAML without touching the student's configuration."""
import contextlib
import os

from ppdet.core.workspace import global_config, merge_config

from ..utils.suggest import did_you_mean
from .load import load_teacher_config
from .yaml_file import read_yaml

__all__ = ['SlimConfig', 'isolated_config']

# What a slim YAML may set for the training run itself; it overrides the student's YAML.
TRAINING_KEYS = ('auto_scale_lr', 'base_batch_size', 'check_teacher', 'epoch', 'snapshot_epoch',
                 'log_iter', 'save_dir', 'seed', 'worker_num', 'use_ema', 'ema_decay',
                 'ema_decay_type', 'find_unused_parameters', 'LearningRate', 'OptimizerBuilder',
                 'TrainReader', 'TrainDataset', 'UnlabelledDataset', 'UnlabelledReader')
# What evaluation, inference and export need as well, which do not see the slim YAML.
STUDENT_KEYS = ('EvalReader', 'EvalDataset', 'TestReader', 'TestDataset')
SLIM_KEYS = ('_BASE_', 'slim', 'slim_method', 'pretrain_weights')


class SlimConfig:
    """The checked content of a distillation YAML itself, without its ``_BASE_``.

    ``_BASE_`` is the teacher's YAML and ``pretrain_weights`` the teacher's weights, as in
    PaddleDetection's own distillation files.

    Args:
        path (str): the slim YAML.
        method_keys (iterable of str): further top-level keys that the method reads.
        content (dict|None): of the file, if it has already been read.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a key is missing, unknown, for which the message names the near match, or
            belongs to the student's YAML.
    """

    def __init__(self, path, method_keys=(), content=None):
        self.path = path
        self.content = read_yaml(path) if content is None else content
        known = (*SLIM_KEYS, *method_keys, *TRAINING_KEYS)
        for key in self.content:
            if key in STUDENT_KEYS:
                raise ValueError(
                    f'{path}: "{key}" belongs to the student\'s YAML (-c), which evaluation, '
                    f'inference and export read, unlike a distillation YAML; move it there')
            if key not in known:
                raise ValueError(
                    f'{path}: "{key}" is not a key of a distillation YAML'
                    f'{did_you_mean(key, known)}. The networks are described by the student\'s '
                    f'YAML (-c) and the teacher\'s (_BASE_); known here: {", ".join(known)}')
        if not self.content.get('_BASE_'):
            raise ValueError(f'{path}: no teacher; name its YAML with _BASE_: [path]')

    @property
    def name(self):
        """str: the file's stem, after which the run is named."""
        return os.path.splitext(os.path.basename(self.path))[0]

    @property
    def training(self):
        """dict: the training keys that the file itself sets."""
        return {key: self.content[key] for key in TRAINING_KEYS if key in self.content}

    def merge_into(self, cfg):
        """Merges the training keys into a configuration and names the run after the file."""
        merge_config(self.training, cfg)
        cfg['filename'] = self.name


@contextlib.contextmanager
def isolated_config(path):
    """Loads a YAML into a fresh copy of ppdet's global configuration and restores it afterwards.

    Inside the block ``create`` builds from this YAML alone: nothing of the student's YAML is
    visible, and nothing that is loaded here is left behind.

    Args:
        path (str): the YAML, with its ``_BASE_`` chain.

    Yields:
        dict: the configuration inside the scope.

    Raises:
        ValueError: an unknown section or key; the message names the file and the near match.
    """
    saved = dict(global_config)
    try:
        yield load_teacher_config(path)
    finally:
        global_config.clear()
        global_config.update(saved)
