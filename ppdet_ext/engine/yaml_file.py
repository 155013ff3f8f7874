# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads one YAML file and says what is wrong with it."""
import difflib
import os

from ..compat.plain_yaml import load_yaml

__all__ = ['read_yaml', 'near_match']


def read_yaml(path):
    """Reads one YAML file as ppdet does, without its ``_BASE_`` files.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a YAML mapping, or a tag that is refused; the message names file and line.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'config file not found: {path}')
    with open(path, encoding='utf-8') as f:
        content = load_yaml(f)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected "key: value" sections, got {type(content).__name__}')
    return content


def near_match(name, known):
    """str: ' (did you mean "x"?)' or nothing."""
    near = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f' (did you mean "{near[0]}"?)' if near else ''
