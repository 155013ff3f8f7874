# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Values of the flags that the tools for data sets share."""
import argparse
import codecs
import os
import re

from ..utils.command_line import positive
from ..utils.text import clean_name
from .check import check_coco_folder, read_class_names
from .overview import describe_overview, write_overview

__all__ = ['add_check_flags', 'class_names', 'encoding', 'pattern', 'run_check']


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


def add_check_flags(parser):
    """Adds the flags of a check to a tool's parser."""
    parser.add_argument('--check', action='store_true',
                        help='check the data set in --output, and show what is in it')
    parser.add_argument('--check_dir', '--check-dir',
                        help='where --check writes its JSON and pictures (default: beside '
                             'the data set, <output>-check)')
    parser.add_argument('--input_size', '--input-size', type=positive,
                        help='with --check: sizes of boxes where images are resized to N pixels')
    parser.add_argument('--font', help='with --check: font file for the names in pictures')


def run_check(flags, group_by=None):
    """Checks the prepared data set in ``--output``, prints and draws what it holds.

    Raises:
        ValueError: it has faults, which are printed.
    """
    folder = flags.output
    counts, faults = check_coco_folder(folder)
    if faults:
        print(*faults, sep='\n')
        raise ValueError(f'{folder}: {len(faults)} faults, listed above; correct them, or '
                         f'prepare the data set again')
    # Not in the data set, which may be the source of another.
    check_dir = flags.check_dir or f'{os.path.abspath(folder)}-check'
    result, paths = write_overview(folder, check_dir, group_by, flags.input_size, flags.font)
    print(describe_overview(result))
    numbers = ', '.join(f'{split} {images} images {boxes} boxes'
                        for split, (images, boxes) in counts.items())
    print(f'ok: {numbers}; see {", ".join(paths)}')
