# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Four images whose figures can be computed by hand, as files of a data set and of runs.

Image 0: a scratch and a patch; image 1: two scratches side by side; image 2: a patch; image 3:
sound. Boxes are 10 x 10 pixels, 100 apart, so that only those placed on each other overlap.
"""
import copy
import json

import numpy as np
from PIL import Image

from ppdet_ext.report.matching import make_detections, read_truth

NAMES = ['scratch', 'patch']
BOXES = [(0, 1, 0), (0, 2, 100), (1, 1, 0), (1, 1, 100), (2, 2, 0)]  # image, class, x


def content(boxes=BOXES, names=NAMES, images=4, info=None):
    """A COCO annotation file of images of 200 x 100 pixels."""
    return {
        'info': info or {},
        'images': [{'id': k + 10, 'file_name': f'{k}.png', 'width': 200, 'height': 100}
                   for k in range(images)],
        'categories': [{'id': k + 1, 'name': name} for k, name in enumerate(names)],
        'annotations': [{'id': k, 'image_id': image + 10, 'category_id': kind,
                         'bbox': [x, 0, 10, 10], 'area': 100, 'iscrowd': 0}
                        for k, (image, kind, x) in enumerate(boxes)]}


def detection(image, kind, x, score, width=10):
    return {'image_id': image + 10, 'category_id': kind, 'bbox': [x, 0, width, 10],
            'score': score}


# Scores falling; what each of them is.
DETECTIONS = [
    detection(0, 1, 0, 0.9),  # finds the scratch
    detection(1, 1, 0, 0.8),  # finds a scratch
    detection(1, 1, 1, 0.7),  # double: the same scratch, IoU 9 / 11
    detection(2, 2, 0, 0.6),  # finds the patch
    detection(0, 1, 100, 0.5),  # class: the patch, taken for a scratch
    detection(1, 1, 106, 0.4),  # place: the other scratch, IoU 4 / 16
    detection(3, 2, 50, 0.3),  # background
    detection(2, 1, 6, 0.2),  # both: the patch, taken for a scratch, IoU 4 / 16
    detection(0, 2, 100, 0.1),  # finds the patch
]


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding='utf-8')
    return str(path)


def truth_of(folder, **changes):
    return read_truth(write_json(folder / 'truth.json', content(**changes)))


def detections_of(truth, records=DETECTIONS):
    return make_detections(records, truth, 'bbox.json')


def random_set(folder, seed, images=25, classes=3):
    """Truth and detections around it, many of which are wrong in all ways."""
    rng = np.random.default_rng(seed)
    boxes, found = [], []
    for image in range(images):
        for _ in range(rng.integers(0, 5)):
            kind, (x, y), (w, h) = 1 + rng.integers(classes), rng.uniform(0, 60, 2), rng.uniform(
                10, 40, 2)
            boxes.append((image, kind, [x, y, w, h]))
            for _ in range(rng.integers(0, 4)):
                shift = rng.normal(0, 6, 4)
                label = kind if rng.random() < 0.7 else 1 + rng.integers(classes)
                found.append((image, label, [x + shift[0], y + shift[1], w + abs(shift[2]),
                                             h + abs(shift[3])]))
        found += [(image, 1 + rng.integers(classes), [*rng.uniform(0, 60, 2), 15, 15])
                  for _ in range(rng.integers(0, 3))]
    coco = content([], [f'class{k}' for k in range(classes)], images)
    coco['annotations'] = [{'id': k + 1, 'image_id': image + 10, 'category_id': int(kind),
                            'bbox': box, 'area': box[2] * box[3], 'iscrowd': 0}
                           for k, (image, kind, box) in enumerate(boxes)]
    scores = rng.permutation(len(found)) / len(found)
    records = [{'image_id': image + 10, 'category_id': int(kind), 'bbox': list(map(float, box)),
                'score': float(score)} for (image, kind, box), score in zip(found, scores)]
    path = write_json(folder / 'random.json', coco)
    return read_truth(path), records


def write_images(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(4):
        Image.new('L', (200, 100), 60 + 40 * k).save(folder / f'{k}.png')


def write_run(folder, records, seed=0, sets=('validation', 'test'), truth=None, train=()):
    """A finished run with evaluations, as tools/run_comparison.py leaves it.

    Args:
        folder (pathlib.Path): of the run.
        records (list of dict): its detections in each set.
        seed (int): of the training.
        sets (tuple of str): that it was evaluated on.
        truth (dict): annotation file; by default of the four images.
        train (tuple of str): further arguments of the training.
    """
    import paddle

    from ppdet_ext.metrics import evaluate_boxes

    data = folder.parents[1] / 'data'
    write_images(data / 'images')
    commands = [['train', '-c', 'configs/nano/retinanet_nano_s_neu_det.yml', *train, '-o',
                 f'seed={seed}', f'EvalDataset.dataset_dir={data}']]
    for name in sets:
        own = copy.deepcopy(truth or content())
        for record in own['images'] if name == 'validation' else ():
            record['file_name'] = f'validation_{record["file_name"]}'
        path = write_json(folder.parent / f'{folder.name}_{name}.json', own)
        write_json(folder / name / 'bbox.json', records)
        write_json(folder / name / 'metrics.json', evaluate_boxes(path, records))
        commands.append(['eval', '--output_eval', f'elsewhere/{name}', '-o',
                         f'EvalDataset.anno_path={path}'])
    write_json(folder / 'run.json', {'commands': commands, 'seconds': 7200})
    weights = {'conv.weight': paddle.ones([10, 5]), 'norm._mean': paddle.ones([5])}
    paddle.save(weights, str(folder / 'best_model.pdparams'))
    return str(folder)
