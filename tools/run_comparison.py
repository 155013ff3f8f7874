# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Trains and evaluates everything that a comparison names, and writes its tables.

The YAML names methods, schedules and seeds; docs/results has those of the published
results. Ctrl-C stops; the same command continues every training from its newest checkpoint.

  python tools/run_comparison.py docs/results/lite.yml --output output/comparison/lite --jobs 2

Written to --output: tables as <name of the YAML>.md and .json, a chart of several schedules, and a
folder for each method. Comparisons of the same detectors and schedules may share it, one after the
other: what one has trained is not trained again by the next.
"""
import os

import checkout

from ppdet_ext.engine import cli
from ppdet_ext.utils.folder_lock import experiment_folder


def parse_args(argv):
    parser = cli.plain_parser(__doc__)
    parser.add_argument('comparison', help='YAML of the comparison')
    parser.add_argument('--output', default='output/comparison',
                        help='folder of the comparison (default: output/comparison)')
    parser.add_argument('--jobs', type=cli.positive, default=1,
                        help='number of runs side by side, sharing the cores (default: 1)')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    checkout.load()
    from ppdet_ext.engine.comparison_runs import read_comparison, run_comparison

    comparison = read_comparison(args.comparison)
    with experiment_folder(args.output):
        tables = run_comparison(comparison, os.path.normpath(args.output), checkout.TOOLS,
                                args.jobs)
    print(f'{tables}\nwritten to {args.output}: {comparison.name}.md, {comparison.name}.json')
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
