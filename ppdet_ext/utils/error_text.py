# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Describes an unexpected error in one line."""
import os
import re
import traceback

__all__ = ['summary', 'place', 'is_ours']

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(PACKAGE)
LIBRARY = re.compile(r'.*/((site|dist)-packages|lib(64)?/python3\.\d+)/')


def summary(error):
    """str: kind and first line of an error's text; without a text, the line that raised it, or the
    line's position where there is no source."""
    raised = _frames(error)[-1]
    text = str(error).strip() or raised.line or _position(raised)
    return f'{type(error).__name__}: {text.splitlines()[0]}'


def place(error):
    """str: ``file:line`` that raised an error, and from where outside libraries it was reached."""
    frames = _frames(error)
    ours = [frame for frame in frames if not _is_library(frame)]
    if not ours or ours[-1] is frames[-1]:
        return _position(frames[-1])
    return f'{_position(frames[-1])}, which was reached from {_position(ours[-1])}'


def is_ours(error):
    """bool: whether this project, or a script beside it, raised the error itself."""
    return not _is_library(_frames(error)[-1])


def _frames(error):
    return traceback.extract_tb(error.__traceback__)


def _is_library(frame):
    path = frame.filename  # of compiled code it is not a path
    return not os.path.isabs(path) or (bool(LIBRARY.match(path)) and not path.startswith(PACKAGE))


def _position(frame):
    path = frame.filename
    path = os.path.relpath(path, ROOT) if path.startswith(ROOT) else path
    return f'{LIBRARY.sub("", path)}:{frame.lineno}'
