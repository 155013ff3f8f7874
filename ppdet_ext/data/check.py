# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checks a prepared data set: COCO JSONs, label list and images of one folder."""
import os
import re

from ..utils.progress import progress
from .coco import SPLITS
from .coco_file import read_coco, takes_part
from .images import image_size
from .records import Fault
from .voc_list import label_lines

__all__ = ['check_coco_folder', 'read_class_names']


def read_class_names(path, encoding=None):
    """Reads a label list, one class name per line.

    Args:
        path (str): of the list.
        encoding (str or None): None for UTF-8.

    Raises:
        ValueError: not UTF-8 text, no name, all names on one line, an empty line between names,
            a name that appears twice, or numbers before the names.
    """
    names = label_lines(path, encoding)
    if len(names) == 1 and re.search('[,;\uff0c\uff1b\u3001]', names[0]):
        raise ValueError(f'{path}: expected one class name per line, got all on one, "{names[0]}"')
    if len(names) > 1 and any([_number_before(name) for name in names] == [
            *range(start, start + len(names))] for start in (0, 1)):
        raise ValueError(f'{path}: expected names only, got numbers before them, {names[:2]}; '
                         f'remove the numbers: the line is the number')
    if not names or '' in names or len(set(names)) < len(names):
        raise ValueError(f'{path}: expected different class names, one per line, got {names}')
    return names


def _number_before(name):
    """int or None: of "0: dent" and "0 dent"."""
    found = re.match(r'(\d+)\s*[:,=\s]\s*\S', name)
    return int(found.group(1)) if found else None


def check_coco_folder(folder):
    """Checks a data set as ``tools/prepare_data.py`` writes it.

    Args:
        folder (str): holds ``label_list.txt``, ``images/`` and ``annotations/{split}.json`` for
            every split of :data:`ppdet_ext.data.coco.SPLITS`.

    Returns:
        tuple: number of images and of boxes of each split, ``{split: (images, boxes)}``, and the
        list of :class:`Fault`, empty for a sound data set.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'{folder}: expected a folder with a prepared data set')
    counts, faults, seen = {}, [], {}
    class_names = None
    try:
        class_names = read_class_names(os.path.join(folder, 'label_list.txt'))
    except (OSError, ValueError) as error:
        faults.append(Fault('label_list.txt', None, f'cannot be read: {error}'))
    for split in SPLITS:
        file = os.path.join('annotations', f'{split}.json')
        try:
            content = read_coco(os.path.join(folder, file))
        except (OSError, ValueError) as error:
            faults.append(Fault(file, None, f'cannot be read: {error}'))
            continue
        counts[split] = len(content.images), len(content.annotations)
        messages = [
            *content.faults,
            *_part_messages(content, split),
            *_category_messages(content.categories, class_names),
            *_image_messages(content.images, os.path.join(folder, 'images'), split),
            *_box_messages(content),
            *_overlap_messages(content.images, split, seen),
        ]
        faults += [Fault(file, None, message) for message in messages]
    return counts, faults


def _part_messages(content, split):
    if not content.is_annotated:
        yield 'expected a list "annotations"'
    if split == 'train' and not content.faults and not any(map(takes_part, content.annotations)):
        yield 'has no box to learn'


def _category_messages(categories, class_names):
    names = [c['name'] for c in sorted(categories, key=lambda c: c['id'])]
    if class_names is not None and names != class_names:
        yield f'categories {names} differ from label_list.txt {class_names}'


def _image_messages(images, folder, split):
    for image in progress(images, f'checking {split}'):
        name, stated = image['file_name'], (image['width'], image['height'])
        try:
            size = image_size(os.path.join(folder, name))
        except (OSError, ValueError) as error:
            yield f'image {name}: {error}'
            continue
        if size != stated:
            yield f'image {name}: is {size[0]}x{size[1]}, stated as {stated[0]}x{stated[1]}'


def _box_messages(content, tolerance=1e-6):
    images = {image['id']: image for image in content.images}
    for annotation in content.annotations:
        image, bbox = images[annotation['image_id']], annotation['bbox']
        width, height = image['width'], image['height']
        place = f'annotation {annotation["id"]} of {image["file_name"]}'
        x, y, w, h = bbox
        if w == 0 or h == 0:
            yield f'{place}: bbox {bbox} has no positive size'
        elif min(x, y) < -tolerance or x + w > width + tolerance or y + h > height + tolerance:
            yield f'{place}: bbox {bbox} is not inside the image of {width}x{height}'


def _overlap_messages(images, split, seen):
    for image in images:
        name = image['file_name']
        if name in seen:
            yield f'image {name} is also in {seen[name]}'
        seen[name] = split
