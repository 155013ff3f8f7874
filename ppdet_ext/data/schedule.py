# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Makes the schedule of a config fit a data set with few images."""
import math

from ..utils.text import counted

__all__ = ['lengthened_schedule', 'schedule_for']

# Keys that count epochs: of the training and its sections, and of the schedulers of its rate.
SECTION_KEYS = ('static_assigner_epoch',)
SCHEDULER_KEYS = ('max_epochs', 'milestones', 'last_plateau_epochs', 'epochs')
LEAST_FACTOR = 1.2  # below, a training is as long as it was meant to be


def schedule_for(shipped, images, made_for):
    """Fits the schedule of a config to a data set and describes it.

    Args:
        shipped (dict), images (int), made_for (int): as for :func:`lengthened_schedule`.

    Returns:
        tuple: the settings, and words that describe them; both empty if none is needed.
    """
    settings = lengthened_schedule(shipped, images, made_for)
    return settings, (f'{settings["epoch"]} epochs of {counted(images, "training image")}, as many '
                      f'steps as {shipped["epoch"]} of {made_for}' if settings else '')


def lengthened_schedule(config, images, made_for):
    """Settings with which a config takes as many steps as on the data set that it was made for.

    An epoch of few images has few steps: with 100 images the 12 epochs that suit NEU-DET would
    end after 150 steps, before the warm-up does.

    Args:
        config (dict): content of the YAML and its ``_BASE_`` files.
        images (int): training images.
        made_for (int): training images of the data set that ``config`` was made for.

    Returns:
        dict: every key that counts epochs, multiplied; empty if there are images enough, or the
        config has no ``epoch``, or schedulers that are written as objects (``!CosineDecay``).
    """
    factor = made_for / max(images, 1)
    schedulers = config.get('LearningRate', {}).get('schedulers', ())
    known = 'epoch' in config and all(isinstance(entry, dict) for entry in schedulers)
    if factor < LEAST_FACTOR or not known:
        return {}

    def longer(epochs):
        return math.ceil(epochs * factor)

    settings = {'epoch': longer(config['epoch']),
                'snapshot_epoch': longer(config.get('snapshot_epoch', 1))}
    for name, section in config.items():
        for key in SECTION_KEYS:
            if isinstance(section, dict) and key in section:
                settings[name] = {key: longer(section[key])}
    if schedulers:
        settings['LearningRate'] = {'schedulers': [
            {key: _each(value, longer) if key in SCHEDULER_KEYS and value else value
             for key, value in scheduler.items()} for scheduler in schedulers]}
    return settings


def _each(value, change):
    return [change(part) for part in value] if isinstance(value, list) else change(value)
