# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checks a prepared data set: COCO JSONs, label list and images of one folder."""
import contextlib
import json
import math
import os
from collections import Counter
from typing import NamedTuple, Optional

from PIL import Image, ImageFile, ImageOps

from ..progress import progress
from .coco import SPLITS

__all__ = ['IMAGE_FORMATS', 'Fault', 'check_coco_folder', 'image_size', 'read_class_names']

# Whatever the file's name. Pillow knows more, and starts other programs for some of them.
IMAGE_FORMATS = ('BMP', 'JPEG', 'PNG', 'TIFF')


class Fault(NamedTuple):
    """One thing wrong in a data set: where, and what."""
    file: str
    line: Optional[int]
    message: str

    def __str__(self):
        place = self.file if self.line is None else f'{self.file}:{self.line}'
        return f'{place}: {self.message}'


def image_size(path):
    """Decodes an image wholly and returns its (width, height) in pixels, EXIF rotation applied.

    Raises:
        ValueError: the file is no image, or is cut off.
        OSError: the file cannot be opened.
    """
    with open(path, 'rb') as f, _strict_decoding():
        try:
            with Image.open(f, formats=IMAGE_FORMATS) as image:
                image.load()
                return ImageOps.exif_transpose(image).size
        except Exception as error:  # decoders raise whatever the damage leads them to
            raise ValueError(f'unreadable image ({error})') from error


@contextlib.contextmanager
def _strict_decoding():
    """Makes half-copied files errors: PaddleDetection's trainer lets Pillow fill them up."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def read_class_names(path):
    """Reads a label list, one class name a line.

    Raises:
        ValueError: no name, an empty line between names, or a name that occurs twice.
    """
    with open(path, encoding='utf-8-sig') as f:
        names = [line.strip() for line in f.read().rstrip().splitlines()]
    if not names or '' in names or len(set(names)) < len(names):
        raise ValueError(f'{path}: expected different class names, one a line, got {names}')
    return names


def check_coco_folder(folder):
    """Checks what ``tools/prepare_neu_det.py`` wrote, or anything of the same form.

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
    class_names = _checked_class_names(folder, faults)
    for split in SPLITS:
        file = os.path.join('annotations', f'{split}.json')
        content = _load(folder, file, faults)
        if content is None:
            continue
        counts[split] = len(content['images']), len(content['annotations'])
        messages = [
            *_category_messages(content['categories'], class_names),
            *_image_messages(content['images'], os.path.join(folder, 'images'), split),
            *_box_messages(content),
            *_overlap_messages(content['images'], split, seen),
        ]
        faults += [Fault(file, None, message) for message in messages]
    return counts, faults


def _checked_class_names(folder, faults):
    try:
        return read_class_names(os.path.join(folder, 'label_list.txt'))
    except (OSError, ValueError) as error:
        faults.append(Fault('label_list.txt', None, f'cannot be read: {error}'))
        return None


# What the checks below rely on.
_FIELDS = {
    'images': {'id': int, 'file_name': str, 'width': int, 'height': int},
    'annotations': {'id': int, 'image_id': int, 'category_id': int, 'bbox': list},
    'categories': {'id': int, 'name': str},
}


def _load(folder, file, faults):
    """Returns the COCO dictionary without its malformed records, or None if nothing is usable."""
    try:
        with open(os.path.join(folder, file), encoding='utf-8') as f:
            content = json.load(f)
    except (OSError, ValueError) as error:
        faults.append(Fault(file, None, f'cannot be read: {error}'))
        return None
    if not isinstance(content, dict):
        faults.append(Fault(file, None, 'expected a COCO dictionary'))
        return None
    return {key: _sound_records(content.get(key), key, file, faults) for key in _FIELDS}


def _sound_records(records, key, file, faults):
    if not isinstance(records, list):
        faults.append(Fault(file, None, f'expected a list "{key}"'))
        return []
    sound = []
    for position, record in enumerate(records):
        bad = [name for name, kind in _FIELDS[key].items()
               if not isinstance(record, dict) or not isinstance(record.get(name), kind)]
        if bad:
            faults.append(Fault(file, None, f'{key}[{position}]: missing or malformed '
                                            f'{", ".join(bad)}'))
        else:
            sound.append(record)
    for number, times in Counter(record['id'] for record in sound).items():
        if times > 1:
            faults.append(Fault(file, None, f'{key}: id {number} occurs {times} times'))
    return sound


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


def _box_messages(content):
    images = {image['id']: image for image in content['images']}
    categories = {category['id'] for category in content['categories']}
    for annotation in content['annotations']:
        where = f'annotation {annotation["id"]}'
        if annotation['category_id'] not in categories:
            yield f'{where}: unknown category_id {annotation["category_id"]}'
        image = images.get(annotation['image_id'])
        if image is None:
            yield f'{where}: unknown image_id {annotation["image_id"]}'
            continue
        problem = _box_problem(annotation['bbox'], image['width'], image['height'])
        if problem:
            yield f'{where} of {image["file_name"]}: {problem}'


def _box_problem(bbox, width, height, tolerance=1e-6):
    """Returns what is wrong with ``bbox`` = [x, y, width, height] in pixels, or None."""
    if len(bbox) != 4 or not all(_is_number(value) for value in bbox):
        return f'bbox {bbox} is not four numbers'
    x, y, w, h = bbox
    if w <= 0 or h <= 0:
        return f'bbox {bbox} has no positive size'
    if min(x, y) < -tolerance or x + w > width + tolerance or y + h > height + tolerance:
        return f'bbox {bbox} is not inside the image of {width}x{height}'
    return None


def _is_number(value):
    return isinstance(value, (int, float)) and math.isfinite(value)


def _overlap_messages(images, split, seen):
    for image in images:
        name = image['file_name']
        if name in seen:
            yield f'image {name} is also in {seen[name]}'
        seen[name] = split
