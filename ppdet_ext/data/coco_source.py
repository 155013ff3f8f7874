# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads COCO files exported by labelling tools, with paths and ids of other machines."""
import contextlib
import os
from collections import Counter, defaultdict
from reprlib import repr as short

from pycocotools import mask

from ..utils.files import read_json
from ..utils.progress import progress
from ..utils.text import clean_name
from .coco_file import check_coco
from .images import image_size
from .records import (
    LabelledImage,
    SourceCollector,
    enclosing_box,
    refuse_fractions,
    rotated_corners,
)
from .source_files import (
    UNLABELLED,
    ImageFiles,
    agreed_names,
    files_below,
    other_size,
    split_in_name,
)

__all__ = ['is_coco', 'read_coco_source']

PREFIXES = 'images were listed under other paths, and found by their names'
RENUMBERED = 'files have class ids that do not count up from 1; renumbered'
POLYGONS = 'boxes come from polygons or masks, as there is no bbox'
NO_INTEGERS = 'files have ids that are not integers; renumbered'
TEXTS = 'numbers were written as text'
IDS = 'files have box ids that appear twice; renumbered'
CROWDS = 'boxes are crowds (iscrowd or ignore), which training and evaluation leave out'
ROTATED = 'rotated boxes became their enclosing box'
SIZES = 'images have no size in the file; it was read from the image'


def is_coco(content):
    """bool: whether the content of a JSON file is COCO's, with images and classes."""
    return isinstance(content, dict) and all(
        isinstance(content.get(kind), list) for kind in ('images', 'annotations', 'categories'))


def read_coco_source(source, class_names, unlabelled_sound=False, encoding=None):
    """Reads all COCO files below a folder as one data set.

    Args:
        source (str): folder with the files and the images.
        class_names (sequence of str or None): the order of the classes; None for that of the ids.
        unlabelled_sound (bool): images that no file lists show no defect.
        encoding (str or None): of the files; None for UTF-8.

    Returns:
        Source: what was found.

    Raises:
        ValueError: the files name other classes.
    """
    contents, images, notes, unreadable = {}, ImageFiles(source), Counter(), {}
    for path in files_below(source, '.json'):
        try:
            content = read_json(path, encoding)
        except (OSError, ValueError) as error:
            unreadable[path] = str(error).replace(f'{path} ', '')
            continue
        if is_coco(content):
            notes.update(_complete(content))
            notes[SIZES] += _complete_sizes(content, images, os.path.dirname(path))
            contents[path] = content, check_coco(path, content)
    stated = agreed_names({  # in the order of the ids
        path: tuple(c['name'] for c in sorted(sound.categories, key=lambda c: c['id']))
        for path, (_, sound) in contents.items()})
    collector, listed = SourceCollector(source, class_names or stated), Counter()
    for path, problem in unreadable.items():
        collector.fault(path, None, problem)
    for note, times in (+notes).items():
        collector.note(note, times)
    for path, (content, sound) in contents.items():
        split = split_in_name(path, source) if len(contents) > 1 else None
        _CocoReader(collector, images, path, split, listed).read(content, sound)
    for path in images.paths:
        if path in listed:
            continue
        if not unlabelled_sound:
            collector.fault(path, None, f'no COCO file lists it; {UNLABELLED}')
            collector.leave_out()
            continue
        try:
            collector.add(LabelledImage(path, images.name_of(path), *image_size(path), []))
        except (OSError, ValueError) as error:
            collector.fault(path, None, str(error))
            collector.leave_out()
    descriptions = (str(sound.info.get('description') or '') for _, sound in contents.values())
    return collector.result()._replace(description=next(filter(None, descriptions), ''))


def _complete(content):
    """Fills in what some tools leave out; yields a note for each change."""
    for category in content['categories']:
        if isinstance(category, dict) and isinstance(category.get('name'), str):
            category['name'] = clean_name(category['name'])
    if sum([_renumber(content, 'images', 'image_id'),
            _renumber(content, 'categories', 'category_id')]):
        yield NO_INTEGERS
    yield from [TEXTS] * _read_texts(content)
    _drop_group(content)
    boxes = [box for box in content['annotations'] if isinstance(box, dict)]
    boxes_without_id = [box for box in boxes if type(box.get('id')) is not int]
    ids = [box['id'] for box in boxes if type(box.get('id')) is int]
    twice = len(set(ids)) < len(ids)
    if twice:
        yield IDS
    for number, box in enumerate(boxes, start=1):
        if twice or boxes_without_id:
            box['id'] = number
        box['area'] = 1  # it follows from the box, whatever the file says
        box['iscrowd'] = box.get('iscrowd') or 0
        if not box.get('bbox'):
            around = _around(_polygons(box)) if _polygons(box) else _around_mask(box)
            if around:
                box['bbox'] = around
                yield POLYGONS


def _renumber(content, kind, reference):
    """bool: whether records had ids that are text or floats, which became integers everywhere."""
    records, boxes = ([record for record in content[name] if isinstance(record, dict)]
                      for name in (kind, 'annotations'))
    ids = [record.get('id') for record in records]
    if not any(isinstance(number, (str, float)) for number in
               (*ids, *(box.get(reference) for box in boxes))):
        return False
    names = [_id_text(number) for number in ids]
    whole = all(name.isdecimal() for name in names)
    mixed = not whole and any(type(number) is int for number in ids)
    if mixed or len(set(names)) < len(names):
        return False  # ambiguous
    numbers = {name: int(name) if whole else k for k, name in enumerate(names, start=1)}
    for record, name in zip(records, names):
        record['id'] = numbers[name]
    for box in boxes:
        box[reference] = numbers.get(_id_text(box.get(reference)), box.get(reference))
    return True


def _id_text(number):
    """str: the same for 1, 1.0 and "1"."""
    return f'{number:.0f}' if isinstance(number, float) and number.is_integer() else str(number)


def _read_texts(content):
    """int: how many sizes and boxes had numbers as text, which became numbers."""
    count = 0
    for record in (*content['images'], *content['annotations']):
        for key in ('width', 'height', 'bbox') if isinstance(record, dict) else ():
            value = record.get(key)
            texts = value if key == 'bbox' and isinstance(value, list) else [value]
            if not any(isinstance(text, str) for text in texts):
                continue
            with contextlib.suppress(TypeError, ValueError):
                numbers = [float(text) for text in texts]
                record[key] = numbers if isinstance(value, list) else numbers[0]
                count += 1
    return count


def _complete_sizes(content, images, folder):
    """int: how many records without a size got that of their image."""
    count = 0
    for record in content['images']:
        if not isinstance(record, dict) or record.get('width') or record.get('height') or (
                not isinstance(record.get('file_name'), str)):
            continue
        found = images.find(record['file_name'], folder)
        with contextlib.suppress(OSError, ValueError, IndexError):
            record['width'], record['height'] = image_size(found[0])
            count += 1
    return count


def _drop_group(content):
    """Removes Roboflow's first class, which has no boxes and names the group of the others."""
    used = {box.get('category_id') for box in content['annotations'] if isinstance(box, dict)}
    groups = {c.get('supercategory') for c in content['categories'] if isinstance(c, dict)}
    content['categories'] = [
        c for c in content['categories'] if not (
            isinstance(c, dict) and c.get('supercategory') == 'none' and c.get('id') not in used
            and c.get('name') in groups)]


def _polygons(box):
    parts = box.get('segmentation')
    return [part for part in parts if isinstance(part, list) and len(part) >= 6
            and all(type(value) in (int, float) for value in part)] if isinstance(
                parts, list) else []


def _around(polygons):
    xs, ys = (sum((part[k::2] for part in polygons), []) for k in (0, 1))
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _around_mask(box):
    """list of float or None: the box around a mask of run lengths."""
    runs = box.get('segmentation')
    if not isinstance(runs, dict):
        return None
    with contextlib.suppress(KeyError, TypeError, ValueError, OverflowError):
        height, width = map(int, runs['size'])
        if isinstance(runs['counts'], list):
            runs = mask.frPyObjects(runs, height, width)
        around = mask.toBbox(runs).tolist()
        return around if around[2] and around[3] else None


class _CocoReader:
    """Reads one file into a collector; ``listed`` counts how often each image occurs in all."""

    def __init__(self, collector, images, path, split, listed):
        self.collector, self.images, self.path = collector, images, path
        self.split, self.listed = split, listed

    def read(self, content, sound):
        for fault in sound.faults:
            self._fault(fault)
        names = {category['id']: category['name'] for category in sound.categories}
        if list(names) != [*range(1, len(names) + 1)]:
            self.collector.note(RENUMBERED)
        boxes, lost = defaultdict(list), Counter()
        kept = {id(box) for box in sound.annotations}
        for box in content['annotations']:
            if id(box) in kept:
                boxes[box['image_id']].append({**box, 'class_name': names[box['category_id']]})
            elif isinstance(box, dict):
                lost[short(box.get('image_id'))] += 1
        readable = {id(record) for record in sound.images}
        for record in progress(content['images'], 'reading'):
            if id(record) in readable:
                self._add(record, boxes[record['id']], lost[short(record['id'])])
            elif isinstance(record, dict) and isinstance(record.get('file_name'), str):
                # It has a label that cannot be read, so it cannot count as free of defects.
                self.listed.update(self.images.find(record['file_name'], self._folder))
                self.collector.leave_out()

    @property
    def _folder(self):
        return os.path.dirname(self.path)

    def _fault(self, message):
        self.collector.fault(self.path, None, message)

    def _add(self, record, annotations, lost):
        try:
            image = self._image(record['file_name'])
            name, size = self.images.name_of(image), image_size(image)
            stated = record['width'], record['height']
            if stated != size:
                raise ValueError(f'is stated as {stated[0]}x{stated[1]}, the image is '
                                 f'{size[0]}x{size[1]}; {other_size(stated, size)}')
        except (OSError, ValueError) as error:
            self._fault(f'image {record["file_name"]}: {error}')
            self.collector.leave_out()
            return
        if name != record['file_name']:
            self.collector.note(PREFIXES)
        boxes = []
        for annotation in annotations:
            try:
                boxes.append(self._box(annotation, *size))
            except ValueError as error:
                self._fault(f'annotation {annotation["id"]} of {name}: {error}')
                lost += 1
        self.collector.add(LabelledImage(image, name, *size, boxes, self.split), lost)

    def _image(self, name):
        found = self.images.find(name, self._folder)
        self.listed.update(found)
        if len(found) != 1:
            raise ValueError('several images fit; give them different names' if found else
                             'there is no such image; copy it there, or remove its record')
        if self.listed[found[0]] > 1:
            raise ValueError('is listed twice; remove one of the records')
        return found[0]

    def _box(self, annotation, width, height):
        problem = self.collector.unknown_class(annotation['class_name'])
        if problem:
            raise ValueError(problem)
        x, y, w, h = annotation['bbox']
        corners = [(x, y), (x + w, y + h)]
        refuse_fractions(corners)
        if _rotation(annotation):
            # What sticks out of the image is the corner of a box that was drawn within it.
            corners = [(min(max(a, 0), width), min(max(b, 0), height)) for a, b in
                       rotated_corners((x, y, x + w, y + h), _rotation(annotation))]
            self.collector.note(ROTATED)
        try:
            bbox = enclosing_box(corners, width, height)
        except ValueError as error:
            if x < w <= width and y < h <= height:
                raise ValueError(f'{error}; {annotation["bbox"]} may be x1, y1, x2, y2, where COCO '
                                 f'has x, y, width, height') from error
            raise
        # PaddleDetection's reader leaves both out; its evaluation knows only crowds.
        crowd = {'iscrowd': 1} if annotation['iscrowd'] or annotation.get('ignore') else {}
        if crowd:
            self.collector.note(CROWDS)
        return {'class_name': annotation['class_name'], 'bbox': bbox,
                'difficult': int(bool(annotation.get('difficult'))), **crowd}


def _rotation(annotation):
    """float: degrees by which CVAT turns a box that it writes as if it were upright."""
    attributes = annotation.get('attributes')
    rotation = attributes.get('rotation') if isinstance(attributes, dict) else None
    known = isinstance(rotation, (int, float)) and not _polygons(annotation)
    return rotation % 180 if known else 0
