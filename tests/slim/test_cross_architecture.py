# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Teachers of another architecture: the shipped pairs on what their students' readers give."""
import functools
import os

import numpy as np
import paddle
import pytest
from tiny import CONFIGS

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine.benchmark import random_teacher, training_batch
from ppdet_ext.slim import build_slim_model, prepare_reader, read_slim_config

PAIRS = [('retinanet_lite0', 'gfl_lite2'), ('picodet_lite0', 'gfl_lite2'),
         ('gfl_lite0', 'retinanet_lite2')]


@pytest.mark.parametrize('student, teacher', PAIRS)
def test_a_step(tmp_path, student, teacher):
    path = os.path.join(CONFIGS, 'slim', 'distill', f'{teacher}_neu_det_pkd_distill.yml')
    slim = read_slim_config(path)
    cfg = load_run_config(os.path.join(CONFIGS, 'lite', f'{student}_neu_det.yml'), {
        'pretrain_weights': None, 'TrainReader': {'batch_size': 2}, 'use_gpu': False,
        'teacher_weights': random_teacher(path, str(tmp_path))}, slim,
        [functools.partial(prepare_reader, slim)])
    paddle.seed(0)
    model = build_slim_model(cfg, slim)['model']
    assert type(model.student_model) is not type(model.teacher_model)
    model.train()
    losses = model(training_batch(cfg, boxes=3))
    names = [f'distill_pkd_{level}' for level in ('p3', 'p4', 'p5', 'p6')]
    assert set(names) < set(losses) and np.isfinite(float(losses['loss']))
    sum(losses[name] for name in names).backward()
    reached = {name.split('.')[0] for name, parameter in model.student_model.named_parameters()
               if parameter.grad is not None and np.abs(parameter.grad.numpy()).max() > 0}
    assert reached == {'backbone', 'neck'}
    assert all(parameter.grad is None for parameter in model.teacher_model.parameters())
