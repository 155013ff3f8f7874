# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Makes partly labelled sets of a COCO data set: images with labels, and a list of the others."""
import os

import checkout  # noqa: F401

from ppdet_ext.data.partly_labelled import (
    FOLDER,
    make_partly_labelled,
    table,
    write_partly_labelled,
)
from ppdet_ext.utils import command_line


def parse_args(args):
    parser = command_line.plain_parser(__doc__)
    parser.add_argument('--dataset_dir', '--dataset-dir', required=True,
                        help='data set as tools/prepare_data.py writes it')
    parser.add_argument('--annotations', default='annotations/train.json',
                        help='its annotation file to divide (default: annotations/train.json)')
    parser.add_argument('--fraction', type=float, nargs='+', default=[0.1],
                        help='share of the images that keep their labels (default: 0.1)')
    parser.add_argument('--seed', type=int, nargs='+', default=[0],
                        help='seed of the choice; several are allowed (default: 0)')
    parser.add_argument('--output', help=f'folder to write (default: {FOLDER} in the data set)')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace files that hold other sets')
    return parser.parse_args(args)


def main(args):
    flags = parse_args(args)
    output = flags.output or os.path.join(flags.dataset_dir, FOLDER)
    sets = make_partly_labelled(os.path.join(flags.dataset_dir, flags.annotations),
                                flags.fraction, flags.seed)
    write_partly_labelled(output, sets, flags.overwrite)
    print(f'{table(sets)}\nwritten to {output}')
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
