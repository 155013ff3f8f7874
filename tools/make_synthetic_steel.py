# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Draws a synthetic data set of rolled steel with the six NEU-DET defect classes, in COCO."""
import checkout  # noqa: F401

from ppdet_ext.data.synthetic_steel import make_synthetic_steel
from ppdet_ext.utils import command_line


def parse_args(args):
    parser = command_line.plain_parser(__doc__)
    parser.add_argument('--output', required=True, help='folder to write')
    parser.add_argument('--images_per_class', '--images-per-class', type=int, default=300,
                        help='images of each class, 10 or more (default: 300, as in NEU-DET)')
    parser.add_argument('--sound', type=int, default=0,
                        help='images of steel without defects (default: 0)')
    parser.add_argument('--seed', type=int, default=0,
                        help='same seed, same images (default: 0)')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace an existing data set')
    return parser.parse_args(args)


def main(args):
    flags = parse_args(args)
    counts = make_synthetic_steel(flags.output, flags.images_per_class, flags.seed,
                                  flags.overwrite, flags.sound)
    numbers = ', '.join(f'{split} {count}' for split, count in counts.items())
    print(f'synthetic images: {numbers}\nwritten to {flags.output}')
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
