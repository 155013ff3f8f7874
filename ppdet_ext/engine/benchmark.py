# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Times a distillation step against its parts, on synthetic input."""
import os
import re
import statistics
import tempfile
import time

import numpy as np
import paddle
import yaml
from ppdet.core.workspace import create, global_config
from ppdet.slim import FGDDistillModel

from ..config.scope import isolated_config
from ..utils.progress import progress

__all__ = ['check_targets', 'synthetic_batch', 'random_teacher', 'benchmark', 'build_fgd',
           'measure_pair', 'peak_megabytes', 'synchronize']

# The optimizer does its work, but the weights stay: a random teacher's huge features would soon
# drive them out of range.
LEARNING_RATE = 0.0


def check_targets(cfg):
    """Refuses a detector that learns from targets which its reader makes.

    Args:
        cfg (dict): the configuration.

    Raises:
        ValueError: an operator of ``TrainReader.batch_transforms`` makes targets.
    """
    names = [next(iter(entry)) for entry in cfg['TrainReader'].get('batch_transforms') or []]
    made = [name for name in names if name.startswith('Gt2')]
    if made:
        raise ValueError(f'{cfg["architecture"]} learns from the targets of {", ".join(made)}, '
                         f'which a synthetic batch does not have; time a pair of another detector, '
                         f'such as RetinaNet')


def synthetic_batch(num_classes, images, size, boxes, seed=0):
    """Makes a training batch of seeded noise with random boxes.

    Args:
        num_classes (int): of the boxes.
        images (int): images in the batch.
        size (int): height and width in pixels.
        boxes (int): boxes per image.
        seed (int): of the numbers.

    Returns:
        dict: as PaddleDetection's reader gives it.
    """
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, size / 2, [images, boxes, 2])
    bbox = np.concatenate([corner, corner + rng.uniform(8, size / 2, [images, boxes, 2])], axis=2)
    classes = rng.integers(0, num_classes, [images, boxes, 1])
    return {
        'image': paddle.to_tensor(rng.normal(size=[images, 3, size, size]).astype('float32')),
        'im_shape': paddle.full([images, 2], size, dtype='float32'),
        'scale_factor': paddle.ones([images, 2]),
        'gt_bbox': [paddle.to_tensor(b.astype('float32')) for b in bbox],
        'gt_class': [paddle.to_tensor(c.astype('int32')) for c in classes],
        'is_crowd': [paddle.zeros([boxes, 1], dtype='int32') for _ in range(images)],
        'epoch_id': 0,
    }


def random_teacher(slim_config_path, folder):
    """Writes random weights of a slim YAML's teacher; time does not depend on the values.

    Returns:
        str: path of the ``.pdparams``.
    """
    path = os.path.join(folder, 'teacher.pdparams')
    with isolated_config(slim_config_path) as cfg:
        paddle.save(create(cfg.architecture).state_dict(), path)
    return path


def build_fgd(cfg, slim_config_path, model, folder):
    """Builds paddledet's own FGD of the same pair, for comparison.

    Args:
        cfg (dict): the student's configuration, without ``pretrain_weights``.
        slim_config_path (str): the slim YAML, for its teacher.
        model (DistillModel): our model of the pair, for levels and channels.
        folder (str): where the FGD YAML is written.

    Returns:
        nn.Layer: ``ppdet.slim.FGDDistillModel``.
    """
    student, teacher = (detector.neck.out_shape
                        for detector in (model.student_model, model.teacher_model))
    path = os.path.join(folder, 'fgd.yml')
    with open(path, 'w', encoding='utf-8') as f:
        yaml.safe_dump({
            '_BASE_': [os.path.abspath(slim_config_path)], 'pretrain_weights': cfg.teacher_weights,
            'slim': 'Distill', 'slim_method': 'FGD', 'distill_loss': 'FGDFeatureLoss',
            'distill_loss_name': [f'level_{k}' for k in range(len(student))],
            'FGDFeatureLoss': {'student_channels': student[0].channels,
                               'teacher_channels': teacher[0].channels}
        }, f)
    saved = dict(global_config)
    try:
        return FGDDistillModel(cfg, path)
    finally:
        global_config.clear()
        global_config.update(saved)


def benchmark(models, inputs, steps, warmup):
    """Times each part and the whole step in turn, so that drift of the machine hits all alike.

    Args:
        models (dict of str to callable): name to a function that runs one step on ``inputs``.
        inputs (dict): the batch.
        steps (int): timed rounds.
        warmup (int): rounds before.

    Returns:
        dict of str to dict: ``seconds`` (median of a step) and ``megabytes`` (peak memory).
    """
    seconds = {name: [] for name in models}
    peaks = dict.fromkeys(models, 0.0)
    for round_index in progress(range(warmup + steps), 'timing', 'round'):
        for name, run in models.items():
            _reset_peak()
            start = time.perf_counter()
            run(inputs)
            synchronize()
            if round_index >= warmup:
                seconds[name].append(time.perf_counter() - start)
                peaks[name] = max(peaks[name], peak_megabytes())
    return {name: {'seconds': statistics.median(seconds[name]), 'megabytes': peaks[name]}
            for name in models}


def training_step(model):
    """callable: forward, backward and optimizer step of a model that returns a loss dict."""
    model.train()
    optimizer = paddle.optimizer.Momentum(LEARNING_RATE, parameters=model.parameters())

    def step(inputs):
        model(dict(inputs))['loss'].backward()
        optimizer.step()
        optimizer.clear_grad()

    return step


def teacher_step(model):
    """callable: what a distillation model runs of its teacher."""
    return lambda inputs: model.teacher_forward(inputs)


def terms_step(model, inputs):
    """callable: forward and backward of the distillation terms on features of one forward."""
    model.teacher_forward(inputs)
    model.train()
    with model.student_taps:
        model.student_model(dict(inputs))
    taps = [(tap, tap.leaves()) for tap in (model.student_taps, model.teacher_taps)]
    trained = model.distill_losses.parameters()  # none of some losses
    optimizer = trained and paddle.optimizer.Momentum(LEARNING_RATE, parameters=trained)

    def step(inputs):
        for tap, features in taps:
            tap.replay(features)
        sum(model.raw_values(inputs).values()).backward()
        if optimizer:
            optimizer.step()
            optimizer.clear_grad()

    return step


def measure_pair(cfg, slim, build, inputs, steps, warmup):
    """Times student, teacher, distillation terms, whole step, and paddledet's FGD of the pair.

    Args:
        cfg (RunConfig): the student's configuration with ``teacher_weights`` and without
            ``pretrain_weights``.
        slim (SlimConfig): the slim YAML.
        build (callable): ``build_slim_model``.
        inputs (dict): a batch.
        steps (int): timed rounds.
        warmup (int): rounds before.

    Returns:
        dict: as ``benchmark``, with ``ratio`` (whole step to the sum of its parts) and
        ``ratio_to_fgd``; the latter None where paddledet's FGD does not know the detector.
    """
    with tempfile.TemporaryDirectory() as folder:
        model = build(cfg, slim)['model']
        fgd = None
        if cfg.architecture in ('RetinaNet', 'PicoDet'):
            fgd = build_fgd(cfg, slim.path, model, folder)
    runs = {
        'student': training_step(model.student_model),
        'teacher': teacher_step(model),
        'terms': terms_step(model, inputs),
        'whole': training_step(model),
    }
    if fgd is not None:
        runs['paddledet FGD'] = training_step(fgd)
    figures = benchmark(runs, inputs, steps, warmup)
    whole = figures['whole']['seconds']
    parts = sum(figures[name]['seconds'] for name in ('student', 'teacher', 'terms'))
    figures['ratio'] = whole / parts
    figures['ratio_to_fgd'] = None if fgd is None else whole / figures['paddledet FGD']['seconds']
    return figures


def synchronize():
    if paddle.device.get_device().startswith('gpu'):
        paddle.device.synchronize()


def _reset_peak():
    if paddle.device.get_device().startswith('gpu'):
        paddle.device.cuda.reset_max_memory_allocated()
    elif os.path.exists('/proc/self/clear_refs'):
        with open('/proc/self/clear_refs', 'w', encoding='ascii') as f:
            f.write('5')  # resets VmHWM


def peak_megabytes():
    """float: peak since the last reset, of the GPU or of this process; nan where unknown."""
    if paddle.device.get_device().startswith('gpu'):
        return paddle.device.cuda.max_memory_allocated() / 2**20
    if not os.path.exists('/proc/self/status'):
        return float('nan')
    with open('/proc/self/status', encoding='ascii') as f:
        return int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1)) / 1024
