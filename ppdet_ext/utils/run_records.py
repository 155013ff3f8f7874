# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Where the tools record what they were run with."""
import os

from .files import read_json

__all__ = ['read_record', 'record_path']


def record_path(folder, tool):
    """str: the file in which a tool, ``train`` or ``eval``, records its run in a folder."""
    return os.path.join(folder, f'{tool}_command.json')


def read_record(folder, tool):
    """dict: what a tool recorded in a folder; empty where it has not.

    Raises:
        ValueError: the file is not JSON.
        OSError: it cannot be read.
    """
    path = record_path(folder, tool)
    return read_json(path) if os.path.isfile(path) else {}
