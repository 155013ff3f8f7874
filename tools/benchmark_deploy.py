# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Measures size, speed and accuracy of exported models: eager, and in every runtime.

  python tools/benchmark_deploy.py --model_dir output_inference/TEACHER output_inference/STUDENT
      --image_dir data/NEU-DET-COCO/images --anno_path data/NEU-DET-COCO/annotations/val.json

Written to --output_dir: benchmark.md, benchmark.json and, with --anno_path, benchmark.png.
"""
import argparse
import os
import sys

# Not checkout: every measurement is a process of its own, which begins with importing this file.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from deploy import benchmark  # noqa: E402
from deploy.images import find_images  # noqa: E402


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    benchmark.add_arguments(parser)
    parser.add_argument('--anno_path', help='COCO annotations of images of --image_dir; the mAP is '
                        'measured on all of them, the speed on some')
    parser.add_argument('--no_eager', action='store_true', help='leave eager Paddle out')
    parser.add_argument('--output_dir', default='output/benchmark', help='default: %(default)s')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    from ppdet_ext.deploy.accuracy import labelled_images
    from ppdet_ext.deploy.speed import add_accuracy, draw
    from ppdet_ext.engine.command_record import machine
    from ppdet_ext.engine.eager_runtime import EagerPaddle

    paths = (labelled_images(args.model_dir, args.anno_path, args.image_dir) if args.anno_path
             else find_images(None, args.image_dir))
    runtimes = [*([] if args.no_eager else [EagerPaddle]), *benchmark.RUNTIMES.values()]
    os.makedirs(args.output_dir, exist_ok=True)
    results = benchmark.benchmark(args.model_dir, benchmark.chosen_images(paths), args.cpu_threads,
                                  args.repeats, runtimes, args.bfloat16)
    results['machine'] = machine()
    text = write(results, args.output_dir)
    if args.anno_path:
        add_accuracy(results, runtimes, args.anno_path, args.image_dir)
        draw(results).savefig(os.path.join(args.output_dir, 'benchmark.png'), dpi=150)
        text = write(results, args.output_dir)
    print(f'\n{text}\nwritten to {args.output_dir}')
    return 0


def write(results, folder):
    """str: the text of ``benchmark.md``, which is written with ``benchmark.json``."""
    from ppdet_ext.utils.files import write_json, write_text

    text = f'{results["machine"]}; {benchmark.UNITS}\n\n{benchmark.tables(results)}\n'
    write_text(os.path.join(folder, 'benchmark.md'), text)
    write_json(os.path.join(folder, 'benchmark.json'), results)
    return text


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        sys.exit(f'error: {error}')
