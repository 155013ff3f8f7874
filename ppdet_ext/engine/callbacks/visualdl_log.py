# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""VisualDL curves and pictures of a training run."""
import contextlib
import os
import re
import shlex
import time

import paddle.distributed as dist
from google.protobuf.message import DecodeError
from ppdet.engine.callbacks import Callback
from ppdet.metrics import COCOMetric
from ppdet.utils.logger import setup_logger
from visualdl.component.base_component import image, meta_data, scalar
from visualdl.proto.record_pb2 import Record
from visualdl.reader.record_reader import RecordReader
from visualdl.writer.record_writer import RecordWriter

from ...metrics import scalars
from .validation_images import draw_validation_images

__all__ = ['VisualDLWriter']

logger = setup_logger('ppdet.engine')


class VisualDLWriter(Callback):
    """Writes the values of the training log, every metric of an evaluation, and pictures.

    The step of a point is the number of training steps done, so that a resumed run continues its
    curves. Every ``log_iter`` steps and after an evaluation everything is on disk. If that fails,
    the log ends and training continues. The first process only.

    VisualDL's own ``LogWriter`` always begins an empty file, and writes in a thread whose errors
    do not reach the training; so records are written with the ``RecordWriter`` beneath it.

    Args:
        trainer (Trainer): of its configuration, ``vdl_log_dir`` is the folder, and ``vdl_images``
            the number of validation images to draw at an evaluation.
    """

    def __init__(self, trainer):
        super().__init__(trainer)
        self.folder = trainer.cfg.get('vdl_log_dir', 'vdl_log_dir/scalar')
        self.images = trainer.cfg.get('vdl_images', 4)
        self.log = None  # its file's name; until training begins, that of the checkpoint's run
        self.recording = False

    def state_dict(self):
        """dict: the log that a resumed run continues."""
        return {'log': self.log}

    def set_state_dict(self, state):
        """Takes over what ``state_dict`` returned."""
        self.log = state['log']

    def on_train_begin(self, status):
        """Begins the log, with what a resumed run wrote until its checkpoint.

        Raises:
            OSError: it cannot be written.
        """
        if dist.get_rank() != 0:
            return
        done = status['epoch_id'] * status['steps_per_epoch']
        self.log = _begin_log(self.folder, self.model.cfg.filename, self.log, done)
        self.recording = True
        logger.info(f'curves: visualdl --logdir {shlex.quote(self.folder)} --port 8040')

    def on_step_end(self, status):
        """Adds the points of the training log, and those of an epoch's last step."""
        if not self.recording or status['mode'] != 'train':
            return
        step, steps = status['step_id'], status['steps_per_epoch']
        if step % self.model.cfg.log_iter == 0 or step == steps - 1:
            losses = status['training_staus'].meters.items()
            seconds = status['batch_time'].avg
            self._add(scalar, status['epoch_id'] * steps + step + 1, {
                **{name: meter.median for name, meter in losses},
                'learning_rate': status['learning_rate'],
                'speed/batch_cost': seconds,
                'speed/data_cost': status['data_time'].avg,
                'speed/images_per_second': self.model.cfg.TrainReader['batch_size'] / seconds})

    def on_epoch_end(self, status):
        """Adds the metrics and the images of the evaluation that has just ended."""
        if not self.recording or status['mode'] != 'eval':
            return
        step = (status['epoch_id'] + 1) * status['steps_per_epoch']
        for metric in self.model._metrics:
            results = metric.get_results().items()
            self._add(scalar, step, {**{f'{name}-mAP': metrics[0] for name, metrics in results},
                                     **scalars(getattr(metric, 'summary', None) or {})})
            if self.images and isinstance(metric, COCOMetric):
                pictures = draw_validation_images(
                    self.model._eval_dataset, metric.results['bbox'], self.images,
                    self.model.cfg.get('image_maximum'))
                self._add(image, step, {f'validation/{name}': picture
                                        for name, picture in pictures.items()})

    def _add(self, make, step, values):
        if not self.recording:
            return
        path = os.path.join(self.folder, self.log)
        size = os.path.getsize(path) if os.path.exists(path) else 0
        try:
            with open(path, 'ab') as file:
                for tag, value in values.items():
                    _write(file, make, tag, value, step)
        except OSError as error:
            self.recording = False
            with contextlib.suppress(OSError):
                os.truncate(path, size)  # VisualDL cannot read a log after half a record
            logger.warning(f'cannot write {path} ({error.strerror or error}): from here on no '
                           f'curves are recorded; training continues')


def _write(file, make, tag, value, step):
    tag = tag.replace('%', '_')  # VisualDL refuses it, and class and file names may have it
    record = make(tag, value, step, round(time.time() * 1000))
    RecordWriter(file).write(record.SerializeToString())


def _begin_log(folder, run, earlier, done):
    """Begins a new log with the records of an earlier one until a number of steps.

    VisualDL shows only the last file of a folder. The earlier log stays as it was: a server may be
    reading it. The new one gets the name of a log when it is complete.

    Args:
        folder (str): of the log.
        run (str): name of the run, which becomes part of the file's name.
        earlier (str|None): file that the checkpoint's run wrote; where it is not in the folder,
            the run's last one takes its place.
        done (int): steps that the checkpoint has done; after 0 nothing is taken over.

    Returns:
        str: the new log's file, in the folder.

    Raises:
        OSError: it cannot be written.
    """
    os.makedirs(folder, exist_ok=True)
    names = os.listdir(folder)
    if earlier not in names:
        pattern = re.compile(rf'vdlrecords\.\d+\.{re.escape(run)}\.log')
        earlier = max(filter(pattern.fullmatch, names), default=None)
    second = int(time.time())
    while any(name.startswith(f'vdlrecords.{second}') for name in names):
        second += 1
    log = f'vdlrecords.{second}.{run}.log'
    partial = os.path.join(folder, f'.{run}.log.partial')  # a killed process leaves it to the next
    try:
        with open(partial, 'wb') as file:
            _write(file, meta_data, 'meta_data_tag', '', 0)
            if earlier and done:
                for record in _records_until(os.path.join(folder, earlier), done):
                    RecordWriter(file).write(record)
        os.rename(partial, os.path.join(folder, log))
    except OSError as error:
        raise OSError(f'cannot start the VisualDL log {folder}/{log}: {error}') from error
    return log


def _records_until(path, step):
    """Yields the records of a log, as bytes, up to a step."""
    for data in RecordReader(path).get_all():
        try:
            values = Record.FromString(data).values
        except DecodeError:
            return  # the last one, of a process that was killed while it wrote
        if values and values[0].id <= step:
            yield data
