# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Detects defects in images with an exported model, draws them and writes the results.

python -m deploy --model_dir output_inference/retinanet_nano_s_neu_det --image_dir images
"""
import argparse
import json
import os
import sys

from .coco import detect_labelled
from .detector import Detector
from .flags import boolean, fraction, positive
from .images import find_images, read_image
from .results import draw, drawn_names, records_of, save_image, save_records
from .runtimes import PRECISIONS, RUNTIMES
from .thresholds import keep_from, read_thresholds


def parse_args(argv):
    parser = argparse.ArgumentParser(prog=f'python -m {__package__}', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model_dir', required=True, help='folder of the exported model')
    parser.add_argument('--image_file', help='one image; takes precedence over --image_dir')
    parser.add_argument('--image_dir', help='folder of images')
    parser.add_argument('--anno_path', help='COCO annotations of the images in --image_dir: '
                        'only write the detections on them to bbox.json, for tools/eval.py '
                        '--json_eval')
    parser.add_argument('--runtime', choices=RUNTIMES, default='onnxruntime',
                        help='default: %(default)s')
    parser.add_argument('--precision', choices=PRECISIONS, default='float32',
                        help='bfloat16 with openvino, where the processor has it; int8 where the '
                        'model was exported with --int8; default: %(default)s')
    parser.add_argument('--cpu_threads', type=positive, default=1, help='default: %(default)s')
    parser.add_argument('--output_dir', default='output', help='default: %(default)s')
    parser.add_argument('--threshold', type=fraction, default=0.5,
                        help='lowest score drawn; default: %(default)s')
    parser.add_argument('--thresholds', help='JSON of a threshold for each class, as '
                        'tools/report.py writes it; boxes below it are left out everywhere')
    parser.add_argument('--save_images', type=boolean, default=True,
                        help='draw the images; default: true')
    parser.add_argument('--font', help='font file for class names in drawings; default: for '
                        'names outside ASCII one of the system; needs Pillow, without which they '
                        'are numbered')
    parser.add_argument('--save_results', type=boolean, default=False,
                        help='write every box to results.json and results.csv; default: false')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    if args.anno_path:
        write_detections(args)
        return
    images = find_images(args.image_file, args.image_dir)
    drawings = {path: os.path.join(args.output_dir, os.path.basename(path)) for path in images}
    if args.save_images:
        for path, drawing in drawings.items():
            if os.path.exists(drawing) and os.path.samefile(path, drawing):
                raise ValueError(f'--output_dir {args.output_dir}: the drawing would replace '
                                 f'{path}; give another folder')
    detector = Detector(args.model_dir, args.runtime, args.precision, args.cpu_threads)
    limits = read_thresholds(args.thresholds, detector.classes) if args.thresholds else None
    threshold = 0.0 if args.thresholds else args.threshold
    maximum = detector.card.get('image_maximum')
    for path in images:
        read_image(path, maximum)  # an error ends before anything is written
    names, font = drawn_names(detector.classes, args.font) if args.save_images else ([], None)
    os.makedirs(args.output_dir, exist_ok=True)
    records, found = [], 0
    for path, drawing in drawings.items():
        image = read_image(path, maximum)
        boxes = detector.detect(image)
        if limits is not None:
            boxes = keep_from(boxes, limits)
        records += records_of(path, boxes, detector.classes)
        found += int((boxes[:, 1] >= threshold).sum())
        if args.save_images:
            draw(image, boxes, names, detector.card['colors'], threshold, font)
            save_image(image, drawing)
    if args.save_images:
        print(f'drawn images: {args.output_dir}')
    if args.save_results:
        print('results:', *save_records(records, args.output_dir))
    words = 'the threshold of their class' if args.thresholds else f'{threshold:g}'
    print(f'{found} of {len(records)} boxes at or above {words} on {len(images)} images')


def write_detections(args):
    """Writes COCO results of the images that ``--anno_path`` lists."""
    if not args.image_dir:
        raise ValueError('--anno_path: give the folder of its images with --image_dir')
    detector = Detector(args.model_dir, args.runtime, args.precision, args.cpu_threads)
    found = detect_labelled(detector, args.anno_path, args.image_dir)
    os.makedirs(args.output_dir, exist_ok=True)
    path = os.path.join(args.output_dir, 'bbox.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(found, f)
    print(f'{len(found)} boxes: {path}\nevaluate them: python tools/eval.py -c CONFIG --json_eval '
          f'--output_eval {args.output_dir}')


if __name__ == '__main__':
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a character must not fail work that is done.
        stream.reconfigure(errors='backslashreplace')
    try:
        main(sys.argv[1:])
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        sys.exit(f'error: {error}')
