# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Makes the schedule of a config fit a data set with few images."""
import math

from ..utils.text import counted

__all__ = ['lengthened_schedule', 'schedule_for']

# Keys that count epochs: in the sections of a config, and in the schedulers of its rate.
SECTION_KEYS = ('static_assigner_epoch', 'mixup_epoch', 'cutmix_epoch', 'mosaic_epoch')
SCHEDULER_KEYS = ('max_epochs', 'milestones', 'last_plateau_epochs', 'epochs')
LEAST_FACTOR = 1.2  # below, a training is as long as it was meant to be


def schedule_for(config, images, made_for):
    """Fits the schedule of a config to a data set and describes it.

    Args:
        config (dict), images (int), made_for (int): as for :func:`lengthened_schedule`.

    Returns:
        tuple: the settings, and words that describe them; both empty if none is needed.
    """
    settings = lengthened_schedule(config, images, made_for)
    return settings, (f'{settings["epoch"]} epochs of {counted(images, "training image")}, as many '
                      f'steps as {config["epoch"]} of {made_for}' if settings else '')


def lengthened_schedule(config, images, made_for):
    """Settings with which a config takes as many steps as on the data set that it was made for.

    An epoch of few images has few steps: with 100 images the 12 epochs that suit NEU-DET would
    end after 150 steps, before the warm-up does.

    Args:
        config (dict): content of the YAML and its ``_BASE_`` files.
        images (int): training images.
        made_for (int): training images of the data set that ``config`` was made for.

    Returns:
        dict: ``epoch``, ``snapshot_epoch`` and the other keys of this module that ``config`` has,
        multiplied; empty if there are images enough, or not even for one step, or the config
        leaves its schedule to PaddleDetection's defaults.
    """
    schedulers = (config.get('LearningRate') or {}).get('schedulers') or ()
    stated = config.get('epoch') and schedulers and all(
        isinstance(entry, dict) and (entry.get('name') != 'PiecewiseDecay' or 'milestones' in entry)
        for entry in schedulers)
    steps, meant = _steps(config, images), _steps(config, made_for)
    if not stated or not steps or meant / steps < LEAST_FACTOR:
        return {}

    def longer(epochs):
        if isinstance(epochs, list):
            return [longer(milestone) for milestone in epochs]
        return math.ceil(epochs * meant / steps)

    settings = {'epoch': longer(config['epoch']),
                'snapshot_epoch': longer(config.get('snapshot_epoch') or 1)}
    for name, section in config.items():
        changed = {key: longer(section[key]) for key in SECTION_KEYS
                   if isinstance(section, dict) and (section.get(key) or 0) > 0}
        if changed:
            settings[name] = changed
    settings['LearningRate'] = {'schedulers': [
        {key: longer(value) if key in SCHEDULER_KEYS and value else value
         for key, value in scheduler.items()} for scheduler in schedulers]}
    return settings


def _steps(config, images):
    reader = config.get('TrainReader') or {}
    steps = images / (reader.get('batch_size') or 1)
    return math.floor(steps) if reader.get('drop_last') else math.ceil(steps)
