# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What a run was started with, kept beside its results."""
import datetime
import os
import platform
import re

import paddle
import ppdet

import ppdet_ext

from ..utils.files import write_json
from ..utils.run_records import record_path

__all__ = ['keep_command', 'machine']


def keep_command(folder, tool, argv, **facts):
    """Writes ``<tool>_command.json``: what was run, when and with what; the first process only.

    Args:
        folder (str): where to write it; created if missing.
        tool (str): ``train`` or ``eval``.
        argv (list of str): its arguments.
        **facts: what else a reader of the results should know.
    """
    if paddle.distributed.get_rank() != 0:
        return
    os.makedirs(folder, exist_ok=True)
    versions = {module.__name__: module.__version__ for module in (paddle, ppdet, ppdet_ext)}
    write_json(record_path(folder, tool), {
        'commands': [[tool, *argv]], 'date': datetime.datetime.now().isoformat(' ', 'minutes'),
        'versions': {'python': platform.python_version(), **versions}, 'machine': machine(),
        **facts})


def machine():
    """str: the processor and its number of cores, and the GPU, if one is used."""
    processor = platform.machine()
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            found = re.search(r'model name\s*: (.+)', file.read())
        processor = found.group(1) if found else processor
    text = f'{os.cpu_count()} cores of {processor}'
    if paddle.device.get_device().startswith('gpu'):
        text = f'{paddle.device.cuda.get_device_name()}, {text}'
    return text
