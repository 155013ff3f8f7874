# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Prepares labelled images (VOC, YOLO, labelme or COCO) for training, and checks the result."""
import os

import checkout  # noqa: F401

from ppdet_ext.data.formats import FORMATS, SourceOptions
from ppdet_ext.data.prepare import PrepareOptions, prepare_data
from ppdet_ext.data.tool_flags import (
    add_data_flags,
    encoding,
    parse_data_flags,
    pattern,
    run_data_tool,
)
from ppdet_ext.utils import command_line


def parse_args(argv):
    parser = command_line.plain_parser(__doc__)
    add_data_flags(parser, 'labels')
    parser.add_argument('--format', choices=('auto', *FORMATS), default='auto',
                        help='format of the labels (default: auto, detected from the files)')
    parser.add_argument('--classes',
                        help='class names in their order, a,b,c or a file with one name per line '
                             '(default: as the source states it)')
    parser.add_argument('--unlabelled', choices=('refuse', 'sound'), default='refuse',
                        help='images without labels are a fault, or show no defect '
                             '(default: refuse)')
    parser.add_argument('--split', choices=('keep', 'new'), default='keep',
                        help='keep the source\'s division into train and val, or draw a new one '
                             '(default: keep)')
    parser.add_argument('--group_by', '--group-by', type=pattern,
                        help='regular expression for the part of a name, such as a coil, whose '
                             'images stay in one split')
    parser.add_argument('--encoding', type=encoding,
                        help='encoding of text files, such as gb18030 (default: UTF-8)')
    parser.add_argument('--config', help='YAML of a detector, to be written for this data set')
    parser.add_argument('--slim_config', help='YAML of a distillation, to be written for this '
                        'data set with its teacher')
    flags = parse_data_flags(parser, argv)
    if flags.input_size and not (flags.check or flags.config or flags.slim_config):
        parser.error('--input_size has no effect without --check, --config or --slim_config')
    return flags


def run_prepare(flags):
    reading = SourceOptions(flags.classes, flags.box_origin, flags.unlabelled == 'sound',
                            flags.encoding)
    options = PrepareOptions(flags.format, flags.seed, flags.split, flags.group_by,
                             flags.skip_invalid, flags.overwrite, flags.config,
                             flags.slim_config, flags.input_size)
    report, configs = prepare_data(flags.source, flags.output, reading, options)
    return ' '.join([f'{report}written:', os.path.join(flags.output, 'dataset.yml'), *configs])


def main(argv):
    flags = parse_args(argv)
    run_data_tool(flags, run_prepare, flags.group_by)
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
