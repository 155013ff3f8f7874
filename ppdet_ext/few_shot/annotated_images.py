# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The images of a prepared data set with the names of their objects' classes."""
import os
from typing import NamedTuple

from ..data.coco import SPLITS
from ..data.coco_file import read_sound_coco

__all__ = ['Image', 'box_key', 'check_overlap', 'is_object', 'read_coco', 'read_dataset']


class Image(NamedTuple):
    """A COCO image record and its annotations, each with ``class_name``."""
    record: dict
    boxes: list

    @property
    def name(self):
        return self.record['file_name']


def read_dataset(dataset_dir):
    """Returns the images of each part, ``{'train': [Image ...] ...}``, the class names, and what
    the data set says of itself."""
    parts, names, description = {}, None, None
    for part in SPLITS:
        path = os.path.join(dataset_dir, 'annotations', f'{part}.json')
        parts[part], part_names, info = read_coco(path)
        names = names or part_names
        description = description or info.get('description')
        if part_names != names:
            raise ValueError(f'{path} has the classes {part_names}, but train.json has {names}; '
                             'prepare the data set again')
    check_overlap(parts, dataset_dir)
    return parts, names, description


def read_coco(path):
    """Returns the images of a COCO file, its class names in the order of their ids, its info."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist; prepare the data set with '
                                'tools/prepare_data.py (NEU-DET: tools/prepare_neu_det.py), or '
                                'correct the path')
    try:
        content = read_sound_coco(path)
    except ValueError as error:
        raise ValueError(f'{error}; correct it, tools/prepare_data.py --check --output FOLDER '
                         'lists the faults of a data set') from error
    names = {category['id']: category['name'] for category in content.categories}
    images = {record['id']: Image(record, []) for record in content.images}
    for box in content.annotations:
        images[box['image_id']].boxes.append({**box, 'class_name': names[box['category_id']]})
    return list(images.values()), [names[number] for number in sorted(names)], content.info


def check_overlap(parts, where):
    """Raises ValueError if an image, by name, is in two parts; ``where`` names them in it."""
    seen, twice = {}, []
    for part, images in parts.items():
        for image in images:
            if image.name in seen:
                twice.append(f'{image.name} is in {seen[image.name]} and in {part}')
            seen[image.name] = part
    if twice:
        raise ValueError(f'{where}: {len(twice)} images appear twice, first {twice[0]}; a '
                         'test on training images shows nothing: put each image into one part only')


def is_object(box):
    """bool: whether an annotation counts as labelled."""
    return not box.get('iscrowd') and not box.get('ignore')


def box_key(image, box):
    """tuple: identifies a box within the data set."""
    return image.name, box['id']
