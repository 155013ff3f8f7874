# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Prepares NEU-DET for training; tools/prepare_data.py takes any other data set."""

import checkout  # noqa: F401

from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.data.neu_det import prepare
from ppdet_ext.data.tool_flags import add_data_flags, parse_data_flags, run_data_tool
from ppdet_ext.utils import command_line


def parse_args(argv):
    parser = command_line.plain_parser(__doc__)
    add_data_flags(parser, 'VOC XML files')
    parser.add_argument('--classes', default=NEU_DET_CLASSES,
                        help='own class names, a,b,c or a file with one name per line '
                             '(default: the six of NEU-DET)')
    return parse_data_flags(parser, argv)


def run_prepare(flags):
    report = prepare(flags.source, flags.output, flags.classes, flags.seed, flags.skip_invalid,
                     flags.overwrite, flags.box_origin)
    return f'{report}written to {flags.output}'


def main(argv):
    run_data_tool(parse_args(argv), run_prepare)
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
