# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What each process of ``test_several_processes.py`` runs: folder and methods are its arguments.

Writes ``<method>_<rank>.json``; then process 1 fails.
"""
import ppdet_ext  # noqa: F401, isort: skip, it must come before anything that imports paddle

import hashlib
import json
import os
import time
from unittest import mock

import numpy as np
import paddle
import paddle.distributed as dist
from paddle import nn
from tiny import batch

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer, cli
from ppdet_ext.engine.synchronization import barrier, broadcast_from_rank0
from ppdet_ext.slim import build_slim_model, cross_response, functional, read_slim_config

PARTS = ('student_model', 'distill_losses')
IMAGES = 2  # in each process
# Terms that are means over images, boxes or objects; None is all. TSKD's graph units take
# statistics over a whole batch, and these depend on how it is split.
ADDITIVE = {'mgd': None, 'dkan': None,
            'tskd': ('distill_tskd_fg', 'distill_tskd_bg', 'distill_tskd_se', 'distill_tskd_cls',
                     'distill_tskd_box')}


def fixed_mask(feature, _):
    """The same cells of every image, in place of MGD's random ones."""
    height, width = feature.shape[2:]
    mask = (paddle.arange(height * width).reshape([1, 1, height, width]) % 3 > 0)
    return mask.astype(feature.dtype).expand([feature.shape[0], 1, height, width])


def unscaled(feature_s, _):
    """In place of the student's features with the statistics of the teacher's whole batch."""
    return feature_s


def build(folder, method, **overrides):
    slim = read_slim_config(os.path.join(folder, f'{method}.yml'))
    cfg = load_run_config(os.path.join(folder, f'{method}_student.yml'), overrides, slim)
    return build_slim_model(cfg, slim)


def part_of(inputs, start, stop):
    return {key: value if key == 'epoch_id' else value[start:stop]
            for key, value in inputs.items()}


def gradients(model, forward, inputs, names=False):
    """Gradients by parameter's name; of the total loss, or of the named terms (None is all)."""
    outputs = forward(inputs)
    loss = outputs['loss']
    if names is not False:
        terms = [value for name, value in outputs.items()
                 if name.startswith('distill_') and (names is None or name in names)]
        loss = sum(terms) + 0.0 * loss  # a gradient for every parameter, as in training
    loss.backward()
    found = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()
             if parameter.grad is not None}
    model.clear_gradients()
    return found


def difference(found, expected):
    """By part: norm of the difference over the norm of what was expected."""
    assert set(found) == set(expected)
    result = {}
    for part in PARTS:
        names = [name for name in expected if name.startswith(part)]
        norm = sum(float(np.square(expected[name]).sum()) for name in names)**0.5
        error = sum(float(np.square(found[name] - expected[name]).sum()) for name in names)**0.5
        if names:
            result[part] = error / norm
    return result


def compare_gradients(folder, method):
    """Of two processes against one process that sees both batches."""
    paddle.seed(0)
    model = build(folder, method)['model']
    model.train()
    for layer in model.sublayers():
        if isinstance(layer, nn.layer.norm._BatchNormBase):
            layer.eval()
    inputs = batch(images=2 * IMAGES)
    halves = [part_of(inputs, k * IMAGES, (k + 1) * IMAGES) for k in range(2)]
    names = ADDITIVE[method]
    double = gradients(model, model, inputs, names)
    parallel = paddle.DataParallel(model)
    half = halves[dist.get_rank()]
    found = {'double_batch': difference(gradients(model, parallel, half, names), double)}
    # Forward after forward, each would be divided by the objects of its own half.
    with mock.patch.object(cross_response, 'mean_over_processes', lambda value: 0.0 * value + 3.0):
        first, second = (gradients(model, model, half) for half in halves)
        mean = {name: (first[name] + second[name]) / 2 for name in first}
        found['mean_of_totals'] = difference(gradients(model, parallel, half), mean)
    return {**found, 'alone': difference(first, mean)['student_model']}


def checksum(layer):
    """Of all weights; the running statistics of batch norm are each process's own."""
    digest = hashlib.sha256()
    for name, parameter in layer.named_parameters():
        if not name.endswith(('._mean', '._variance')):
            digest.update(parameter.numpy().tobytes())
    return digest.hexdigest()


def train(folder, method):
    """Ten steps of the Trainer from weights that differ between the processes."""
    rank = dist.get_rank()
    paddle.seed(rank)
    cfg = build(folder, method, save_dir=os.path.join(folder, f'saved_{rank}'), use_vdl=True,
                vdl_log_dir=os.path.join(folder, f'{method}_curves_{rank}'))
    trainer = Trainer(cfg)
    before = {part: checksum(getattr(trainer.model, part)) for part in PARTS}
    trainer.train()
    return {'steps': len(trainer.loader) * cfg.epoch, 'before': before,
            'after': {part: checksum(getattr(trainer.model, part)) for part in PARTS},
            'adapter_weights': len(trainer.model.distill_losses.parameters()),
            'find_unused_parameters': bool(cfg.get('find_unused_parameters'))}


def meet_late(folder):
    """The first process comes last; the others know what it has done before."""
    mark = os.path.join(folder, f'met_{os.environ["PADDLE_TRAINER_ENDPOINTS"]}')
    if dist.get_rank() == 0:
        time.sleep(1)
        open(mark, 'w').close()
    barrier()
    assert os.path.exists(mark) and broadcast_from_rank0(lambda: mark) == mark


def main(argv):
    folder, methods = argv[0], argv[1:]
    cli.init_processes({})
    for _ in range(2):
        meet_late(folder)
    functional.random_mask = fixed_mask
    functional.align_scale = unscaled
    for method in methods:
        found = {'gradients': compare_gradients(folder, method), **train(folder, method)}
        path = os.path.join(folder, f'{method}_{dist.get_rank()}.json')
        with open(path, 'w') as f:
            json.dump(found, f)
    if dist.get_rank() == 1:
        raise ValueError('the disk of the second process is full')
    for _ in range(100):
        dist.all_reduce(paddle.ones([1]))
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
