# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checks what PaddleDetection builds by name: transforms, learning rate and optimizer."""
import contextlib
import inspect

import paddle
import ppdet.data.transform
import ppdet.optimizer.optimizer
from ppdet.core.config.schema import SchemaDict
from ppdet.core.workspace import create

from ..safe_io.safe_yaml import registered_classes
from ..utils.error_text import summary
from ..utils.options import FLAG, NUMBER, ConfigError, check_options, check_value, integer
from .keys import check_name

__all__ = ['check_builds']

SCHEDULERS = ('CosineDecay', 'PiecewiseDecay', 'LinearWarmup', 'ExpWarmup')
# Paddle's other optimizers have no step of their own, or one that needs a closure.
OPTIMIZERS = {'AdamWDL', *paddle.optimizer.__all__} - {'Optimizer', 'LBFGS'}
FOLDERS = {'cache_root', 'output_dir'}  # options of transforms that create folders
MOST_STEPS = 10**7  # PaddleDetection lists all rates of a warmup
GIVEN = ('learning_rate', 'lr', 'parameters', 'model', 'grad_clip')  # by PaddleDetection
# Kind of an option, by the type of its default.
KINDS = {bool: FLAG, int: NUMBER, float: NUMBER}


def check_builds(cfg):
    """Builds transforms and learning rate on trial; checks the optimizer's options.

    Args:
        cfg (dict): ppdet's global configuration, whose keys and values were checked.

    Raises:
        ConfigError: names the section, and what is unknown, missing or of another kind.
    """
    for name, section in cfg.items():
        if name.endswith('Reader') and isinstance(section, SchemaDict):
            for key in ('sample_transforms', 'batch_transforms'):
                _check_transforms(f'{name}.{key}', section.get(key, ()))
    _check_learning_rate(cfg['LearningRate'])
    _check_optimizer(cfg['OptimizerBuilder'])


def _check_transforms(where, transforms):
    for operator, options in (pair for entry in transforms for pair in entry.items()):
        known = registered_classes(ppdet.data.transform)
        check_name(where, operator, known)
        constructor = known[operator]
        _check_arguments(f'{where}: {operator}', options, constructor)
        if not FOLDERS & set(inspect.signature(constructor).parameters):
            with _refused(where, f'{operator} cannot be built'):
                constructor(**options)


def _check_learning_rate(section):
    where = 'LearningRate.schedulers'
    for scheduler in section.get('schedulers', ()):
        if isinstance(scheduler, dict):
            options = {key: value for key, value in scheduler.items() if key != 'name'}
            check_name(where, scheduler.get('name'), SCHEDULERS)
            _check_arguments(f'{where}: {scheduler["name"]}', options,
                             getattr(ppdet.optimizer.optimizer, scheduler['name']))
            check_value(f'{where}: {scheduler["name"]}.steps', options.get('steps', 0),
                        integer(0, MOST_STEPS))
    with _refused(where, 'expected a decay and, unless that has use_warmup: false, a warmup '
                         'after it'):
        create('LearningRate')(step_per_epoch=1)


def _check_optimizer(section):
    where = 'OptimizerBuilder.optimizer'
    options = dict(section.get('optimizer', {'type': 'Momentum'}))
    name = options.pop('type')
    check_name(f'{where}.type', name, OPTIMIZERS)
    constructor = (ppdet.optimizer.optimizer.build_adamwdl if name == 'AdamWDL' else
                   getattr(paddle.optimizer, name))
    defaults = {name: parameter.default for name, parameter
                in inspect.signature(constructor).parameters.items() if name not in GIVEN}
    check_options(where, options, (*defaults, 'param_groups'))
    for key, value in options.items():
        kind = KINDS.get(type(defaults.get(key)))
        if kind:
            check_value(f'{where}.{key}', value, kind)


def _check_arguments(where, options, constructor):
    parameters = inspect.signature(constructor).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        check_options(where, options, parameters)


@contextlib.contextmanager
def _refused(where, words):
    try:
        yield
    except Exception as error:  # of any kind, since PaddleDetection does not check
        raise ConfigError(where, f'{where}: {words} ({summary(error)})') from error
