# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Times a distillation step against the sum of its parts and against paddledet's own FGD."""
import tempfile

import checkout

from ppdet_ext.engine import cli
from ppdet_ext.utils.files import write_json

ROWS = ('student', 'teacher', 'terms', 'whole', 'paddledet FGD')

MINIMUM = {'batch_size': 1, 'image_size': 32, 'boxes': 1, 'steps': 1, 'warmup': 0}


def parse_args(argv):
    parser = cli.ArgumentParser()
    parser.add_argument('--slim_config', required=True, help='YAML of the distillation')
    parser.add_argument('--batch_size', type=int, default=8,
                        help='images per step (default: 8)')
    parser.add_argument('--image_size', type=int, default=128,
                        help='side of the images in pixels (default: 128)')
    parser.add_argument('--boxes', type=int, default=10, help='boxes per image (default: 10)')
    parser.add_argument('--steps', type=int, default=20, help='timed rounds (default: 20)')
    parser.add_argument('--warmup', type=int, default=3,
                        help='untimed rounds before them (default: 3)')
    parser.add_argument('--output', help='write the measurements to this JSON file')
    args = parser.parse_args(argv)
    for name, minimum in MINIMUM.items():
        if getattr(args, name) < minimum:
            parser.error(f'--{name} is an integer from {minimum}, got {getattr(args, name)}')
    return args


def main(argv):
    args = parse_args(argv)
    checkout.load()
    from ppdet_ext.config.load import load_run_config
    from ppdet_ext.engine import benchmark
    from ppdet_ext.slim import build_slim_model, read_slim_config

    cli.log_versions()
    slim = read_slim_config(args.slim_config)
    with tempfile.TemporaryDirectory() as folder:
        cfg = load_run_config(args.config, {
            **args.opt, 'pretrain_weights': None,
            'teacher_weights': benchmark.random_teacher(args.slim_config, folder)}, slim)
        benchmark.check_targets(cfg)
        inputs = benchmark.synthetic_batch(cfg.num_classes, args.batch_size, args.image_size,
                                           args.boxes)
        figures = benchmark.measure_pair(cfg, slim, build_slim_model, inputs, args.steps,
                                         args.warmup)
    print(f'{"part":16}{"ms per step":>12}{"peak MB":>10}')
    for name in (row for row in ROWS if row in figures):
        print(f'{name:16}{1000 * figures[name]["seconds"]:12.1f}'
              f'{figures[name]["megabytes"]:10.0f}')
    print(f'whole step / (student + teacher + terms) = {figures["ratio"]:.3f}')
    if figures['ratio_to_fgd'] is not None:
        print(f'whole step / paddledet FGD = {figures["ratio_to_fgd"]:.3f}')
    if args.output:
        write_json(args.output, figures)
    return 0


if __name__ == '__main__':
    cli.run_tool(main)
