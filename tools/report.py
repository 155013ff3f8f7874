# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reports how trained models do on the test images: whether distillation helped, and what a line
would see at which score threshold.

  python tools/report.py --teacher RUN --student RUN --distilled RUN [RUN ...] --output DIR
  python tools/report.py --auto FOLDER --output DIR
  python tools/report.py --model RUN --output DIR

A run is the folder written by tools/train.py, or a folder of such folders, one per seed. Thresholds
are chosen on the validation images and reported on the test images. Missing evaluations are made
by tools/eval.py. Written to DIR: report.html, one self-contained file, report.md, report.json,
pictures/, and the thresholds of each model for tools/infer.py --thresholds.
"""
import argparse
import os

import checkout

from ppdet_ext.report.words import LANGUAGES
from ppdet_ext.utils import command_line

ROLES = {'teacher': 'the teacher', 'student': 'the student trained alone',
         'distilled': 'the distilled student', 'model': 'any model, without a comparison'}


def parse_args(argv):
    parser = command_line.plain_parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for role, meaning in ROLES.items():
        parser.add_argument(f'--{role}', nargs='+', default=[], metavar='RUN',
                            help=f'runs of {meaning}')
    parser.add_argument('--auto', metavar='FOLDER',
                        help='find the runs in a folder and infer their roles from how they were '
                        'trained')
    parser.add_argument('--output', required=True, help='folder of the report')
    parser.add_argument('--language', choices=LANGUAGES, default='en',
                        help='language of the report (default: en)')
    rule = parser.add_mutually_exclusive_group()
    rule.add_argument('--false_alarms', type=command_line.not_negative,
                      help='choose thresholds with at most this many false alarms per image '
                      '(default: 0.5)')
    rule.add_argument('--miss', type=command_line.fraction,
                      help='choose thresholds that miss at most this fraction of the defects, such '
                      'as 0.02')
    parser.add_argument('--cost_of_escape', type=command_line.not_negative, default=10.0,
                        help='cost of a defective image that passes (default: 10)')
    parser.add_argument('--cost_of_overkill', type=command_line.not_negative, default=1.0,
                        help='cost of a sound image that is rejected (default: 1)')
    parser.add_argument('--dataset_dir',
                        help='folder of the data set (default: the one recorded by the runs)')
    parser.add_argument('--validation', help='annotation file of the validation images (default: '
                        'annotations/val.json of the data set)')
    parser.add_argument('--test', help='annotation file of the test images (default: '
                        'annotations/test.json of the data set)')
    parser.add_argument('--pictures', type=command_line.positive, default=4,
                        help='images per group, such as most helped or most hurt (default: 4)')
    parser.add_argument('--measure', action='store_true',
                        help='measure time, FLOPs and memory of runs without such measurements')
    args = parser.parse_args(argv)
    named = any(getattr(args, role) for role in ROLES)
    if named == bool(args.auto):
        parser.error('name the runs, either by --teacher, --student, --distilled, --model or by '
                     '--auto FOLDER')
    if args.false_alarms is None and args.miss is None:
        args.false_alarms = 0.5
    return args


def main(argv):
    args = parse_args(argv)
    from ppdet_ext.report.content import Settings
    from ppdet_ext.report.operating_points import Rule
    from ppdet_ext.report.page import write_report
    from ppdet_ext.report.runs import find_roles, find_runs

    folders = find_roles(args.auto) if args.auto else {role: getattr(args, role) for role in ROLES}
    runs = [run for role in ROLES for run in find_runs(role, folders.get(role, ()))]
    files = {name: path for name, path in (('validation', args.validation), ('test', args.test))
             if path}
    settings = Settings(Rule(args.false_alarms, args.miss), args.cost_of_escape,
                        args.cost_of_overkill)
    verdict = write_report(runs, files, args.dataset_dir, settings, args.output, checkout.TOOLS,
                           args.language, args.pictures, args.measure)
    print(f'{verdict}\nwritten to {args.output}: {os.path.join(args.output, "report.html")}, '
          f'report.md, report.json')
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
