# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The splits of NEU-DET that the authors of DKAN published, from a folder or an archive."""
import glob
import os
from collections import Counter, defaultdict

from ..safe_io.archive import unpacked
from .annotated_images import box_key, check_overlap, read_coco

__all__ = ['authors_choices']


def authors_choices(path, parts, class_names, sizes):
    """Reads the published splits of NEU-DET.

    Returns:
        tuple: the parts train and test, and the keys of the chosen boxes of each size.
    """
    images = {image.name: image for part in parts.values() for image in part}
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} does not exist, expected the authors' splits")
    with unpacked(path) as folder:
        found = sorted(glob.glob(os.path.join(folder, '**', 'trainval.json'), recursive=True))
        if not found:
            raise FileNotFoundError(f'{path}: holds no trainval.json; expected the folder or '
                                    "archive with the authors' splits")
        folder = os.path.dirname(found[0])
        parts = {'train': _prepared_images(folder, 'trainval.json', images),
                 'test': _prepared_images(folder, 'test.json', images)}
        check_overlap(parts, path)
        keys = defaultdict(list)  # NEU-DET has some boxes twice
        for image in parts['train']:
            for box in image.boxes:
                # The authors' x, y count from 1, and their sides lack the last pixel.
                x, y, width, height = box['bbox']
                theirs = x + 1, y + 1, width - 1, height - 1
                keys[(image.name, box['class_name'], theirs)].append(box_key(image, box))
        return parts, {size: {key for name in class_names
                              for key in _authors_boxes(folder, name, *size, keys)}
                       for size in sizes}


def _prepared_images(folder, name, images):
    listed, *_ = read_coco(os.path.join(folder, name))
    unknown = [image.name for image in listed if image.name not in images]
    if unknown:
        raise ValueError(f'{name}: {len(unknown)} of {len(listed)} images are not in the prepared '
                         f'data set, first {unknown[0]}; prepare it from the whole NEU-DET')
    return [images[image.name] for image in listed]


def _authors_boxes(folder, class_name, shots, seed, keys):
    """Yields the keys of the boxes that the authors chose for a class."""
    name = os.path.join('fewshot-split', str(seed),
                        f'{seed}seed_{shots}shot_{class_name}_trainval.json')
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the authors' splits hold no {name}; they have seeds 1 to 9 and "
                                '1, 2, 3, 5, 10 and 30 shots of the classes of NEU-DET')
    boxes = Counter((image.name, class_name, tuple(box['bbox']))
                    for image in read_coco(path)[0] for box in image.boxes)
    for box, times in boxes.items():
        if len(keys.get(box, ())) < times:
            raise ValueError(f'{name}: {list(box[2])} in {box[0]} is not a box of class '
                             f'"{class_name}" of a training image of the prepared data set; '
                             'prepare it from the whole NEU-DET with --box-origin 1')
        yield from keys[box][:times]
