# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tiny import slim_yaml, student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import benchmark
from ppdet_ext.slim import build_slim_model, read_slim_config

PARTS = {'student', 'teacher', 'terms', 'whole', 'paddledet FGD'}


@pytest.fixture(params=['MGD', 'TSKD', 'CrossKD'])
def pair(tmp_path, request):
    teacher = student_yaml(tmp_path, 'teacher', channels=24)
    path = slim_yaml(tmp_path, teacher, slim_method=request.param)
    slim = read_slim_config(path)
    return load_run_config(student_yaml(tmp_path), {
        'pretrain_weights': None,
        'teacher_weights': benchmark.random_teacher(path, str(tmp_path))}, slim), slim


def test_measures_every_part_beside_paddledets_fgd(pair):
    cfg, slim = pair
    inputs = benchmark.synthetic_batch(cfg.num_classes, images=2, size=64, boxes=3)
    figures = benchmark.measure_pair(cfg, slim, build_slim_model, inputs, steps=2, warmup=1)
    assert set(figures) == PARTS | {'ratio', 'ratio_to_fgd'}
    seconds = {name: figures[name]['seconds'] for name in PARTS}
    assert all(value > 0 for value in seconds.values())
    assert all(figures[name]['megabytes'] > 0 for name in PARTS)
    parts = seconds['student'] + seconds['teacher'] + seconds['terms']
    assert figures['ratio'] == pytest.approx(seconds['whole'] / parts)
    assert figures['ratio_to_fgd'] == pytest.approx(seconds['whole'] / seconds['paddledet FGD'])


def test_runs_each_part_once_a_round_and_times_the_rounds_after_warmup():
    calls = []
    models = {name: lambda inputs, name=name: calls.append((name, inputs)) for name in 'ab'}
    figures = benchmark.benchmark(models, 'batch', steps=2, warmup=1)
    assert calls == [('a', 'batch'), ('b', 'batch')] * 3
    assert set(figures) == {'a', 'b'}


def test_a_detector_that_needs_its_readers_targets_is_refused():
    transforms = [{'PadBatch': {}}]
    cfg = {'architecture': 'GFL', 'TrainReader': {'batch_transforms': transforms}}
    benchmark.check_targets(cfg)
    transforms.append({'Gt2GFLTarget': {}})
    with pytest.raises(ValueError, match='GFL learns from the targets of Gt2GFLTarget, which a'):
        benchmark.check_targets(cfg)


def test_synthetic_boxes_lie_in_the_image():
    inputs = benchmark.synthetic_batch(6, images=4, size=64, boxes=9)
    boxes = np.concatenate([b.numpy() for b in inputs['gt_bbox']])
    assert boxes.shape == (36, 4)
    assert boxes.min() >= 0 and boxes.max() <= 64
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 8
