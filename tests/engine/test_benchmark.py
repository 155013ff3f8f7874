# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys

import numpy as np
import paddle
import pytest
from tiny import CONFIGS, slim_yaml, student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import benchmark
from ppdet_ext.slim import build_slim_model, read_slim_config

PARTS = {'student', 'teacher', 'terms', 'whole', 'paddledet FGD'}


def load(folder, method, student, **content):
    """tuple: configuration and slim YAML of a distillation of a tiny RetinaNet."""
    path = slim_yaml(folder, student_yaml(folder, 'teacher', channels=24), method,
                     slim_method=method, **content)
    slim = read_slim_config(path)
    return load_run_config(student, {
        'pretrain_weights': None, 'TrainReader': {'batch_size': 2},
        'teacher_weights': benchmark.random_teacher(path, str(folder))}, slim), slim


@pytest.mark.parametrize('method', ['MGD', 'TSKD', 'CrossKD'])
def test_measures_every_part_beside_paddledets_fgd(tmp_path, method):
    cfg, slim = load(tmp_path, method, student_yaml(tmp_path))
    model = build_slim_model(cfg, slim)['model']
    inputs = benchmark.training_batch(cfg, boxes=3)
    measurements = benchmark.measure_pair(cfg, slim, model, inputs, steps=2, warmup=1)
    assert set(measurements) == PARTS | {'ratio', 'ratio_to_fgd'}
    seconds = {name: measurements[name]['seconds'] for name in PARTS}
    assert all(value > 0 for value in seconds.values())
    assert all(measurements[name]['megabytes'] > 0 for name in PARTS)
    parts = seconds['student'] + seconds['teacher'] + seconds['terms']
    assert measurements['ratio'] == pytest.approx(seconds['whole'] / parts)
    assert measurements['ratio_to_fgd'] == pytest.approx(
        seconds['whole'] / seconds['paddledet FGD'])


def test_several_methods_are_measured_against_the_student(tmp_path):
    student, models = student_yaml(tmp_path), {}
    for method in ('MGD', 'PKD'):
        cfg, slim = load(tmp_path, method, student)
        models[method] = build_slim_model(cfg, slim)['model']
    inputs = benchmark.training_batch(cfg, boxes=3)
    measurements = benchmark.measure_methods(models, inputs, steps=1, warmup=0)
    assert list(measurements) == ['student', 'MGD', 'PKD']
    assert measurements['student']['ratio_to_student'] == 1.0
    assert measurements['PKD']['ratio_to_student'] == pytest.approx(
        measurements['PKD']['cpu_seconds'] / measurements['student']['cpu_seconds'])


def test_a_student_that_needs_weights_is_given_random_ones(tmp_path):
    output = tmp_path / 'measurements.json'
    subprocess.run([
        sys.executable, os.path.join(CONFIGS, '..', 'tools', 'benchmark_distill.py'),
        '-c', os.path.join(CONFIGS, 'few_shot', 'faster_rcnn_nano_fpn_neu_det_split1_dkan.yml'),
        '--slim_config', os.path.join(CONFIGS, 'slim', 'distill',
                                      'faster_rcnn_nano_fpn_neu_det_split1_dkan_distill.yml'),
        '--batch_size', '1', '--steps', '1', '--warmup', '0', '--output', str(output),
        '-o', 'freeze=[backbone]', 'pretrain_weights=missing.pdparams'], check=True, cwd=tmp_path)
    assert PARTS - {'paddledet FGD'} < set(json.loads(output.read_text()))


def test_runs_each_part_once_a_round_and_times_the_rounds_after_warmup():
    calls = []
    models = {name: lambda inputs, name=name: calls.append((name, inputs)) for name in 'ab'}
    measurements = benchmark.benchmark(models, 'batch', steps=2, warmup=1)
    assert calls == [('a', 'batch'), ('b', 'batch')] * 3
    assert set(measurements) == {'a', 'b'}


def test_a_model_that_changes_its_batch_changes_no_other_round():
    seen = []

    def scale_boxes(inputs):  # in place, as YOLOX
        seen.append(inputs['gt_bbox'].item())
        inputs['gt_bbox'][0] = inputs['gt_bbox'][0] * 2

    inputs = {'gt_bbox': paddle.ones([1])}
    benchmark.benchmark({'a': scale_boxes, 'b': scale_boxes}, inputs, steps=2, warmup=0)
    assert seen == [1.0] * 4


@pytest.mark.parametrize('name, targets', [
    ('lite/retinanet_lite0_neu_det.yml', {'gt_bbox', 'gt_class'}),
    ('lite/gfl_lite0_neu_det.yml', {'labels', 'bbox_targets', 'pos_num'}),
    ('fcos/fcos_r18_fpn_neu_det.yml', {'labels0', 'reg_target0', 'centerness0'})])
def test_a_batch_has_what_the_reader_makes(name, targets):
    cfg = load_run_config(os.path.join(CONFIGS, name), {'TrainReader': {'batch_size': 2}})
    inputs = benchmark.training_batch(cfg, boxes=9)
    assert inputs['image'].shape[:2] == [2, 3] and targets <= set(inputs)
    again = benchmark.training_batch(cfg, boxes=9)
    np.testing.assert_array_equal(inputs['image'].numpy(), again['image'].numpy())
