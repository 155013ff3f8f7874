# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Times a distillation step against its parts, on synthetic input."""
import copy
import os
import random
import re
import statistics
import tempfile
import time

import cv2
import numpy as np
import paddle
import yaml
from ppdet.core.workspace import create, global_config
from ppdet.data.source.dataset import DetDataset
from ppdet.slim import FGDDistillModel

from ..config.scope import isolated_config
from ..utils.progress import progress

__all__ = ['training_batch', 'random_teacher', 'write_random_student', 'benchmark', 'build_fgd',
           'measure_methods', 'measure_pair', 'peak_megabytes', 'synchronize']

# The optimizer does its work, but the weights stay the same: the huge features of a random teacher
# would soon make them diverge.
LEARNING_RATE = 0.0
IMAGE_SIZE = 256  # pixels, before the reader
FGD_ARCHITECTURES = ('RetinaNet', 'PicoDet')  # that paddledet's own FGD knows


class NoiseImages(DetDataset):
    """Images of seeded noise with random boxes, as a reader takes them from a data set.

    Args:
        images (int): how many.
        boxes (int): boxes per image.
        num_classes (int): of the boxes.
        seed (int): of the numbers.
    """

    def __init__(self, images, boxes, num_classes, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.roidbs = []
        for number in range(images):
            pixels = rng.integers(0, 256, [IMAGE_SIZE, IMAGE_SIZE, 3], dtype='uint8')
            corners = rng.uniform(0, IMAGE_SIZE / 2, [boxes, 2])
            sides = rng.uniform(IMAGE_SIZE / 8, IMAGE_SIZE / 2, [boxes, 2])
            self.roidbs.append({
                'im_id': np.array([number]), 'h': IMAGE_SIZE, 'w': IMAGE_SIZE,
                'image': cv2.imencode('.png', pixels)[1].tobytes(),
                'gt_bbox': np.concatenate([corners, corners + sides], axis=1).astype('float32'),
                'gt_class': rng.integers(0, num_classes, [boxes, 1]).astype('int32'),
                'is_crowd': np.zeros([boxes, 1], 'int32')})

    def check_or_download_dataset(self):
        """Nothing: the images are there."""

    def parse_dataset(self):
        """Nothing: the records are complete."""


def training_batch(cfg, boxes, seed=0):
    """Makes a batch of noise with the training reader of a configuration, targets included.

    Args:
        cfg (RunConfig): the configuration.
        boxes (int): boxes per image; the reader's crops may leave fewer.
        seed (int): of images, boxes and the reader's draws.

    Returns:
        dict: as PaddleDetection's trainer gives it to the detector.
    """
    random.seed(seed)
    np.random.seed(seed)
    reader = create('TrainReader')
    images = NoiseImages(reader.batch_size, boxes, cfg.num_classes, seed)
    return {**next(iter(reader(images, worker_num=0))), 'epoch_id': 0}


def random_teacher(slim_config_path, folder):
    """Writes random weights of a slim YAML's teacher; time does not depend on the values.

    Returns:
        str: path of the ``.pdparams``.
    """
    path = os.path.join(folder, 'teacher.pdparams')
    with isolated_config(slim_config_path) as cfg:
        paddle.save(create(cfg.architecture).state_dict(), path)
    return path


def write_random_student(cfg):
    """Writes random weights of the student to the ``pretrain_weights`` of its configuration."""
    paddle.save(create(cfg.architecture).state_dict(), cfg.pretrain_weights)


def build_fgd(cfg, slim_config_path, model, folder):
    """Builds paddledet's own FGD of the same pair, for comparison.

    Args:
        cfg (dict): the student's configuration.
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
    """Times each part and the whole step in turn, so that drift of the machine affects all alike.

    Args:
        models (dict of str to callable): name to a function that runs one step on ``inputs``.
        inputs (dict): the batch.
        steps (int): timed rounds.
        warmup (int): rounds before.

    Returns:
        dict of str to dict: ``seconds`` and ``cpu_seconds``, the medians of the wall-clock and CPU
        time of a step, and ``megabytes`` (peak memory).
    """
    seconds = {name: [] for name in models}
    cpu_seconds = {name: [] for name in models}
    peaks = dict.fromkeys(models, 0.0)
    for round_index in progress(range(warmup + steps), 'timing', 'round'):
        for name, run in models.items():
            batch = copy.deepcopy(inputs)  # YOLOX scales the boxes of its batch
            _reset_peak()
            start, cpu_start = time.perf_counter(), time.process_time()
            run(batch)
            synchronize()
            if round_index >= warmup:
                seconds[name].append(time.perf_counter() - start)
                cpu_seconds[name].append(time.process_time() - cpu_start)
                peaks[name] = max(peaks[name], peak_megabytes())
    return {name: {'seconds': statistics.median(seconds[name]),
                   'cpu_seconds': statistics.median(cpu_seconds[name]),
                   'megabytes': peaks[name]} for name in models}


def training_step(model):
    """callable: forward, backward and optimizer step of a model that returns a loss dict."""
    model.train()
    optimizer = paddle.optimizer.Momentum(LEARNING_RATE, parameters=model.parameters())

    def step(inputs):
        model(inputs)['loss'].backward()
        optimizer.step()
        optimizer.clear_grad()

    return step


def terms_step(model, inputs):
    """callable: forward and backward of the distillation terms on features of one forward."""
    batch = copy.deepcopy(inputs)
    model.train()
    with model.student_taps:
        model.student_model(batch)
    model.teacher_forward(batch)  # what the student left of it
    taps = [(tap, tap.leaves()) for tap in (model.student_taps, model.teacher_taps)]
    trained = model.distill_losses.parameters()  # none of some losses
    optimizer = trained and paddle.optimizer.Momentum(LEARNING_RATE, parameters=trained)

    def step(_):
        for tap, features in taps:
            tap.replay(features)
        sum(model.raw_values(batch).values()).backward()
        if optimizer:
            optimizer.step()
            optimizer.clear_grad()

    return step


def measure_pair(cfg, slim, model, inputs, steps, warmup):
    """Times student, teacher, distillation terms, whole step, and paddledet's FGD of the pair.

    Args:
        cfg (RunConfig): the student's configuration with ``teacher_weights``.
        slim (SlimConfig): the slim YAML.
        model (DistillModel): what it builds.
        inputs (dict): a batch.
        steps (int): timed rounds.
        warmup (int): rounds before.

    Returns:
        dict: as ``benchmark``, with ``ratio`` (whole step to the sum of its parts) and
        ``ratio_to_fgd``; the latter is None for detectors that paddledet's FGD does not know.
    """
    with tempfile.TemporaryDirectory() as folder:
        fgd = None
        if cfg.architecture in FGD_ARCHITECTURES:
            fgd = build_fgd(cfg, slim.path, model, folder)
    runs = {
        'student': training_step(model.student_model),
        'teacher': model.teacher_forward,
        'terms': terms_step(model, inputs),
        'whole': training_step(model),
    }
    if fgd is not None:
        runs['paddledet FGD'] = training_step(fgd)
    measurements = benchmark(runs, inputs, steps, warmup)
    whole = measurements['whole']['seconds']
    parts = sum(measurements[name]['seconds'] for name in ('student', 'teacher', 'terms'))
    measurements['ratio'] = whole / parts
    measurements['ratio_to_fgd'] = (
        None if fgd is None else whole / measurements['paddledet FGD']['seconds'])
    return measurements


def measure_methods(models, inputs, steps, warmup):
    """Times whole steps of several distillations of one student in turn, and its own step.

    Args:
        models (dict of str to DistillModel): by name; their students are alike.
        inputs (dict): a batch.
        steps (int): timed rounds.
        warmup (int): rounds before.

    Returns:
        dict of str to dict: as ``benchmark``, of ``student`` and of every model, with
        ``ratio_to_student``: of the wall-clock time on a GPU, else of the CPU time, which other
        work on the machine hardly changes.
    """
    student = next(iter(models.values())).student_model
    measurements = benchmark({'student': training_step(student), **{
        name: training_step(model) for name, model in models.items()}}, inputs, steps, warmup)
    clock = 'seconds' if _on_gpu() else 'cpu_seconds'
    for of_one in measurements.values():
        of_one['ratio_to_student'] = of_one[clock] / measurements['student'][clock]
    return measurements


def synchronize():
    if _on_gpu():
        paddle.device.synchronize()


def _on_gpu():
    return paddle.device.get_device().startswith('gpu')


def _reset_peak():
    if _on_gpu():
        paddle.device.cuda.reset_max_memory_allocated()
    elif os.path.exists('/proc/self/clear_refs'):
        with open('/proc/self/clear_refs', 'w', encoding='ascii') as f:
            f.write('5')  # resets VmHWM


def peak_megabytes():
    """float: peak since the last reset, of the GPU or of this process; nan where unknown."""
    if _on_gpu():
        return paddle.device.cuda.max_memory_allocated() / 2**20
    if not os.path.exists('/proc/self/status'):
        return float('nan')
    with open('/proc/self/status', encoding='ascii') as f:
        return int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1)) / 1024
