# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A learning rate that does not run as the training does is warned of, with what would fit."""
import json
import re

import pytest
from ppdet.core.workspace import create
from ppdet.optimizer.optimizer import CosineDecay, ExpWarmup, LinearWarmup, PiecewiseDecay
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine.checks.schedule import check_schedule, schedule_problems

NO_WARMUP = LinearWarmup(steps=1)


@pytest.mark.parametrize('schedulers, epochs, expected', [
    ([CosineDecay(8), NO_WARMUP], 16, ('max_epochs: 8, the training epoch: 16, so that the rate '
                                       'stays at its end in the last 8', {'max_epochs': 16})),
    ([CosineDecay(8, use_warmup=False)], 16, ('the rate rises again', {'max_epochs': 16})),
    ([CosineDecay(32), NO_WARMUP], 16, ('it ends at 50% of the rate', {'max_epochs': 16})),
    ([PiecewiseDecay(milestones=[8, 11]), NO_WARMUP], 24, (
        'the rate stays at its end in the last 13 epochs', {'milestones': [16, 22]})),
    ([PiecewiseDecay(milestones=[16, 22]), NO_WARMUP], 20, ('22 is not reached',
                                                          {'milestones': [13, 18]})),
    ([PiecewiseDecay(milestones=[8, 11], use_warmup=False)], 24, ('in the last 13',
                                                                  {'milestones': [16, 22]})),
    ([CosineDecay(2), LinearWarmup(steps=500)], 2, (
        'steps: 500, the training 20 steps, so that base_lr is never reached', {'steps': 1})),
    ([CosineDecay(10), ExpWarmup(steps=60)], 10, (
        'steps: 60, the training 100 steps, so that it takes more than half', {'steps': 5})),
    ([PiecewiseDecay(gamma=0.1, milestones=[2, 3]), NO_WARMUP], 3, ('3 is not reached',
                                                                   {'milestones': [1, 2]})),
    ([PiecewiseDecay(milestones=[8, 11]), NO_WARMUP], 2, ('8 is not reached', {})),
    ([CosineDecay(4, last_plateau_epochs=4), NO_WARMUP], 4, (
        'stays at its end in the last 4 epochs', {'last_plateau_epochs': 0})),
    ([CosineDecay(10), LinearWarmup(epochs=20)], 10, (
        'epochs: 20 (200 steps), the training 100 steps', {'steps': 5, 'epochs': None})),
    ([PiecewiseDecay(milestones=[8, 11]), ExpWarmup(epochs=12)], 12, (
        'takes more than half', {'steps': 6, 'epochs': None})),
])
def test_every_scheduler_of_paddledetection(schedulers, epochs, expected):
    (problem, scheduler, change), = schedule_problems(schedulers, epochs, steps_per_epoch=10)
    assert expected[0] in problem and change == expected[1] and scheduler in schedulers


@pytest.mark.parametrize('schedulers, epochs', [
    ([CosineDecay(16), NO_WARMUP], 16),
    ([CosineDecay(96), LinearWarmup(epochs=5)], 80),  # as PP-YOLOE
    ([PiecewiseDecay(milestones=[8, 11]), LinearWarmup(steps=60)], 12),
    ([PiecewiseDecay(milestones=[16, 22]), NO_WARMUP], 24),
    ([CosineDecay(16, use_warmup=False), LinearWarmup(steps=9999)], 16),
    ([CosineDecay(300, last_plateau_epochs=15), NO_WARMUP], 300),  # as YOLOX
])
def test_schedules_that_fit(schedulers, epochs):
    assert list(schedule_problems(schedulers, epochs, steps_per_epoch=10)) == []


def test_the_option_of_the_warning_makes_it_go_away(tmp_path, log):
    path = student_yaml(tmp_path)
    cfg = load_run_config(path, {'epoch': 36})
    check_schedule(cfg, steps_per_epoch=5)
    warnings = [text for level, text in log if level == 'WARNING']
    assert 'CosineDecay has max_epochs: 18, the training epoch: 36' in warnings[0]
    assert 'LinearWarmup has steps: 200, the training 180 steps' in warnings[1]
    option = json.loads(re.search(r"LearningRate\.schedulers='(.*)'", warnings[0]).group(1))
    log.clear()
    check_schedule(load_run_config(path, {'epoch': 36, 'LearningRate': {'schedulers': option}}), 5)
    assert log == [] and create('LearningRate').schedulers[0].max_epochs == 36


def test_one_step_has_no_shorter_warmup():
    assert list(schedule_problems([CosineDecay(1), NO_WARMUP], 1, steps_per_epoch=1)) == []


def test_milestones_for_which_there_is_no_place(tmp_path, log):
    load_run_config(student_yaml(tmp_path), {'epoch': 2, 'LearningRate': {'schedulers': [
        {'name': 'PiecewiseDecay', 'gamma': 0.1, 'milestones': [8, 11]},
        {'name': 'LinearWarmup', 'steps': 1}]}})
    check_schedule({'epoch': 2, 'LearningRate': {}}, steps_per_epoch=5)
    assert [text for level, text in log if level == 'WARNING'] == [
        'LearningRate: PiecewiseDecay has milestones: [8, 11], the training epoch: 2, so that 8 is '
        'not reached; train for more epochs']
