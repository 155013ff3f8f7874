# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Times distillation steps on synthetic images prepared by the training reader of the config.

With one slim YAML the step is timed against the sum of its parts and against paddledet's own FGD;
with several, the steps of all are timed in turn against the plain student's.
"""
import functools
import os
import tempfile

import checkout

from ppdet_ext.engine import cli
from ppdet_ext.utils.files import write_json

ROWS = ('student', 'teacher', 'terms', 'whole', 'paddledet FGD')


def parse_args(argv):
    parser = cli.ArgumentParser(description=__doc__)
    parser.add_argument('--slim_config', required=True, nargs='+', metavar='YAML',
                        help='YAMLs of distillations of this student')
    parser.add_argument('--batch_size', type=cli.positive,
                        help='images per step (default: as in TrainReader)')
    parser.add_argument('--boxes', type=cli.positive, default=10,
                        help='boxes per image (default: 10)')
    parser.add_argument('--steps', type=cli.positive, default=20,
                        help='timed rounds (default: 20)')
    parser.add_argument('--warmup', type=int, default=3,
                        help='untimed rounds before them (default: 3)')
    parser.add_argument('--output', help='write the measurements to this JSON file')
    args = parser.parse_args(argv)
    if args.warmup < 0:
        parser.error(f'--warmup must be an integer of at least 0, got {args.warmup}')
    if len(set(args.slim_config)) < len(args.slim_config):
        parser.error('--slim_config names a file twice')
    return args


def main(argv):
    args = parse_args(argv)
    checkout.load()
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.engine import benchmark
    from ppdet_ext.slim import build_slim_model, prepare_reader, read_slim_config

    cli.log_versions()
    options = dict(args.opt)
    if args.batch_size:
        options['TrainReader'] = {**args.opt.get('TrainReader', {}), 'batch_size': args.batch_size}
    slims = {path: read_slim_config(path) for path in args.slim_config}
    # Each batch has what all of them need.
    prepare = [functools.partial(prepare_reader, slim) for slim in slims.values() if slim]
    models = {}
    with tempfile.TemporaryDirectory() as folder:
        # DKAN refuses a student without weights.
        options['pretrain_weights'] = os.path.join(folder, 'student.pdparams')
        for path, slim in slims.items():
            options['teacher_weights'] = benchmark.random_teacher(path, folder)
            if slim is None:
                raise ValueError(f'{path} is built by PaddleDetection itself; give a slim YAML '
                                 f'with distill_losses')
            cfg = load_run_config(args.config, options, slim, prepare)
            benchmark.write_random_student(cfg)
            models[path] = build_slim_model(cfg, slim)['model']
        inputs = benchmark.training_batch(cfg, args.boxes)
        if len(models) == 1:
            measurements = benchmark.measure_pair(cfg, slim, models[path], inputs, args.steps,
                                             args.warmup)
            print_parts(measurements)
        else:
            measurements = benchmark.measure_methods(models, inputs, args.steps, args.warmup)
            print_methods(measurements)
    if args.output:
        write_json(args.output, measurements)
    return 0


def print_parts(measurements):
    print(f'{"part":16}{"ms per step":>12}{"peak MB":>10}')
    for name in (row for row in ROWS if row in measurements):
        print(f'{name:16}{1000 * measurements[name]["seconds"]:12.1f}'
              f'{measurements[name]["megabytes"]:10.0f}')
    print(f'whole step / (student + teacher + terms) = {measurements["ratio"]:.3f}')
    if measurements['ratio_to_fgd'] is not None:
        print(f'whole step / paddledet FGD = {measurements["ratio_to_fgd"]:.3f}')


def print_methods(measurements):
    names = {path: os.path.basename(path) for path in measurements}
    width = max(map(len, names.values())) + 2
    print(f'{"step of":{width}}{"ms":>10}{"CPU ms":>10}{"x student":>12}')
    for path, measurement in measurements.items():
        print(f'{names[path]:{width}}{1000 * measurement["seconds"]:10.1f}'
              f'{1000 * measurement["cpu_seconds"]:10.1f}{measurement["ratio_to_student"]:12.2f}')


if __name__ == '__main__':
    cli.run_tool(main)
