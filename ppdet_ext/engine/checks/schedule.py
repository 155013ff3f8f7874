# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Compares the schedule of the learning rate with the length of a training."""
import json
import math

from ppdet.core.workspace import create
from ppdet.utils.logger import setup_logger

__all__ = ['check_schedule', 'schedule_problems']

logger = setup_logger('ppdet.engine')

# PaddleDetection's own schedules end at up to 7 % of the rate, and drop last in 11 of 12 epochs.
MOST_LEFT = 0.25
LAST_MILESTONE = 11 / 12


def check_schedule(cfg, steps_per_epoch):
    """Warns of a learning-rate schedule that does not fit the training, as after ``-o epoch=N``.

    Args:
        cfg (dict): configuration of a training.
        steps_per_epoch (int): batches of an epoch.
    """
    schedulers = create('LearningRate').schedulers
    problems = list(schedule_problems(schedulers, cfg['epoch'], steps_per_epoch))
    if not problems:
        return
    remedy = _option(cfg['LearningRate'].get('schedulers'), schedulers, problems)
    for problem, scheduler, change in problems:
        settings = ', '.join(f'{key}: {json.dumps(value)}' for key, value in change.items())
        logger.warning(f'LearningRate: {type(scheduler).__name__} has {problem}; ' + (
            f'set {settings}{remedy}' if settings else 'train for more epochs'))


def _option(written, schedulers, problems):
    """str: the option of the command line that makes all changes."""
    if not written or not all(isinstance(entry, dict) for entry in written):
        return ''  # objects built by tags, or PaddleDetection's defaults
    entries = [dict(entry) for entry in written]
    for _, scheduler, change in problems:
        entries[schedulers.index(scheduler)].update(change)
    return f", or give -o LearningRate.schedulers='{json.dumps(entries)}'"


def schedule_problems(schedulers, epochs, steps_per_epoch):
    """Says where a schedule and the length of a training do not fit.

    Args:
        schedulers (list): PaddleDetection's decay and, unless it has ``use_warmup: false``, its
            warm-up.
        epochs (int): of the training.
        steps_per_epoch (int): batches of an epoch.

    Yields:
        tuple: a description of both numbers and the effect, the scheduler, and options that fit.
    """
    decay, *others = schedulers
    if hasattr(decay, 'max_epochs'):
        yield from _cosine_problems(decay, epochs, others)
    if getattr(decay, 'milestones', None):
        yield from _milestone_problems(decay, epochs)
    if others and decay.use_warmup:
        yield from _warmup_problems(others[0], epochs * steps_per_epoch, steps_per_epoch)


def _cosine_problems(decay, epochs, others):
    most, fitting = decay.max_epochs, {'max_epochs': epochs}
    left = 0.5 * (1 + math.cos(math.pi * epochs / most)) if epochs < most else 0
    if most < epochs:
        effect = ('the rate stays at its end' if others and decay.use_warmup else
                  'the rate rises again')
        yield (f'max_epochs: {most}, the training epoch: {epochs}, so that {effect} in the last '
               f'{epochs - most} epochs', decay, fitting)
    elif left > MOST_LEFT:
        yield (f'max_epochs: {most}, the training epoch: {epochs}, so that it ends at {left:.0%} '
               f'of the rate', decay, fitting)
    last = decay.last_plateau_epochs - max(0, most - epochs)
    if last > epochs / 2:
        yield (f'last_plateau_epochs: {decay.last_plateau_epochs}, the training epoch: {epochs}, '
               f'so that the rate stays at its end in the last {min(last, epochs)} epochs', decay,
               {'last_plateau_epochs': epochs // 20})


def _milestone_problems(decay, epochs):
    milestones = list(decay.milestones)
    factor = epochs * LAST_MILESTONE / milestones[-1]
    fitted = [min(max(1, round(factor * epoch)), epochs - place)
              for place, epoch in zip(range(len(milestones), 0, -1), milestones)]
    # Too few epochs have no place for all.
    fits = fitted[0] > 0 and sorted(set(fitted)) == fitted
    fitting = {'milestones': fitted} if fits else {}
    stated = f'milestones: {milestones}, the training epoch: {epochs}'
    beyond = [epoch for epoch in milestones if epoch >= epochs]
    if beyond:
        yield f'{stated}, so that {beyond[0]} is not reached', decay, fitting
    elif milestones[-1] < epochs / 2:
        yield (f'{stated}, so that the rate stays at its end in the last '
               f'{epochs - milestones[-1]} epochs', decay, fitting)


def _warmup_problems(warmup, steps, steps_per_epoch):
    epochs = warmup.epochs
    length = warmup.steps if epochs is None else epochs * steps_per_epoch
    if length <= max(1, steps / 2):
        return
    stated = f'steps: {length}' if epochs is None else f'epochs: {epochs} ({length} steps)'
    effect = ('base_lr is never reached' if length > steps else
              'it takes more than half of the training')
    fitting = {'steps': max(1, steps // 20), **({} if epochs is None else {'epochs': None})}
    yield f'{stated}, the training {steps} steps, so that {effect}', warmup, fitting
