# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Measures how fast exported models are on this computer, in every runtime that is installed.

python -m deploy.benchmark --model_dir output_inference/student output_inference/teacher \
    --image_dir images
"""
import argparse
import json
import multiprocessing
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np

from .card import read_card
from .detector import Detector
from .flags import positive
from .images import find_images, read_image
from .runtimes import RUNTIMES

STAGES = ('preprocessing', 'network', 'postprocessing')
WARM_UP = 5  # images
IMAGES = 20
UNITS = ('milliseconds per image, medians; p95: of the whole; processor: its time for the whole, '
         'whatever else it does')


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


def measure_alone(folder, runtime, precision, threads, paths, repeats):
    """Measures a model in a process of its own, since runtimes share threads and memory.

    Args:
        folder (str): of the exported model.
        runtime (type): one of the values of ``RUNTIMES``, or a class like them.
        precision (str): what it computes in.
        threads (int): of the processor.
        paths (list of str): the images.
        repeats (int): how often all images are seen.

    Returns:
        dict: what :func:`measure` returns, and ``memory``, the peak of the process in megabytes,
        None where the system does not say.

    Raises:
        FileNotFoundError: the folder was exported without what the runtime reads.
        ImportError: the runtime is not installed.
    """
    before = dict(os.environ)
    os.environ['OMP_NUM_THREADS'] = str(threads)  # read when a runtime is imported
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
            return pool.submit(_measure_here, folder, runtime, precision, threads, paths,
                               repeats).result()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _measure_here(folder, runtime, precision, threads, paths, repeats):
    cv2.setNumThreads(threads)
    detector = Detector(folder, runtime, precision, threads)
    maximum = detector.card.get('image_maximum')
    measurements = measure(detector, [read_image(path, maximum) for path in paths], repeats)
    return {**measurements, 'memory': _peak_megabytes()}


def _peak_megabytes():
    """float or None: the most memory that this process has had."""
    if not os.path.exists('/proc/self/status'):
        return None
    with open('/proc/self/status', encoding='ascii') as f:
        return round(int(re.search(r'VmHWM:\s+(\d+)', f.read()).group(1)) / 1024, 1)


def benchmark(folders, paths, threads, repeats, runtimes=None, bfloat16=False):
    """Measures every model in every runtime that it was exported for and that is installed.

    Args:
        folders (list of str): of exported models.
        paths (list of str): images.
        threads (list of int): numbers of threads to measure with.
        repeats (int): how often all images are seen.
        runtimes (iterable of type or None): None for those of ``RUNTIMES``.
        bfloat16 (bool): measure bfloat16 too.

    Returns:
        dict: ``models``, by folder, with ``name``, ``parameters`` and ``flops``; and
        ``measurements``, a list of dict: ``folder``, ``runtime``, ``precision``, ``threads``,
        ``file``, megabytes of what the runtime reads, and what :func:`measure_alone` returns.
    """
    models = {folder: {key: read_card(folder).get(key)
                       for key in ('name', 'parameters', 'flops')} for folder in folders}
    measurements = []
    for folder in folders:
        for runtime in runtimes or RUNTIMES.values():
            for precision in runtime.precisions:
                if bfloat16 or precision != 'bfloat16':
                    measurements += _measured(folder, runtime, precision, threads, paths, repeats)
    return {'models': models, 'measurements': measurements}


def _measured(folder, runtime, precision, threads, paths, repeats):
    """list of dict: a model in one runtime and precision, by the number of threads."""
    found = []
    for count in threads:
        print(f'measuring {folder}: {runtime.name}, {precision}, threads: {count}', flush=True)
        try:
            measured = measure_alone(folder, runtime, precision, count, paths, repeats)
        except (ImportError, FileNotFoundError) as error:
            print(f'left out: {error}', file=sys.stderr)
            break
        size = sum(os.path.getsize(path) for path in runtime.files(folder, precision))
        found.append({'folder': folder, 'runtime': runtime.name, 'precision': precision,
                      'threads': count, 'file': round(size / 1e6, 2), **measured})
    return found


def tables(results):
    """str: what :func:`benchmark` returns, with ``map`` where it was measured, as Markdown."""
    models, measurements = results['models'], results['measurements']
    lines = ['| model | parameters, million | GFLOPs |', '|---' * 3 + '|']
    for model in models.values():
        lines.append(f'| {model["name"]} | {_number(model["parameters"], 1e6)} '
                     f'| {_number(model["flops"], 1e9)} |')
    lines += ['', '| model | runtime | threads | mAP | preprocessing | network | postprocessing '
              '| whole | p95 | processor | file, MB | memory, MB |', '|---' * 12 + '|']
    for row in measurements:
        stages = ' | '.join(f'{row[name]["median"]:.2f}' for name in (*STAGES, 'whole'))
        lines.append(f'| {models[row["folder"]]["name"]} | {row["runtime"]}, {row["precision"]} '
                     f'| {row["threads"]} | {_number(row.get("map"))} | {stages} '
                     f'| {row["whole"]["p95"]:.2f} | {row["processor"]:.2f} | {row["file"]:.2f} '
                     f'| {_number(row["memory"])} |')
    return '\n'.join(lines)


def _number(value, unit=1):
    return '-' if value is None else f'{value / unit:.2f}'


def add_arguments(parser):
    """Adds what is measured and how to a command line."""
    parser.add_argument('--model_dir', nargs='+', required=True, help='exported models')
    parser.add_argument('--image_dir', required=True,
                        help=f'folder of images, {IMAGES} of which are used')
    parser.add_argument('--cpu_threads', nargs='+', type=positive, default=[1, 2],
                        help='default: 1 2')
    parser.add_argument('--repeats', type=positive, default=5,
                        help='how often each image is seen; default: %(default)s')
    parser.add_argument('--bfloat16', action='store_true', help='OpenVINO in bfloat16 too')


def chosen_images(paths):
    """list of str: those that are measured on, spread over all."""
    count = min(IMAGES, len(paths))
    return [paths[k * len(paths) // count] for k in range(count)]


def main(argv):
    parser = argparse.ArgumentParser(prog=f'python -m {__package__}.benchmark', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument('--output', help='JSON file for the measurements')
    args = parser.parse_args(argv)
    paths = chosen_images(find_images(None, args.image_dir))
    results = benchmark(args.model_dir, paths, args.cpu_threads, args.repeats,
                        bfloat16=args.bfloat16)
    print(UNITS)
    print(tables(results))
    if args.output:
        with open(args.output, 'w', encoding='utf-8') as f:
            json.dump(results, f, indent=1)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
