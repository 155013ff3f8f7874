# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads COCO annotation files and reports what PaddleDetection and pycocotools cannot read.

Whatever they would fail on, or silently misread, is a fault. A box without size is not: the reader
leaves it out with a warning.
"""
from collections import Counter
from reprlib import repr as short
from typing import NamedTuple

from ..utils.files import read_json

__all__ = ['CocoFile', 'category_names', 'check_coco', 'detection_fault', 'read_coco',
           'read_sound_coco', 'takes_part']

# Ids and coordinates become integers and floats of 64 bits.
LIMIT = 2**63
# Pixels; the reader leaves out boxes that are not larger.
LEAST_SIDE = 1e-5


class CocoFile(NamedTuple):
    """The sound records of a COCO annotation file, and what is wrong with the others.

    Attributes:
        images, categories, annotations (list of dict): the records; no annotations of images or
            categories with faults.
        info (dict): the file's ``info``.
        is_annotated (bool): whether it has ``annotations``, even an empty list.
        faults (list of str): each begins with its place, ``annotations[3]: ...``.
    """
    images: list
    categories: list
    annotations: list
    info: dict
    is_annotated: bool
    faults: list


def _is_whole(value):
    """bool: an integer; neither ``True`` nor ``1.0`` counts."""
    return type(value) is int and abs(value) < LIMIT


def _is_short(value):
    return _is_whole(value) and abs(value) < 2**31


def _is_number(value):
    """bool: a finite number that a float holds."""
    return type(value) in (int, float) and abs(value) < LIMIT


def _is_box(value):
    """bool: a list of four numbers."""
    return type(value) is list and len(value) == 4 and all(map(_is_number, value))


def _is_name(value):
    return type(value) is str and value.strip() != ''


def _is_side(value):
    return _is_number(value) and value > 0


def _is_area(value):
    return _is_number(value) and value >= 0


def _is_flag(value):
    return type(value) in (int, bool) and value in (0, 1)


WHOLE = (_is_whole, 'an integer')
FIELDS = {
    'images': {'id': WHOLE, 'file_name': (_is_name, 'the name of a file'),
               'width': (_is_side, 'a number of pixels above 0'),
               'height': (_is_side, 'a number of pixels above 0')},
    'categories': {'id': WHOLE, 'name': (_is_name, 'the name of a class')},
    'annotations': {'id': WHOLE, 'image_id': WHOLE, 'category_id': WHOLE,
                    'bbox': (_is_box, 'x, y, width, height in pixels'),
                    'area': (_is_area, 'a number of square pixels, at least 0'),
                    'iscrowd': (_is_flag, '0 or 1'),
                    'track_id': (_is_short, 'a 32-bit integer')},
}
OPTIONAL = ('track_id', )
DETECTION = {key: FIELDS['annotations'][key] for key in ('image_id', 'category_id', 'bbox')}
DETECTION['score'] = (_is_number, 'a number')
UNIQUE = {'images': ('id', ), 'categories': ('id', 'name'), 'annotations': ('id', )}


def read_coco(path):
    """Reads and checks a COCO annotation file.

    Args:
        path (str): JSON with ``images``, ``categories`` and, unless it is only for inference,
            ``annotations``.

    Returns:
        CocoFile: its content.

    Raises:
        ValueError: not JSON, or not a dictionary with these lists.
        OSError: it cannot be read.
    """
    return check_coco(path, _read_lists(path, ('images', 'categories')))


def check_coco(path, content):
    """Checks the content of a COCO annotation file, as :func:`read_coco`.

    Args:
        path (str): of the file, for the message.
        content (dict): with lists of images and categories.

    Returns:
        CocoFile: its content.

    Raises:
        ValueError: its annotations are not a list.
    """
    if not isinstance(content.get('annotations', []), list):
        raise ValueError(f'{path} is not a COCO annotation file (no list "annotations")')
    faults = []
    images, categories = (list(_sound_records(content, kind, faults).values())
                          for kind in ('images', 'categories'))
    annotations = _sound_annotations(content, images, categories, faults) if images else []
    info = content.get('info') if isinstance(content.get('info'), dict) else {}
    return CocoFile(images, categories, annotations, info, 'annotations' in content, faults)


def read_sound_coco(path):
    """CocoFile: as :func:`read_coco`, but a ValueError where a record has a fault."""
    content = read_coco(path)
    _refuse(path, content.faults)
    return content


def category_names(path):
    """Reads the names of the classes of a COCO file, which may have no other content.

    Returns:
        list of str: in the order in which they are listed, which is that of PaddleDetection.

    Raises:
        ValueError: there is no list of categories, or one of them has a fault.
        OSError: it cannot be read.
    """
    faults = []
    records = _sound_records(_read_lists(path, ('categories', )), 'categories', faults)
    _refuse(path, faults)
    return [record['name'] for record in records.values()]


def _read_lists(path, kinds):
    content = read_json(path)
    for kind in kinds:
        if not isinstance(content, dict) or not isinstance(content.get(kind), list):
            raise ValueError(f'{path} is not a COCO annotation file (no list "{kind}")')
    return content


def _refuse(path, faults):
    if faults:
        others = f' (and {len(faults) - 1} more faults)' if len(faults) > 1 else ''
        raise ValueError(f'{path}, {faults[0]}{others}')


def detection_fault(detections, annotations):
    """Finds the first detection that cannot be evaluated.

    Args:
        detections (list): COCO results, dictionaries of image_id, category_id, bbox and score.
        annotations (CocoFile): what they are compared with.

    Returns:
        str or None: the first fault, ``[3]: ...``.
    """
    images, categories = ({record['id'] for record in records}
                          for records in (annotations.images, annotations.categories))
    for position, record in enumerate(detections):
        problem = (_field_problem(DETECTION.items(), record)
                   or _unknown(record, images, categories))
        if problem:
            return f'[{position}]: {problem}'
    return None


def _sound_records(content, kind, faults):
    """dict: position to record of those whose fields are of their kind."""
    fields, sound = FIELDS[kind].items(), {}
    for position, record in enumerate(content.get(kind, ())):
        problem = _field_problem(fields, record)
        if problem:
            faults.append(f'{kind}[{position}]: {problem}')
        else:
            sound[position] = record
    twice = set()
    for key in UNIQUE[kind]:
        counts = Counter(record[key] for record in sound.values())
        faults += [f'{kind}: {key} {value} appears {times} times'
                   for value, times in counts.items() if times > 1]
        twice.update(place for place, record in sound.items() if counts[record[key]] > 1)
    # There is no telling which of two images or categories of one id a box belongs to.
    return sound if kind == 'annotations' else {
        place: record for place, record in sound.items() if place not in twice}


def _sound_annotations(content, images, categories, faults):
    images, categories = ({record['id']: record for record in records}
                          for records in (images, categories))
    # Boxes of images or categories that were left out would each be a further fault.
    incomplete, sound = bool(faults), []
    for position, box in _sound_records(content, 'annotations', faults).items():
        if incomplete and _unknown(box, images, categories):
            continue
        problem = _box_problem(box, images, categories)
        if problem:
            faults.append(f'annotations[{position}]: {problem}')
        else:
            sound.append(box)
    return sound


def _field_problem(fields, record):
    if not isinstance(record, dict):
        return f'expected a dictionary, got {short(record)}'
    for name, (is_sound, expected) in fields:
        if name not in record and name in OPTIONAL:
            continue
        if name not in record:
            return f'{name} is missing, expected {expected}'
        if not is_sound(record[name]):
            return f'{name} must be {expected}, got {short(record[name])}'
    return None


def _unknown(box, images, categories):
    if box['image_id'] not in images:
        return f'image_id {box["image_id"]} is not among the images'
    if box['category_id'] not in categories:
        return f'category_id {box["category_id"]} is not among the categories'
    return None


def _box_problem(box, images, categories):
    unknown = _unknown(box, images, categories)
    if unknown:
        return unknown
    x, y, w, h = box['bbox']
    if w < 0 or h < 0:
        return f'bbox is x, y, width, height, and has a negative size, {box["bbox"]}'
    image = images[box['image_id']]
    width, height = image['width'], image['height']
    if w > 0 and h > 0 and (x >= width or y >= height or x + w <= 0 or y + h <= 0):
        return (f'bbox {box["bbox"]} lies outside its image {image["file_name"]} of '
                f'{width}x{height} pixels')
    return None


def takes_part(box, load_crowd=False):
    """bool: whether PaddleDetection's reader uses a sound annotation."""
    return (box['area'] > 0 and min(box['bbox'][2:]) > LEAST_SIDE and not box.get('ignore')
            and (load_crowd or not box['iscrowd']))
