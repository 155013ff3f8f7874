# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads one YAML file and says what is wrong with it."""
import difflib
import os

import yaml

__all__ = ['read_yaml', 'near_match']


def read_yaml(path):
    """Reads one YAML file as ppdet does, without its ``_BASE_`` files.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a YAML mapping; the message names file and line.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'config file not found: {path}')
    try:
        with open(path, encoding='utf-8') as f:
            # ppdet's !Tag constructors are registered with this loader.
            content = yaml.load(f, Loader=yaml.Loader)
    except yaml.YAMLError as error:
        raise ValueError(f'{path} is no valid YAML: {error}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected "key: value" sections, got {type(content).__name__}')
    return content


def near_match(name, known):
    """str: ' (did you mean "x"?)' or nothing."""
    near = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f' (did you mean "{near[0]}"?)' if near else ''
