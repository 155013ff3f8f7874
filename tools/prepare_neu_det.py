# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Prepares NEU-DET, or other defect data with Pascal VOC annotations, for training."""
import argparse
import os

import checkout  # noqa: F401

from ppdet_ext.data.check import check_coco_folder, read_class_names
from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.data.neu_det import InvalidDataError, prepare
from ppdet_ext.utils import command_line


def parse_args(args):
    parser = command_line.plain_parser(__doc__)
    parser.add_argument('--source', help='folder, .zip or .tar(.gz) with images and VOC XML files')
    parser.add_argument('--output', required=True, help='folder to write, or to check')
    parser.add_argument('--seed', type=int, default=0, help='of the split (default: 0)')
    parser.add_argument('--classes', type=_class_names, default=NEU_DET_CLASSES,
                        help='own class names, a,b,c or a file with one name a line '
                             '(default: the six of NEU-DET)')
    parser.add_argument('--box_origin', '--box-origin', type=int, choices=(1, 0), default=1,
                        help='number of the first pixel in the XML files (default: 1, as in VOC)')
    parser.add_argument('--skip_invalid', '--skip-invalid', action='store_true',
                        help='leave faulty images and boxes out and go on')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace a data set that was prepared before')
    parser.add_argument('--check', action='store_true',
                        help='check the prepared data set in --output')
    flags = parser.parse_args(args)
    if not flags.source and not flags.check:
        parser.error('give --source to prepare a data set, or --check to check one')
    return flags


def _class_names(text):
    try:
        if os.path.isfile(text) or text.endswith('.txt'):
            return tuple(read_class_names(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    names = tuple(name.strip() for name in text.split(','))
    if '' in names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f'expected different names a,b,c, got "{text}"')
    return names


def run_prepare(flags):
    try:
        report = prepare(flags.source, flags.output, flags.classes, flags.seed,
                         flags.skip_invalid, flags.overwrite, flags.box_origin)
    except InvalidDataError as error:
        print(*error.faults, sep='\n')
        raise
    print(report, end='')
    print(f'written to {flags.output}')


def run_check(folder):
    counts, faults = check_coco_folder(folder)
    if faults:
        print(*faults, sep='\n')
        raise ValueError(f'{folder}: {len(faults)} faults, listed above; correct them, or '
                         f'prepare the data set anew')
    numbers = ', '.join(f'{split} {images} images {boxes} boxes'
                        for split, (images, boxes) in counts.items())
    print(f'ok: {numbers}')


def main(args):
    flags = parse_args(args)
    if flags.source:
        run_prepare(flags)
    if flags.check:
        run_check(flags.output)
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
