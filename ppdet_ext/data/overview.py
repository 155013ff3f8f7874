# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Shows the content of a prepared data set, and problems, not faults, that may spoil a run."""
import hashlib
import math
import os
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np
from terminaltables import AsciiTable

from ..safe_io.safe_yaml import load_yaml
from ..utils.files import open_text, write_json
from ..utils.progress import progress
from ..utils.text import counted
from .coco import SPLITS
from .coco_file import read_coco
from .images import open_rgb, own_maximum
from .input_size import FINEST_STRIDE, MOST_SMALL, Resizing
from .overview_pictures import draw_overview, draw_samples
from .prepare import groups_apart

__all__ = ['LEAST_BOXES', 'STRIDES', 'ShownImage', 'describe_overview', 'overview',
           'write_overview']

# Boxes of a class; with fewer its AP says little, and hardly anything is learned.
LEAST_BOXES = {'train': 50, 'val': 10}
STRIDES = (4, 8, 16, 32, 64, 128)  # of the levels of usual detectors, in pixels of their input
SHOWN = 5  # names in a line


class ShownImage(NamedTuple):
    """An image of the data set with its boxes, (class name, x, y, width, height) in pixels."""
    split: str
    name: str
    width: int
    height: int
    boxes: list


def read_images(folder):
    """tuple: names of the classes, and a list of ShownImage; the data set has no faults."""
    images, names = [], []
    for split in SPLITS:
        content = read_coco(os.path.join(folder, 'annotations', f'{split}.json'))
        classes = {c['id']: c['name'] for c in content.categories}
        names = [classes[k] for k in sorted(classes)]
        boxes = defaultdict(list)
        for box in content.annotations:
            boxes[box['image_id']].append((classes[box['category_id']], *box['bbox']))
        images += [ShownImage(split, i['file_name'], i['width'], i['height'], boxes[i['id']])
                   for i in content.images]
    return names, images


def overview(folder, names, images, group_by=None, input_size=None):
    """Counts what a data set holds.

    Args:
        folder (str): of the data set.
        names (list of str): of the classes.
        images (list of ShownImage): all images.
        group_by (str or None): regular expression that finds the part of an image in its name.
        input_size (int or None): pixels of both sides after the reader's resizing, which stretches
            images as the smaller configs' does; None for the images as they are.

    Returns:
        dict: ``images``, ``sound_images`` and ``boxes`` by split, ``classes``: name to boxes by
        split, ``box_sides``: quantiles in pixels of the root of the area,
        ``boxes_below_stride``: fraction of the boxes whose shorter side is below each stride,
        ``identical_images``: lists of ``split/name`` of the same image, ``groups_apart``: group
        to its splits, ``warnings``: what of this may spoil a training.
    """
    splits = tuple(SPLITS)
    counts = Counter((image.split, box[0]) for image in images for box in image.boxes)
    resizing = Resizing(input_size, keep_ratio=False) if input_size else None
    sides = []
    for image in images:
        across, down = resizing.scales(image.width, image.height) if resizing else (1, 1)
        sides += [(math.sqrt(across * w * down * h), min(across * w, down * h))
                  for _, _, _, w, h in image.boxes]
    result = {
        'input_size': input_size,
        'images': {s: sum(i.split == s for i in images) for s in splits},
        'sound_images': {s: sum(i.split == s and not i.boxes for i in images) for s in splits},
        'boxes': {s: sum(len(i.boxes) for i in images if i.split == s) for s in splits},
        'classes': {name: {s: counts[s, name] for s in splits} for name in names},
        'box_sides': {f'{part}%': round(float(np.percentile([side for side, _ in sides], part)), 1)
                      for part in (5, 25, 50, 75, 95)} if sides else {},
        'boxes_below_stride': {stride: round(sum(short < stride for _, short in sides) /
                                             len(sides), 4) for stride in STRIDES} if sides else {},
        'identical_images': _identical(folder, images),
        'groups_apart': groups_apart(((image.name, image.split) for image in images),
                                     group_by) if group_by else {},
    }
    result['warnings'] = list(_warnings(result))
    return result


def _identical(folder, images):
    """list of list of str: split/name of images that show the same pixels."""
    same = defaultdict(list)
    for image in progress(images, 'comparing'):
        pixels = np.asarray(open_rgb(_path(folder, image), own_maximum(_path(folder, image))))
        same[pixels.shape, hashlib.sha256(pixels.tobytes()).digest()].append(
            f'{image.split}/{image.name}')
    return [names for names in same.values() if len(names) > 1]


def _path(folder, image):
    return os.path.join(folder, 'images', *image.name.split('/'))


def _warnings(result):
    for split, least in LEAST_BOXES.items():
        few = [f'{name} {counts[split]}' for name, counts in result['classes'].items()
               if counts[split] < least]
        if few:
            yield (f'{split}: fewer than {least} boxes of {", ".join(few)}; label more, or learn '
                   f'these classes from few examples (docs/dkan.md)')
    apart = [names for names in result['identical_images']
             if len({name.split('/')[0] for name in names}) > 1]
    if apart:
        yield (f'{counted(len(apart), "image")} in several splits under several names, so that '
               f'evaluation sees images of the training: {_some(" = ".join(n) for n in apart)}; '
               f'remove all but one of each')
    within = len(result['identical_images']) - len(apart)
    if within:
        yield f'{counted(within, "image")} more than once in one split'
    if result['groups_apart']:
        yield (f'{counted(len(result["groups_apart"]), "group")} in several splits: '
               f'{_some(result["groups_apart"])}; prepare the data with --split new --group-by')
    small = result['boxes_below_stride'].get(FINEST_STRIDE, 0)
    if small > MOST_SMALL:
        yield (f'{small:.0%} of the boxes have a side below {FINEST_STRIDE} pixels, the stride '
               f'of the finest level of most detectors; let the reader make larger images, or cut '
               f'them into tiles')


def _some(names):
    names = list(names)
    return ', '.join(names[:SHOWN]) + (' ...' if len(names) > SHOWN else '')


def describe_overview(result):
    """str: the tables and warnings of :func:`overview`."""
    splits = tuple(SPLITS)
    rows = [['boxes', *splits, 'all']]
    rows += [[name, *counts.values(), sum(counts.values())]
             for name, counts in result['classes'].items()]
    for title, key in (('all boxes', 'boxes'), ('images', 'images'),
                       ('of these sound', 'sound_images')):
        rows.append([title, *result[key].values(), sum(result[key].values())])
    scale = f' at {result["input_size"]} pixels' if result['input_size'] else ''
    sides = [[f'side of boxes{scale}', *result['box_sides']],
             ['pixels', *result['box_sides'].values()]]
    below = [[f'shorter side{scale} below', *result['boxes_below_stride']],
             ['boxes', *(f'{part:.1%}' for part in result['boxes_below_stride'].values())]]
    tables = [AsciiTable(table).table for table in (rows, sides, below)]
    return '\n'.join([*tables, *(f'warning: {text}' for text in result['warnings'])])


def write_overview(folder, output, group_by=None, input_size=None, font=None):
    """Writes ``overview.json``, ``overview.png`` and ``samples.png``.

    Args:
        folder (str): of a data set without faults.
        output (str): folder of the three files.
        group_by, input_size: as for :func:`overview`.
        font (str or None): file of the font for names; None for one of the system.

    Returns:
        tuple: the overview and the paths.
    """
    names, images = read_images(folder)
    result = overview(folder, names, images, group_by, input_size)
    maximum = max((own_maximum(_path(folder, image)) or 0 for image in images), default=0)
    if maximum and not _set_maximum(folder):
        result['warnings'].append(f'the images have 16 bits per channel, with values up to '
                                  f'{maximum}: set image_maximum: {maximum} in the config')
    os.makedirs(output, exist_ok=True)
    paths = [os.path.join(output, name) for name in ('overview.json', 'overview.png',
                                                     'samples.png')]
    write_json(paths[0], result)
    draw_overview(result, paths[1], font)
    draw_samples(names, images, lambda image: open_rgb(
        _path(folder, image), _set_maximum(folder) or own_maximum(_path(folder, image))),
        paths[2], font)
    return result, paths


def _set_maximum(folder):
    """int or None: image_maximum of the data set."""
    path = os.path.join(folder, 'dataset.yml')
    if not os.path.isfile(path):
        return None
    content = load_yaml(open_text(path))
    return content.get('image_maximum') if isinstance(content, dict) else None
