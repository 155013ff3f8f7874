# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads folders of images with Pascal VOC annotations and reports every fault in them."""
import filecmp
import os
from collections import defaultdict
from typing import NamedTuple

from ..utils.progress import progress
from .check import Fault, image_size
from .voc_xml import BrokenXmlError, line_of, parse_xml, read_object

__all__ = ['VocData', 'VocImage', 'read_voc']

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff')
IMAGE_FOLDERS = ('images', 'jpegimages')
ANNOTATION_FOLDERS = ('annotations', )
# Only parts of one data set carry these names; other neighbours are data sets of their own.
PART_FOLDERS = ('train', 'val', 'valid', 'validation', 'test')


class VocImage(NamedTuple):
    """One image with its boxes."""
    path: str
    width: int
    height: int
    boxes: list  # dicts with class_name, bbox (x1, y1, x2, y2; x2 and y2 exclusive), difficult


class VocData(NamedTuple):
    """All sound images of a data set, and what was wrong with the rest."""
    images: list
    faults: list
    images_left_out: int
    boxes_left_out: int  # from images that stay


def read_voc(source, class_names, box_origin=1):
    """Reads a data set of Pascal VOC annotations.

    The data set lies in ``source`` or up to two folders below: one folder with ``IMAGES`` (or
    ``JPEGImages``) and ``ANNOTATIONS``, or several such folders named ``train``, ``validation``
    ..., which are read as one. Image and annotation belong together when their file names are
    equal up to the suffix, wherever they lie: the ``<filename>`` field lacks the suffix in 174
    files of NEU-DET, and a widespread copy holds an image and its annotation in different parts.

    An annotation without objects is a defect-free image and stays, with no boxes. An image
    without an annotation is a fault, since nobody knows whether it is free of defects. An image
    that loses all its boxes to faults is left out: without them it would teach that its defects
    are background.

    Args:
        source (str): folder.
        class_names (sequence of str): the classes that may occur.
        box_origin (int): number of the first pixel. 1: the annotations count pixels from 1 and
            xmax, ymax name the last pixel inside the box, as in Pascal VOC and NEU-DET. 0: they
            are positions counted from 0, with xmax, ymax just past the box.

    Returns:
        VocData: images sorted by name; faults sorted by file, with paths relative to ``source``.

    Raises:
        ValueError: no data set, or more than one, was found.
    """
    images, faults, boxes_left_out = [], [], 0
    pairs = _pair_files(_find_parts(source))
    for stem in progress(sorted(pairs), 'reading'):
        image, image_faults, lost_boxes = _read_pair(*pairs[stem], class_names, box_origin)
        faults += image_faults
        if image is not None:
            images.append(image)
            boxes_left_out += lost_boxes
    faults = [f._replace(file=os.path.relpath(f.file, source)) for f in faults]
    return VocData(images, sorted(faults, key=lambda f: (f.file, f.line or 0)),
                   len(pairs) - len(images), boxes_left_out)


def _find_parts(source):
    """Returns the (image folder, annotation folder) pairs of the one data set in ``source``."""
    level = [source]
    for _ in range(4):
        parts = {folder: part for folder, part in zip(level, map(_part, level)) if part}
        if parts:
            break
        level = [child for folder in level for child in _subfolders(folder).values()]
    else:
        raise ValueError(
            f'{source}: expected IMAGES/ and ANNOTATIONS/ with XML files (or JPEGImages/ and '
            'Annotations/), or train/ and validation/ that hold them, at most two folders below; '
            f'found {", ".join(sorted(_subfolders(source))) or "no folders"}')
    one_set = len({os.path.dirname(folder) for folder in parts}) == 1 and all(
        os.path.basename(folder).lower() in PART_FOLDERS for folder in parts)
    if len(parts) > 1 and not one_set:
        raise ValueError(f'{source}: expected one data set, found several; give one of them: '
                         f'{", ".join(sorted(parts))}')
    return list(parts.values())


def _subfolders(folder):
    with os.scandir(folder) as entries:
        return {e.name: e.path for e in entries if e.is_dir() and not _is_clutter(e.name)}


def _part(folder):
    children = {name.lower(): path for name, path in _subfolders(folder).items()}
    images = [children[name] for name in IMAGE_FOLDERS if name in children]
    annotations = [children[name] for name in ANNOTATION_FOLDERS if name in children]
    if images and annotations and any(_files(annotations[0], ('.xml', ))):
        return images[0], annotations[0]
    return None


def _is_clutter(name):
    """Hidden files, and the shadow folder that macOS puts into its archives."""
    return name.startswith('.') or name == '__MACOSX'


def _files(folder, suffixes):
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_clutter(name))
        for name in sorted(names):
            if name.lower().endswith(suffixes) and not _is_clutter(name):
                yield os.path.join(parent, name)


def _pair_files(parts):
    """Returns, for each file name without suffix, its image paths and its annotation paths."""
    pairs = defaultdict(lambda: ([], []))
    for image_folder, annotation_folder in parts:
        for path in _files(image_folder, IMAGE_SUFFIXES):
            pairs[_stem(path)][0].append(path)
        for path in _files(annotation_folder, ('.xml', )):
            pairs[_stem(path)][1].append(path)
    return pairs


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _read_pair(image_paths, xml_paths, class_names, box_origin):
    """Returns the VocImage or None, its faults, and how many boxes it lost to them."""
    faults = _duplicate_faults(image_paths) + _duplicate_faults(xml_paths)
    size, root = None, None
    if image_paths:
        size = _noting_faults(image_size, image_paths[0], faults)
    else:
        faults.append(Fault(xml_paths[0], None, 'there is no image of this name'))
    if xml_paths:
        root = _noting_faults(parse_xml, xml_paths[0], faults)
    else:
        faults.append(Fault(image_paths[0], None, 'there is no annotation (XML) of this name'))
    if root is None:
        return None, faults, 0
    faults += [Fault(xml_paths[0], *message) for message in _size_messages(root, size)]
    boxes, messages, lost_boxes = _read_boxes(root, size, class_names, box_origin)
    usable = not faults and (boxes or not lost_boxes)
    image = VocImage(image_paths[0], *size, boxes) if usable else None
    return image, faults + [Fault(xml_paths[0], *message) for message in messages], lost_boxes


def _duplicate_faults(paths):
    if all(_same_file(paths[0], path) for path in paths[1:]):
        return []
    return [Fault(path, None, f'one of {len(paths)} files of this name that differ')
            for path in paths]


def _noting_faults(read, path, faults):
    """Returns ``read(path)``, or None after adding to ``faults`` why it failed."""
    try:
        return read(path)
    except BrokenXmlError as error:
        faults.append(Fault(path, *error.args))
    except (OSError, ValueError) as error:
        faults.append(Fault(path, None, str(error)))
    return None


def _same_file(first, second):
    return (os.path.basename(first) == os.path.basename(second)
            and filecmp.cmp(first, second, shallow=False))


def _size_messages(root, size):
    """Returns (line, message) of each disagreement of ``<size>`` with the image's size."""
    element = root.find('size')
    if element is None:
        return [(line_of(root), 'there is no <size>')]
    stated = [element.findtext(tag, '').strip() for tag in ('width', 'height')]
    if size is not None and stated != [str(side) for side in size]:
        return [(line_of(element), f'<size> says {"x".join(stated)}, the image is '
                                 f'{size[0]}x{size[1]}')]
    return []


def _read_boxes(root, size, class_names, box_origin):
    """Returns the sound boxes, (line, message) of each fault, and the number of faulty boxes."""
    boxes, messages, lost = [], [], 0
    for element in root.iter('object'):
        box, box_messages = _read_box(element, size, class_names, box_origin)
        messages += box_messages
        if box_messages:
            lost += 1
        else:
            boxes.append(box)
    return boxes, messages, lost


def _read_box(element, size, class_names, box_origin):
    name, difficult, corners, messages = read_object(element, class_names)
    if corners is None:
        return None, messages
    problem = _corner_problem(corners, size, box_origin)
    if problem:
        messages.append((line_of(element.find('bndbox')), problem))
    xmin, ymin, xmax, ymax = corners
    bbox = (xmin - box_origin, ymin - box_origin, xmax, ymax)
    return {'class_name': name, 'bbox': bbox, 'difficult': difficult}, messages


def _corner_problem(corners, size, box_origin):
    """Returns what is wrong with the corners as they stand in the file, or None."""
    xmin, ymin, xmax, ymax = corners
    # Where pixels count from 1, xmin = xmax is one pixel wide; that is a click, not a defect.
    if xmax <= xmin or ymax <= ymin:
        return f'box {corners} (xmin, ymin, xmax, ymax) has no positive size'
    if size is None:
        return None
    width, height = size
    if min(xmin, ymin) < box_origin or xmax > width or ymax > height:
        return (f'box {corners} (xmin, ymin, xmax, ymax) is outside the image, whose pixels '
                f'count from {box_origin} to {width} in x and {height} in y')
    return None
