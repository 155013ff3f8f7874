# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Importing paddle and ppdet is silent.

Defect: paddlepaddle 3.3.1 warns that ``ccache`` is missing, a compiler's tool
that running a model never needs; ppdet prints twice that ``numba`` is missing,
which only its object tracking uses.

Patch: these messages, and no others, are left out of the two imports.
"""
import contextlib
import importlib
import io
import logging
import sys
import warnings

from .postponed_imports import postponed


def import_paddle():
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='No ccache found')
        importlib.import_module('paddle')


def import_ppdet():
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), postponed():
            importlib.import_module('ppdet')
    finally:
        _log_to_stdout(printed)
        for line in printed.getvalue().splitlines():
            if 'Unable to use numba' not in line:
                print(line)


def _log_to_stdout(stream):
    """Hand ppdet's loggers, created during the import, the real standard output."""
    for logger in logging.root.manager.loggerDict.values():
        for handler in getattr(logger, 'handlers', ()):
            if getattr(handler, 'stream', None) is stream:
                handler.setStream(sys.stdout)
