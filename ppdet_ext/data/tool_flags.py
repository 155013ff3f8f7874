# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Values of the flags that the tools for data sets share."""
import argparse
import codecs
import os
import re

from ..utils.text import clean_name
from .check import check_coco_folder, read_class_names

__all__ = ['class_names', 'encoding', 'pattern', 'run_check']


def class_names(text):
    """tuple of str: the names of ``a,b,c``, or of a file with one name a line."""
    try:
        if os.path.isfile(text) or text.endswith('.txt'):
            return tuple(read_class_names(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    names = tuple(map(clean_name, re.split('[,\uff0c]', text)))  # or a Chinese comma
    if '' in names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f'expected different names a,b,c, got "{text}"')
    return names


def encoding(text):
    """str: the name of an encoding."""
    try:
        return codecs.lookup(text).name
    except LookupError as error:
        raise argparse.ArgumentTypeError(
            f'unknown encoding "{text}", expected utf-8, gb18030, utf-16 ...') from error


def pattern(text):
    """str: a regular expression."""
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f'"{text}" is not a regular expression ({error})'
                                         ) from error
    return text


def run_check(folder, group_by=None):
    """Checks a prepared data set and prints what it holds.

    Raises:
        ValueError: it has faults, which are printed.
    """
    counts, faults = check_coco_folder(folder)
    if faults:
        print(*faults, sep='\n')
        raise ValueError(f'{folder}: {len(faults)} faults, listed above; correct them, or '
                         f'prepare the data set anew')
    numbers = ', '.join(f'{split} {images} images {boxes} boxes'
                        for split, (images, boxes) in counts.items())
    print(f'ok: {numbers}')
