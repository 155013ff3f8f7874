# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle.distributed as dist
import pytest
from ppdet.core.workspace import create
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.scope import SlimConfig
from ppdet_ext.engine.learning_rate import scaled_learning_rate

RATES = {'LearningRate': {'base_lr': 0.01, 'schedulers': [
    {'name': 'CosineDecay', 'max_epochs': 4},
    {'name': 'LinearWarmup', 'start_factor': 0.1, 'steps': 5}]}}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a run's configuration of batch 8, for a number of processes."""

    def load_config(processes, options, yaml=RATES, slim=None):
        monkeypatch.setattr(dist, 'get_world_size', lambda: processes)
        path = student_yaml(tmp_path, TrainReader={'batch_size': 8}, **yaml)
        return load_run_config(path, options, slim)

    return load_config


def schedule(cfg):
    """The learning rates of 4 epochs of 10 steps."""
    with scaled_learning_rate(cfg):
        scheduler, rates = create('LearningRate')(10), []
    for _ in range(40):
        rates.append(scheduler())
        scheduler.step()
    return rates


@pytest.mark.parametrize('processes, options, factor', [
    (4, {}, 1),
    (4, {'auto_scale_lr': False}, 1),
    (1, {'auto_scale_lr': True}, 1),
    (4, {'auto_scale_lr': True}, 4),
    (2, {'auto_scale_lr': True, 'TrainReader': {'batch_size': 4}}, 1),
    (1, {'auto_scale_lr': True, 'TrainReader': {'batch_size': 32}}, 4),
    (2, {'auto_scale_lr': True, 'base_batch_size': 32}, 0.5),
])
def test_all_rates_are_multiplied_and_the_warm_up_keeps_its_length(load, processes, options,
                                                                   factor):
    expected = [factor * rate for rate in schedule(load(1, {}))]
    assert expected[0] == pytest.approx(factor * 0.001) and max(expected) == expected[5]
    assert schedule(load(processes, options)) == pytest.approx(expected)


def test_a_batch_of_the_slim_yaml_counts_as_the_configs_own(load):
    slim = SlimConfig('slim.yml', content={'_BASE_': ['teacher.yml'], 'slim': 'Distill',
                                           'TrainReader': {'batch_size': 2}})
    cfg = load(1, {'auto_scale_lr': True}, slim=slim)
    assert cfg['base_batch_size'] == 2
    assert max(schedule(cfg)) == pytest.approx(0.01)


def test_the_next_run_starts_from_the_configs_rate(load):
    cfg = load(4, {'auto_scale_lr': True})
    assert schedule(cfg) == schedule(cfg)
    assert cfg['LearningRate']['base_lr'] == 0.01


@pytest.mark.parametrize('rank, lines', [(0, 1), (1, 0)])
def test_the_first_process_says_what_the_rate_is(load, log, monkeypatch, rank, lines):
    monkeypatch.setattr(dist, 'get_rank', lambda: rank)
    with scaled_learning_rate(load(4, {'auto_scale_lr': True})):
        pass
    assert [text for _, text in log if 'auto_scale_lr' in text] == lines * [
        'auto_scale_lr: learning rate 0.01 for 8 images per step becomes 0.04 for 32 (8 in each of '
        '4 processes)']


def test_only_training_has_a_learning_rate(load, log):
    with scaled_learning_rate(load(4, {'auto_scale_lr': True}), 'eval'):
        assert create('LearningRate').base_lr == 0.01
    assert log == []


@pytest.mark.parametrize('scheduler', ['{name: PiecewiseDecay, ', '!PiecewiseDecay {'])
def test_rates_written_out_cannot_be_scaled(tmp_path, scheduler):
    path = student_yaml(tmp_path)
    with open(path, 'a', encoding='utf-8') as f:
        f.write(f'LearningRate:\n  schedulers:\n  - {scheduler}milestones: [1], '
                f'values: [0.1, 0.01], use_warmup: false}}\n')
    cfg = load_run_config(path, {'auto_scale_lr': True})
    with pytest.raises(ValueError, match='PiecewiseDecay gives its rates as "values"'):
        schedule(cfg)


@pytest.mark.parametrize('options, message', [
    ({'auto_scale_lr': 4}, 'auto_scale_lr must be true or false, got 4'),
    ({'base_batch_size': 0}, 'base_batch_size must be an integer of at least 1, got 0'),
    ({'auto_scale_learning_rate': True}, 'did you mean "auto_scale_lr"'),
])
def test_wrong_values_are_found(load, options, message):
    with pytest.raises(ValueError, match=message):
        load(1, options)
