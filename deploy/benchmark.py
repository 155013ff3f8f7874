# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Measures how fast exported models are on this computer, in every runtime that is installed.

python -m deploy.benchmark --model_dir output_inference/student output_inference/teacher \
    --image_dir images
"""
import argparse
import json
import sys
import time

import numpy as np

from .detector import Detector
from .results import find_images, read_image
from .runtimes import RUNTIMES

STAGES = ('preprocessing', 'network', 'postprocessing')
WARM_UP = 5  # images


def measure(detector, images, repeats):
    """Times the stages of detecting, image by image.

    Args:
        detector (Detector): what is measured.
        images (list of ndarray): [h, w, 3] uint8 each.
        repeats (int): how often all images are seen.

    Returns:
        dict: by stage and ``whole``, ``median`` and ``p95`` in milliseconds; and ``processor``,
        the median of the processor's time for the whole, which other programs hardly change.
    """
    seconds = {name: [] for name in (*STAGES, 'whole', 'processor')}
    for image in images[:WARM_UP] + images * repeats:
        processor = time.process_time()
        times = [time.perf_counter()]
        inputs = detector.preprocess(image)
        times.append(time.perf_counter())
        outputs = detector.network(inputs)
        times.append(time.perf_counter())
        detector.postprocess(outputs, inputs['scale_factor'], image.shape)
        times.append(time.perf_counter())
        spent = (*np.diff(times), times[-1] - times[0], time.process_time() - processor)
        for name, value in zip(seconds, spent):
            seconds[name].append(value)
    measured = {name: 1000 * np.array(values[min(WARM_UP, len(images)):])
                for name, values in seconds.items()}
    processor = measured.pop('processor')
    return {**{name: {'median': round(float(np.median(values)), 3),
                      'p95': round(float(np.percentile(values, 95)), 3)}
               for name, values in measured.items()},
            'processor': round(float(np.median(processor)), 3)}


def benchmark(folders, images, threads, repeats):
    """Measures every model in every runtime that it was exported for and that is installed.

    Returns:
        list of dict: ``model``, ``runtime``, ``precision``, ``threads`` and what
        :func:`measure` returns.
    """
    figures = []
    for folder in folders:
        for runtime, kind in RUNTIMES.items():
            for precision in kind.precisions:
                for count in threads:
                    try:
                        detector = Detector(folder, runtime, precision, count)
                    except (ImportError, FileNotFoundError) as error:
                        print(f'without {runtime}: {error}', file=sys.stderr)
                        break
                    figures.append({'model': detector.card['name'], 'runtime': runtime,
                                    'precision': precision, 'threads': count,
                                    **measure(detector, images, repeats)})
    return figures


def table(figures):
    """str: the figures in milliseconds, as Markdown."""
    lines = ['| model | runtime | threads | preprocessing | network | postprocessing | whole | p95 '
             '| processor |', '|---' * 9 + '|']
    for row in figures:
        stages = ' | '.join(f'{row[name]["median"]:.2f}' for name in (*STAGES, 'whole'))
        lines.append(f'| {row["model"]} | {row["runtime"]}, {row["precision"]} | {row["threads"]} '
                     f'| {stages} | {row["whole"]["p95"]:.2f} | {row["processor"]:.2f} |')
    return '\n'.join(lines)


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model_dir', nargs='+', required=True, help='exported models')
    parser.add_argument('--image_dir', required=True, help='folder of images, 20 of which are used')
    parser.add_argument('--cpu_threads', nargs='+', type=int, default=[1], help='default: 1')
    parser.add_argument('--repeats', type=int, default=5,
                        help='how often each image is seen; default: %(default)s')
    parser.add_argument('--output', help='JSON file of the figures')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    paths = find_images(None, args.image_dir)
    images = [read_image(path) for path in paths[::max(1, len(paths) // 20)][:20]]
    figures = benchmark(args.model_dir, images, args.cpu_threads, args.repeats)
    print('milliseconds, median; processor: of the processor, whatever else it does')
    print(table(figures))
    if args.output:
        with open(args.output, 'w', encoding='utf-8') as f:
            json.dump(figures, f, indent=1)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')
