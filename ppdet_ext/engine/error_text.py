# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""One line for an error that nobody expected."""
import os
import re
import traceback

__all__ = ['summary', 'place', 'is_ours']

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(PACKAGE)
OURS = tuple(os.path.join(ROOT, folder, '') for folder in (os.path.basename(PACKAGE), 'tools'))


def summary(error):
    """str: kind and first line of an error's text; without a text, the line that raised it."""
    text = str(error).strip() or _frames(error)[-1].line
    return f'{type(error).__name__}: {text.splitlines()[0]}'


def place(error):
    """str: ``file:line`` that raised an error, and where from our code it was reached."""
    frames = _frames(error)
    ours = [frame for frame in frames if frame.filename.startswith(OURS)]
    if not ours or ours[-1] is frames[-1]:
        return _position(frames[-1])
    return f'{_position(frames[-1])}, which was reached from {_position(ours[-1])}'


def is_ours(error):
    """bool: whether a file of this project raised the error itself."""
    return _frames(error)[-1].filename.startswith(OURS)


def _frames(error):
    return traceback.extract_tb(error.__traceback__)


def _position(frame):
    name = re.sub(r'.*/(site-packages|python3\.\d+)/', '', frame.filename)
    return f'{os.path.relpath(name, ROOT) if name.startswith(ROOT) else name}:{frame.lineno}'
