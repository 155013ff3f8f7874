# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Prepares labelled images (VOC, YOLO, labelme or COCO) for training, and checks what came out."""
import os

import checkout  # noqa: F401

from ppdet_ext.data.formats import FORMATS, SourceOptions
from ppdet_ext.data.prepare import InvalidDataError, PrepareOptions, prepare_data
from ppdet_ext.data.tool_flags import (
    add_check_flags,
    class_names,
    encoding,
    pattern,
    run_check,
)
from ppdet_ext.utils import command_line


def parse_args(args):
    parser = command_line.plain_parser(__doc__)
    parser.add_argument('--source', help='folder, .zip or .tar(.gz) with images and labels')
    parser.add_argument('--output', required=True, help='folder to write, or to check')
    parser.add_argument('--format', choices=('auto', *FORMATS), default='auto',
                        help='of the labels (default: auto, which finds it)')
    parser.add_argument('--classes', type=class_names,
                        help='class names in their order, a,b,c or a file with one name a line '
                             '(default: as the source states it)')
    parser.add_argument('--unlabelled', choices=('refuse', 'sound'), default='refuse',
                        help='images without labels are a fault, or show no defect '
                             '(default: refuse)')
    parser.add_argument('--split', choices=('keep', 'new'), default='keep',
                        help='keep a division into train and val that the source has, or draw one '
                             '(default: keep)')
    parser.add_argument('--group_by', '--group-by', type=pattern,
                        help='regular expression for the part of a name, such as a coil, whose '
                             'images stay in one split')
    parser.add_argument('--seed', type=int, default=0, help='of the split (default: 0)')
    parser.add_argument('--box_origin', '--box-origin', type=int, choices=(1, 0), default=1,
                        help='number of the first pixel in VOC files (default: 1)')
    parser.add_argument('--encoding', type=encoding,
                        help='of text files, such as gb18030 (default: UTF-8)')
    parser.add_argument('--config', help='YAML of a detector, to be written for this data set')
    parser.add_argument('--slim_config', help='YAML of a distillation, to be written for this '
                        'data set with its teacher')
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
    reading = SourceOptions(flags.classes, flags.box_origin, flags.unlabelled == 'sound',
                            flags.encoding)
    options = PrepareOptions(flags.format, flags.seed, flags.split, flags.group_by,
                             flags.skip_invalid, flags.overwrite, flags.config,
                             flags.slim_config)
    try:
        report, configs = prepare_data(flags.source, flags.output, reading, options)
    except InvalidDataError as error:
        print(*error.faults, sep='\n')
        raise
    print(report, end='')
    print('written:', os.path.join(flags.output, 'dataset.yml'), *configs)


def main(args):
    flags = parse_args(args)
    if flags.source:
        run_prepare(flags)
    if flags.check:
        run_check(flags, flags.group_by)
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
