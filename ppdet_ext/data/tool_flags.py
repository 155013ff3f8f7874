# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Values of the flags that the tools for data sets share."""
import argparse
import codecs
import os
import re

from ..utils.command_line import positive
from ..utils.text import clean_name, counted
from .check import check_coco_folder, read_class_names
from .overview import describe_overview, write_overview
from .prepare import InvalidDataError

__all__ = ['add_data_flags', 'class_names', 'encoding', 'parse_class_names', 'parse_data_flags',
           'pattern', 'run_data_tool']


def class_names(text, encoding=None):
    """Reads names of classes, as ``--classes`` gives them.

    Args:
        text (str): ``a,b,c``, or a file with one name per line.
        encoding (str or None): of the file; None for UTF-8.

    Returns:
        tuple of str: the names.

    Raises:
        ValueError: the file cannot be read, or the names are not all different.
    """
    if os.path.isfile(text):
        return tuple(read_class_names(text, encoding))
    if text.endswith('.txt'):
        raise ValueError(f'there is no file {text}')
    if re.search('[;\uff1b\u3001]', text):
        raise ValueError(f'expected commas between the names, got "{text}"')
    names = tuple(map(clean_name, re.split('[,\uff0c]', text)))  # or a Chinese comma
    if '' in names or len(set(names)) < len(names):
        raise ValueError(f'expected different names a,b,c, got "{text}"')
    return names


def parse_class_names(parser, flag, text, encoding=None):
    """tuple of str: as :func:`class_names`; exits with code 2 where it would raise."""
    try:
        return class_names(text, encoding)
    except (OSError, ValueError) as error:
        parser.error(f'argument {flag}: {error}')


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


def add_data_flags(parser, labels):
    """Adds the flags that all tools for data sets have.

    Args:
        parser (argparse.ArgumentParser): of the tool.
        labels (str): what ``--source`` holds besides images.
    """
    parser.add_argument('--source', help=f'folder, .zip or .tar(.gz) with images and {labels}')
    parser.add_argument('--output', required=True, help='folder to write, or to check')
    parser.add_argument('--seed', type=int, default=0, help='seed of the split (default: 0)')
    parser.add_argument('--box_origin', '--box-origin', type=int, choices=(1, 0), default=1,
                        help='number of the first pixel in VOC files (default: 1, as in VOC)')
    parser.add_argument('--skip_invalid', '--skip-invalid', action='store_true',
                        help='leave out faulty images and boxes')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace an existing data set')
    parser.add_argument('--check', action='store_true',
                        help='check the data set in --output, and show what is in it')
    parser.add_argument('--check_dir', '--check-dir',
                        help='where --check writes its JSON and pictures (default: beside '
                             'the data set, <output>-check)')
    parser.add_argument('--input_size', '--input-size', type=positive,
                        help='width and height in pixels to which images are resized, for the '
                             'boxes that --check shows and the YAMLs that are written')
    parser.add_argument('--font', help='with --check: font file for the names in pictures')


def parse_data_flags(parser, argv):
    """Parses the command line; exits with code 2 where there is nothing to do."""
    flags = parser.parse_args(argv)
    if isinstance(flags.classes, str):
        flags.classes = parse_class_names(parser, '--classes', flags.classes,
                                          getattr(flags, 'encoding', None))
    if not flags.source and not flags.check:
        parser.error('give --source to prepare a data set, or --check to check one')
    return flags


def run_data_tool(flags, prepare, group_by=None):
    """Prepares a data set, checks it, or both, and prints what was done.

    Args:
        flags (argparse.Namespace): the parsed command line.
        prepare (callable): prepares the data set and returns what to print.
        group_by (str or None): regular expression for the images that stay in one split.

    Raises:
        InvalidDataError: the source has faults, which are printed.
        ValueError: the data set that is checked has faults, which are printed.
    """
    if flags.source:
        try:
            print(prepare(flags))
        except InvalidDataError as error:
            print(*error.faults, sep='\n')
            raise
    if flags.check:
        _check(flags, group_by)


def _check(flags, group_by):
    """Checks the prepared data set in ``--output``, prints and draws what it holds.

    Raises:
        ValueError: it has faults, which are printed.
    """
    folder = flags.output
    counts, faults = check_coco_folder(folder)
    if faults:
        print(*faults, sep='\n')
        raise ValueError(f'{folder}: {counted(len(faults), "fault")}, listed above; correct the '
                         f'data set, or prepare it again')
    # Not inside the data set, which may be the source of another.
    check_dir = flags.check_dir or f'{os.path.abspath(folder)}-check'
    result, paths = write_overview(folder, check_dir, group_by, flags.input_size, flags.font)
    print(describe_overview(result))
    numbers = ', '.join(f'{split} {images} images {boxes} boxes'
                        for split, (images, boxes) in counts.items())
    print(f'ok: {numbers}; see {", ".join(paths)}')
