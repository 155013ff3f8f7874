# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Prepares NEU-DET for training; tools/prepare_data.py takes any other data set."""

import checkout  # noqa: F401

from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.data.neu_det import prepare
from ppdet_ext.data.prepare import InvalidDataError
from ppdet_ext.data.tool_flags import add_check_flags, class_names, run_check
from ppdet_ext.utils import command_line


def parse_args(args):
    parser = command_line.plain_parser(__doc__)
    parser.add_argument('--source', help='folder, .zip or .tar(.gz) with images and VOC XML files')
    parser.add_argument('--output', required=True, help='folder to write, or to check')
    parser.add_argument('--seed', type=int, default=0, help='of the split (default: 0)')
    parser.add_argument('--classes', type=class_names, default=NEU_DET_CLASSES,
                        help='own class names, a,b,c or a file with one name a line '
                             '(default: the six of NEU-DET)')
    parser.add_argument('--box_origin', '--box-origin', type=int, choices=(1, 0), default=1,
                        help='number of the first pixel in the XML files (default: 1, as in VOC)')
    parser.add_argument('--skip_invalid', '--skip-invalid', action='store_true',
                        help='leave faulty images and boxes out and go on')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace a data set that was prepared before')
    add_check_flags(parser)
    flags = parser.parse_args(args)
    if not flags.source and not flags.check:
        parser.error('give --source to prepare a data set, or --check to check one')
    return flags


def run_prepare(flags):
    try:
        report = prepare(flags.source, flags.output, flags.classes, flags.seed,
                         flags.skip_invalid, flags.overwrite, flags.box_origin)
    except InvalidDataError as error:
        print(*error.faults, sep='\n')
        raise
    print(report, end='')
    print(f'written to {flags.output}')


def main(args):
    flags = parse_args(args)
    if flags.source:
        run_prepare(flags)
    if flags.check:
        run_check(flags)
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
