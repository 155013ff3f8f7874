# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads labelme's files: one JSON per image, with shapes in pixels."""
import math
import os
from collections import Counter
from reprlib import repr as short

from ..utils.files import read_json
from ..utils.progress import progress
from ..utils.text import clean_name
from .images import image_size
from .records import (
    OVERHANG,
    LabelledImage,
    SourceCollector,
    enclosing_box,
    refuse_fractions,
)
from .source_files import (
    NO_LABELS,
    UNLABELLED,
    ImageFiles,
    files_below,
    other_size,
    split_of,
    stem,
)

__all__ = ['is_labelme', 'read_labelme']

# Shapes to the least number of their points. Other shapes do not define a box.
LEAST_POINTS = {'rectangle': 2, 'polygon': 3, 'rotation': 3, 'quadrilateral': 3, 'mask': 2}
JOINED = 'polygons were joined to another of the same group_id, as parts of one object'
ENCLOSED = 'polygons, masks and boxes of four points became their enclosing box'


def is_labelme(content):
    """bool: whether the content of a JSON file is labelme's."""
    return isinstance(content, dict) and isinstance(content.get('shapes'), list)


def read_labelme(source, class_names, unlabelled_sound=False, encoding=None):
    """Reads a data set of labelme's JSON files.

    The image of a file is the one that its ``imagePath`` names, whatever the folders before the
    name, or else the one of the file's own name.

    Args:
        source (str): folder.
        class_names (sequence of str or None): that may occur; None for any.
        unlabelled_sound (bool): images without a JSON file show no defect.
        encoding (str or None): of the files; None for UTF-8.

    Returns:
        Source: what was found.
    """
    collector, images = SourceCollector(source, class_names), ImageFiles(source)
    found, unreadable = [], set()
    for path in progress(list(files_below(source, '.json')), 'reading'):
        content, image = _read(path, images, collector, encoding)
        found.append((path, content, image))
        # It has a label that cannot be read, so it cannot count as free of defects.
        unreadable.update(images.with_stem(stem(path)) if image is None else ())
    labels = Counter(image for _, _, image in found if image)
    for path, content, image in found:
        if image is None:
            continue
        if labels[image] > 1:
            collector.fault(path, None, f'one of {labels[image]} files for the image '
                                        f'{os.path.basename(image)}')
            collector.leave_out()
            continue
        _add(collector, path, content, image, images.name_of(image), split_of(image, source))
    for image in images.paths:
        if image in labels or image in unreadable:
            continue
        if unlabelled_sound:
            _add(collector, image, {'shapes': []}, image, images.name_of(image),
                 split_of(image, source))
        else:
            collector.fault(image, None, f'there is no label file (.json) for it; {UNLABELLED}')
            collector.leave_out()
    return collector.result()


def _read(path, images, collector, encoding):
    """tuple: content and path of the image, or None and None."""
    try:
        content = read_json(path, encoding)
    except (OSError, ValueError) as error:
        collector.fault(path, None, str(error).replace(f'{path} ', ''))
        collector.leave_out()
        return None, None
    if not is_labelme(content):
        if images.with_stem(stem(path)):
            collector.fault(path, None, 'is not a labelme file (no list "shapes")')
        else:
            collector.note(NO_LABELS)
        return None, None
    name = content.get('imagePath')
    paths = images.find(name, os.path.dirname(path)) if isinstance(name, str) and name else []
    paths = paths or images.with_stem(stem(path))
    if len(paths) != 1:
        words = 'several images' if paths else 'no image'
        inside = ('; imageData holds it: write it to a file, as labelme_export_json does'
                  if content.get('imageData') and not paths else '')
        collector.fault(path, None, f'there is {words} named {name!r}{inside}')
        collector.leave_out()
        return None, None
    return content, paths[0]


def _add(collector, path, content, image, name, split):
    try:
        size = image_size(image)
        stated = content.get('imageWidth') or size[0], content.get('imageHeight') or size[1]
        if [str(side).removesuffix('.0') for side in stated] != [str(side) for side in size]:
            raise ValueError(f'imageWidth, imageHeight say {stated[0]}x{stated[1]}, the image is '
                             f'{size[0]}x{size[1]}; {other_size(stated, size)}')
    except (OSError, ValueError) as error:
        collector.fault(path, None, str(error))
        collector.leave_out()
        return
    boxes, lost = [], 0
    for position, shape in _with_joined_parts(content['shapes'], collector):
        try:
            boxes.append(_read_shape(shape, collector, *size))
        except ValueError as error:
            collector.fault(path, None, f'shapes[{position}]: {error}')
            lost += 1
    collector.add(LabelledImage(image, name, *size, boxes, split), lost)


def _with_joined_parts(shapes, collector):
    """list of (int, dict): positions and shapes; polygons of one group and class are one object."""
    objects, joined = {}, []
    for position, shape in enumerate(shapes):
        key = _object_of(shape)
        if key is None or key not in objects:
            # A copy, as the points of others may follow.
            joined.append((position, dict(shape) if key else shape))
            objects[key] = joined[-1][1]
            continue
        objects[key]['points'] = objects[key]['points'] + shape['points']
        collector.note(JOINED)
    return joined


def _object_of(shape):
    """tuple or None: what the parts of one object have in common."""
    if not isinstance(shape, dict) or shape.get('group_id') is None or not isinstance(
            shape.get('points'), list) or shape.get('shape_type') not in ('polygon', 'mask'):
        return None
    return str(shape['group_id']), str(shape.get('label'))


def _read_shape(shape, collector, width, height):
    if not isinstance(shape, dict):
        raise ValueError(f'expected a dictionary, got {short(shape)}')
    name = clean_name('' if shape.get('label') is None else str(shape['label']))
    problem = collector.unknown_class(name)
    if problem:
        raise ValueError(problem)
    kind = shape.get('shape_type') or 'polygon'  # older files state none
    if kind not in LEAST_POINTS:
        raise ValueError(f'a {kind} of the class {name} has no box; draw a rectangle or a polygon')
    points = shape.get('points')
    if not isinstance(points, list) or not all(map(_is_point, points)) or (
            len(points) < LEAST_POINTS[kind]):
        raise ValueError(f'a {kind} needs {LEAST_POINTS[kind]} or more points [x, y], got '
                         f'{short(points)}')
    refuse_fractions(points)
    if kind != 'rectangle' or len(points) > 2:
        collector.note(ENCLOSED)
    # What sticks out of the image is the corner of a box that was drawn within it.
    overhang = math.inf if kind == 'rotation' else OVERHANG
    return {'class_name': name, 'bbox': enclosing_box(points, width, height, overhang),
            'difficult': int(bool(shape.get('difficult')))}


def _is_point(value):
    return isinstance(value, list) and len(value) == 2 and all(
        type(number) in (int, float) and math.isfinite(number) for number in value)
