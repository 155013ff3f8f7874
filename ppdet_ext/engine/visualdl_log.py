# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""VisualDL curves and pictures of a training run."""
import atexit
import glob
import os
import re
import shlex
import time

import paddle.distributed as dist
from google.protobuf.message import DecodeError
from ppdet.engine.callbacks import Callback
from ppdet.metrics import COCOMetric
from ppdet.utils.logger import setup_logger
from visualdl import LogWriter
from visualdl.proto.record_pb2 import Record
from visualdl.reader.record_reader import RecordReader
from visualdl.writer.record_writer import RecordWriter

from ..metrics import scalars
from .validation_images import draw_validation_images

__all__ = ['VisualDLWriter']

logger = setup_logger('ppdet.engine')


class VisualDLWriter(Callback):
    """Writes what the training log says, every figure of an evaluation, and pictures of it.

    A point stands at the number of training steps done, which follows from epoch and step, so that
    a resumed run continues its curves. Every ``log_iter`` steps and after an evaluation all is on
    disk. The first process only.

    Args:
        trainer (Trainer): of its configuration, ``vdl_log_dir`` is the folder, and ``vdl_images``
            the number of validation images to draw at an evaluation.

    Raises:
        ValueError: ``vdl_images`` is no whole number from 0.
    """

    def __init__(self, trainer):
        super().__init__(trainer)
        self.folder = trainer.cfg.get('vdl_log_dir', 'vdl_log_dir/scalar')
        self.images = trainer.cfg.get('vdl_images', 4)
        if type(self.images) is not int or self.images < 0:
            raise ValueError(f'vdl_images is a whole number from 0, got {self.images!r}')
        self.writer = None

    def on_train_begin(self, status):
        """Opens the log, with what a resumed run wrote until its checkpoint."""
        if dist.get_rank() != 0:
            return
        done = status['epoch_id'] * status['steps_per_epoch']
        self.writer = _open_log(self.folder, self.model.cfg.filename, done)
        atexit.register(self.writer.close)  # for a run that does not reach its end
        logger.info(f'curves: visualdl --logdir {shlex.quote(self.folder)} --port 8040')

    def on_step_end(self, status):
        """Adds the points of the training log, and those of an epoch's last step."""
        if self.writer is None or status['mode'] != 'train':
            return
        step, steps = status['step_id'], status['steps_per_epoch']
        if step % self.model.cfg.log_iter == 0 or step == steps - 1:
            losses = status['training_staus'].meters.items()
            seconds = status['batch_time'].avg
            self._add(status['epoch_id'] * steps + step + 1, {
                **{name: meter.median for name, meter in losses},
                'learning_rate': status['learning_rate'],
                'speed/batch_cost': seconds,
                'speed/data_cost': status['data_time'].avg,
                'speed/images_per_second': self.model.cfg.TrainReader['batch_size'] / seconds})

    def on_epoch_end(self, status):
        """Adds the figures and the images of the evaluation that has just ended."""
        if self.writer is None or status['mode'] != 'eval':
            return
        step = (status['epoch_id'] + 1) * status['steps_per_epoch']
        for metric in self.model._metrics:
            results = metric.get_results().items()
            self._add(step, {**{f'{name}-mAP': figures[0] for name, figures in results},
                             **scalars(getattr(metric, 'summary', None) or {})})
            if self.images and isinstance(metric, COCOMetric):
                self._draw(step, metric.results['bbox'])

    def on_train_end(self, status):
        """Closes the log."""
        if self.writer is not None:
            self.writer.close()

    def _add(self, step, values):
        for tag, value in values.items():
            self.writer.add_scalar(_tag(tag), value, step)
        self.writer.flush()

    def _draw(self, step, detections):
        pictures = draw_validation_images(self.model._eval_dataset, detections, self.images)
        for name, picture in pictures.items():
            self.writer.add_image(_tag(f'validation/{name}'), picture, step)
        self.writer.flush()


def _tag(name):
    """VisualDL refuses "%", which class and file names may have."""
    return name.replace('%', '_')


def _open_log(folder, run, done):
    """Opens a new log with the records of the run's last one until a number of steps.

    VisualDL shows only the last file of a folder. The earlier log stays as it was: a server may be
    reading it.

    Args:
        folder (str): of the log.
        run (str): name of the run, which becomes part of the file's name.
        done (int): steps that the checkpoint has done; after 0 nothing is taken over.

    Returns:
        visualdl.LogWriter: the new log.
    """
    pattern = re.compile(rf'vdlrecords\.\d+\.{re.escape(run)}\.log')
    names = sorted(filter(pattern.fullmatch, os.listdir(folder) if os.path.isdir(folder) else ()))
    second = int(time.time())
    while glob.glob(os.path.join(glob.escape(folder), f'vdlrecords.{second}*')):
        second += 1
    writer = LogWriter(folder, file_name=f'vdlrecords.{second}.{run}.log')
    if names and done:
        writer.flush()  # its own first record
        with open(writer.file_name, 'ab') as file:
            for record in _records_until(os.path.join(folder, names[-1]), done):
                RecordWriter(file).write(record)
    return writer


def _records_until(path, step):
    """Yields the records of a log, as bytes, but those of later steps."""
    for data in RecordReader(path).get_all():
        try:
            values = Record.FromString(data).values
        except DecodeError:
            return  # the last one, of a process that was killed while it wrote
        if values and values[0].id <= step:
            yield data
