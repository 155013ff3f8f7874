# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads the curves of a training run from its VisualDL log or its console output."""
import glob
import os
import re

__all__ = ['read_curves']

STEP = re.compile(r'Epoch: \[(\d+)\] \[ *(\d+)/(\d+)\] (.*?) eta:')
VALUE = re.compile(r'(\S+): (\S+)')
METRICS = re.compile(r'\| (\d\.\d+) +\| (\d\.\d+) +\| \d\.\d+')  # mAP, AP50, AP75 ...
LOSS = re.compile(r'loss|distill')


def read_curves(run):
    """Reads what was recorded while a run was trained.

    Args:
        run (Run): with ``vdlrecords.*.log`` in its folder, or, of its name, in the folder that its
            training names, or with ``train.log``.

    Returns:
        dict of str to dict: of each loss term, and of ``mAP`` and ``AP50``, the values by the
        number of steps done. Empty where nothing was recorded.
    """
    own, shared = glob.escape(run.folder), glob.escape(run.record.get('vdl_log_dir') or '')
    name = glob.escape(os.path.basename(os.path.abspath(run.folder)))
    patterns = [os.path.join(own, 'vdlrecords.*.log'), os.path.join(own, '*', 'vdlrecords.*.log'),
                *([os.path.join(shared, f'vdlrecords.*.{name}.log')] if shared else [])]
    logs = [path for pattern in patterns for path in glob.glob(pattern)]
    if logs:
        return _from_visualdl(max(logs, key=os.path.getmtime))
    path = os.path.join(run.folder, 'train.log')
    return _from_text(path) if os.path.isfile(path) else {}


def _from_visualdl(path):
    # Imported here, since few runs have a log and VisualDL takes a while to import.
    from visualdl.proto.record_pb2 import Record
    from visualdl.reader.record_reader import RecordReader

    curves = {}
    for data in RecordReader(path).get_all():
        for value in Record.FromString(data).values:
            if value.WhichOneof('one_value') != 'value':
                continue
            tag = value.tag.replace('evaluation/', '')
            if LOSS.search(tag) or tag in ('mAP', 'AP50'):
                curves.setdefault(tag, {})[value.id] = value.value
    return curves


def _from_text(path):
    curves, done = {}, 0
    with open(path, encoding='utf-8', errors='replace') as file:
        for line in file:
            step, metrics = STEP.search(line), METRICS.match(line)
            if step:
                epoch, number, steps = map(int, step.groups()[:3])
                done = (epoch + 1) * steps  # when the evaluation comes that may follow
                for name, value in VALUE.findall(step.group(4)):
                    if LOSS.search(name):
                        curves.setdefault(name, {})[epoch * steps + number + 1] = float(value)
            elif metrics:
                for name, value in zip(('mAP', 'AP50'), metrics.groups()):
                    curves.setdefault(name, {})[done] = float(value)
    return curves
