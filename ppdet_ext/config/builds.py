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
from ..utils.options import (
    FLAG,
    FRACTION,
    NUMBER,
    POSITIVE,
    ConfigError,
    Kind,
    check_options,
    check_value,
    integer,
    list_of,
    optional,
)
from ..utils.suggest import did_you_mean
from .keys import check_name

__all__ = ['check_builds']

SCHEDULERS = ('CosineDecay', 'PiecewiseDecay', 'LinearWarmup', 'ExpWarmup')
# PaddleDetection cannot build the others, or their step needs a closure. Its own AdamWDL does not
# run on Paddle 3.
OPTIMIZERS = set(paddle.optimizer.__all__) - {'Optimizer', 'LBFGS', 'Lamb', 'Rprop'}
# Options of readers that hand several images to a transform, and which.
MIXING = {'mixup_epoch': 'Mixup', 'cutmix_epoch': 'Cutmix', 'mosaic_epoch': 'Mosaic'}
FOLDERS = {'cache_root', 'output_dir'}  # options of transforms that create folders
MOST_STEPS = 10**7  # PaddleDetection lists all rates of a warmup
PLACES = {'Decode': 'its first entry', 'Permute': 'its last entry'}
TARGET = Kind('a size in pixels, or [height, width]', lambda value: (
    integer(1).fits(value) or isinstance(value, (list, tuple)) and len(value) == 2 and all(
        integer(1).fits(side) for side in value)))
FACTORS = list_of('numbers from 0 to 1', FRACTION)
# Of schedulers, beside those that are numbers of any size.
SCHEDULER_VALUES = {
    'max_epochs': integer(1), 'use_warmup': FLAG, 'last_plateau_epochs': integer(0),
    'min_lr_ratio': FRACTION, 'start_factor': FRACTION, 'power': POSITIVE,
    'steps': integer(0, MOST_STEPS), 'epochs': optional(integer(0, MOST_STEPS)),
    'values': optional(list_of('numbers', NUMBER)),
    'gamma': Kind('a number from 0 to 1, or a list of them', lambda value: (
        FRACTION.fits(value) or FACTORS.fits(value))),
    'milestones': Kind('a list of rising epochs from 1, like [8, 11]', lambda value: (
        list_of('epochs', integer(1)).fits(value) and sorted(set(value)) == value)),
}
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
            _check_mixing(name, section)
            _check_needed(name, section)
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


def _check_mixing(name, section):
    names = {operator for entry in section.get('sample_transforms', ()) for operator in entry}
    for key, operator in MIXING.items():
        if section.get(key, -1) >= 0 and operator not in names:
            raise ConfigError(f'{name}.{key}', f'{name}.{key} is {section[key]}, but '
                              f'{name}.sample_transforms has no {operator}, which takes the images '
                              f'that are mixed; add "- {operator}: {{}}" after Decode, or set '
                              f'{key}: -1')


def _check_needed(name, section):
    """Makes sure that images are read, and have their channels first, as networks take them."""
    entries = [entry for key in ('sample_transforms', 'batch_transforms')
               for entry in section.get(key, ())]
    names = [operator for entry in entries for operator in entry]
    # Other data sets and transforms may hand over whatever they like.
    for operator in ('Decode', 'Permute') if 'sample_transforms' in section else ():
        if names and not any(operator in known for known in names):
            raise ConfigError(f'{name}.sample_transforms', f'{name}.sample_transforms has no '
                              f'{operator}, without which no network can take the images; add '
                              f'"- {operator}: {{}}" as {PLACES[operator]}')
    for target in (entry['Resize'].get('target_size') for entry in entries if 'Resize' in entry):
        check_value(f'{name}.sample_transforms: Resize.target_size', target, TARGET)


def _check_learning_rate(section):
    where = 'LearningRate.schedulers'
    for scheduler in section.get('schedulers', ()):
        if isinstance(scheduler, dict):
            options = {key: value for key, value in scheduler.items() if key != 'name'}
            check_name(where, scheduler.get('name'), SCHEDULERS)
            _check_arguments(f'{where}: {scheduler["name"]}', options,
                             getattr(ppdet.optimizer.optimizer, scheduler['name']))
            _check_scheduler(f'{where}: {scheduler["name"]}', options)
    if len(section.get('schedulers', ())) > 2:
        raise ConfigError(where, f'{where} takes a decay and a warmup, got '
                                 f'{len(section["schedulers"])} entries; leave out the others')
    with _refused(where, 'cannot be built'):
        schedulers = create('LearningRate').schedulers
    for scheduler in schedulers:  # also those of a tag
        _check_scheduler(f'{where}: {type(scheduler).__name__}', vars(scheduler))
        _check_milestones(f'{where}: {type(scheduler).__name__}', scheduler)
    with _refused(where, 'expected a decay and, unless that has use_warmup: false, a warmup '
                         'after it'):
        create('LearningRate')(step_per_epoch=1)


def _check_scheduler(where, options):
    for key in SCHEDULER_VALUES.keys() & options.keys():
        check_value(f'{where}.{key}', options[key], SCHEDULER_VALUES[key])


def _check_milestones(where, scheduler):
    """Makes sure that every milestone has its rate."""
    milestones = getattr(scheduler, 'milestones', None)
    if milestones is None:
        return
    values, count = scheduler.values, len(milestones)
    if values is not None and scheduler.use_warmup:
        raise ConfigError(f'{where}.values', f'{where}.values needs use_warmup: false, since it '
                                             f'has no rates for the steps of a warmup; set that, '
                                             f'or gamma instead of values')
    key, needed = ('gamma', count) if values is None else ('values', count + 1)
    found = len(getattr(scheduler, key))
    if found != needed:
        raise ConfigError(f'{where}.{key}', f'{where}.{key} has {found} numbers, but the '
                          f'{count} milestones {milestones} need {needed}; give as many, or one '
                          f'number for gamma')


def _check_optimizer(section):
    where = 'OptimizerBuilder.optimizer'
    options = dict(section.get('optimizer', {'type': 'Momentum'}))
    name = options.pop('type')
    check_name(f'{where}.type', name, OPTIMIZERS)
    parameters = inspect.signature(getattr(paddle.optimizer, name)).parameters
    defaults = {key: parameter.default for key, parameter in parameters.items()
                if key not in GIVEN}
    _check_optimizer_keys(where, name, options, (*defaults, 'param_groups'))
    for key, value in options.items():
        kind = KINDS.get(type(defaults.get(key)))
        if kind:
            check_value(f'{where}.{key}', value, kind)
    _check_decay(where, name, options, section.get('regularizer'))


def _check_optimizer_keys(where, name, options, known):
    for key in options:
        if key not in known:
            raise ConfigError(f'{where}.{key}', f'{where}: {name} has no key "{key}"'
                              f'{did_you_mean(key, known)}. If a _BASE_ sets it, replace that '
                              f'file there: it stays when the type changes; known: '
                              f'{", ".join(known)}')


def _check_decay(where, name, options, regularizer):
    """Refuses what PaddleDetection ignores: only AdamW has a decay of its own."""
    if name == 'AdamW' and isinstance(regularizer, dict):
        raise ConfigError('OptimizerBuilder.regularizer', f'OptimizerBuilder.regularizer is not '
                          f'used by AdamW; set {where}.weight_decay and regularizer: false')
    if name != 'AdamW' and options.get('weight_decay') is not None:
        raise ConfigError(f'{where}.weight_decay', f'{where}.weight_decay is not used by {name}; '
                          f'set OptimizerBuilder.regularizer and weight_decay: null')


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
