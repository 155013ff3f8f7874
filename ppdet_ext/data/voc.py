# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads folders of images with Pascal VOC annotations and reports every fault in them."""
import contextlib
import filecmp
import math
import os
import re
from collections import defaultdict
from xml.etree.ElementTree import SubElement

from ..utils.files import read_text
from ..utils.progress import progress
from ..utils.text import same_name
from .images import IMAGE_SUFFIXES, image_size, is_image_name
from .records import LabelledImage, SourceCollector, plain_number, rotated_corners
from .source_files import (
    IMAGE_FOLDERS,
    IN_SEVERAL,
    UNLABELLED,
    BareNames,
    ImageFiles,
    files_below,
    other_size,
    split_files,
    split_of,
    stem,
    subfolders,
)
from .voc_list import split_list_line
from .voc_xml import CORNERS, BrokenXmlError, line_of, parse_xml, read_object

__all__ = ['read_voc']

ANNOTATION_FOLDERS = ('annotations', )
ANNOTATION = 'annotation'  # the element that holds all others
ROTATED = 'rotated boxes became their enclosing box'
TURNED = 'turned'  # mark of a <bndbox> in memory
MARK = re.compile(r'\s+-?[01]$')  # after a name: whether the image shows a class
SIZES = 'annotations state no size; it was read from the image'
# Only parts of one data set carry these names; other neighbours are data sets of their own.
PART_FOLDERS = ('train', 'val', 'valid', 'validation', 'test')

DEEPEST = 3  # how many folders below the source a folder with images and annotations may lie


def read_voc(source, class_names, box_origin=1, unlabelled_sound=False, encoding=None):
    """Reads a data set of Pascal VOC annotations.

    The data set is ``source`` or lies up to three folders below: one folder with ``IMAGES`` (or
    ``JPEGImages``) and ``ANNOTATIONS``, or several such folders named ``train``, ``validation``
    ..., which are read as one. Without such folders, XML files and images anywhere in ``source``
    are taken. Image and annotation belong together when their file names are
    equal up to the suffix, wherever they lie: the ``<filename>`` field lacks the suffix in 174
    files of NEU-DET, and a widespread copy holds an image and its annotation in different parts.

    An annotation without objects is a defect-free image and stays, with no boxes. An image
    without an annotation is a fault, since it may or may not be free of defects. An image
    that loses all its boxes to faults is left out: without them it would teach that its defects
    are background.

    Args:
        source (str): folder.
        class_names (sequence of str or None): the classes that may occur; None for any.
        box_origin (int): number of the first pixel. 1: the annotations count pixels from 1 and
            xmax, ymax name the last pixel inside the box, as in Pascal VOC and NEU-DET. 0: they
            are positions counted from 0, with xmax, ymax just past the box.
        unlabelled_sound (bool): images without an annotation show no defect.
        encoding (str or None): of XML files that state none.

    Returns:
        Source: what was found.

    Raises:
        ValueError: no data set, or more than one, was found.
    """
    collector = SourceCollector(source, class_names)
    reader = _VocReader(collector, box_origin, unlabelled_sound, encoding)
    lists = _split_lists(source, encoding)
    pairs, name_of = _pairs(source)
    for key in progress(sorted(pairs), 'reading'):
        images, annotations = pairs[key]
        name = images and name_of(images[0])
        listed = _listed(images[0], lists) if images else ()
        if len(set(listed)) > 1:
            collector.note(IN_SEVERAL)
        split = listed[0] if listed else images and split_of(images[0], source)
        reader.read(images, annotations, name, split or None)
    return collector.result()


def _split_lists(source, encoding):
    """dict: name without suffix to splits, of lists as Pascal VOC and PaddleDetection have them."""
    splits = defaultdict(list)
    for path, part in split_files(source):
        folders = os.path.dirname(path).lower().split(os.sep)
        if 'imagesets' in folders and folders[-1] != 'main':
            continue
        for line in filter(None, map(str.strip, read_text(path, encoding).splitlines())):
            image = split_list_line(line)[0] if '.xml' in line.lower() else line
            for name in {image, MARK.sub('', image)}:
                bare = os.path.splitext(name)[0] if is_image_name(name) else name
                for ending in _endings(bare):
                    splits[ending].append(part)
    return splits


def _endings(path):
    """list of str: a path without its first folders, the longest first."""
    parts = same_name(path).replace('\\', '/').split('/')
    return ['/'.join(parts[k:]) for k in range(len(parts))]


def _listed(image, lists):
    """list of str: the splits whose lists name an image; lists that name its folders too take
    precedence."""
    return next((lists[ending] for ending in _endings(_without_suffix(image))
                 if ending in lists), [])


def _pairs(source):
    """tuple: the image paths and the XML paths of each name, and what names an image."""
    parts, images = _find_parts(source), ImageFiles(source)
    pairs = _pair_files(parts or [(source, source)])
    apart = _pull_apart(pairs, images)
    return pairs, os.path.basename if parts and not apart else images.name_of


def _pull_apart(pairs, files):
    """Pairs images of one name that differ, as of two cameras, with the annotations of their
    folders, where each has one.

    Returns:
        set of str: paths of these images.
    """
    apart = set()
    for key, (images, annotations) in list(pairs.items()):
        if len(images) < 2 or len(images) != len(annotations) or not _duplicate_faults(images):
            continue
        found = {xml: files.find(os.path.relpath(_without_suffix(xml), files.folder),
                                 os.path.dirname(xml)) for xml in annotations}
        if sorted(found.values()) == sorted([image] for image in images):
            del pairs[key]
            pairs.update({_without_suffix(image): ([image], [xml])
                          for xml, (image, ) in found.items()})
            apart.update(images)
    return apart


def _without_suffix(path):
    return os.path.splitext(path)[0]


def _find_parts(source):
    """Returns the (image folder, annotation folder) pairs of the one data set in ``source``."""
    level = [source]
    for _ in range(DEEPEST + 1):
        parts = {folder: part for folder, part in zip(level, map(_part, level)) if part}
        if parts:
            break
        level = [child for folder in level for child in subfolders(folder).values()]
    else:
        if any(files_below(source, '.xml')) and any(files_below(source, IMAGE_SUFFIXES)):
            return []
        raise ValueError(
            f'{source}: expected IMAGES/ and ANNOTATIONS/ with XML files (or JPEGImages/ and '
            f'Annotations/), or train/ and validation/ that hold them, at most {DEEPEST} folders '
            f'below, or XML files beside images; '
            f'found {", ".join(sorted(subfolders(source))) or "no folders"}')
    one_set = len({os.path.dirname(folder) for folder in parts}) == 1 and all(
        os.path.basename(folder).lower() in PART_FOLDERS for folder in parts)
    if len(parts) > 1 and not one_set:
        raise ValueError(f'{source}: expected one data set, found several; give one of them: '
                         f'{", ".join(sorted(parts))}')
    return list(parts.values())


def _part(folder):
    children = {name.lower(): path for name, path in subfolders(folder).items()}
    images = [children[name] for name in IMAGE_FOLDERS if name in children]
    annotations = [children[name] for name in ANNOTATION_FOLDERS if name in children]
    if images and annotations and any(files_below(annotations[0], '.xml')):
        return images[0], annotations[0]
    return None


def _pair_files(parts):
    """Returns, for each name without suffix, its image paths and its annotation paths."""
    pairs = defaultdict(lambda: ([], []))
    for image_folder, annotation_folder in parts:
        for path in files_below(image_folder, IMAGE_SUFFIXES):
            pairs[same_name(stem(path))][0].append(path)
        for path in files_below(annotation_folder, '.xml'):
            pairs[same_name(stem(path))][1].append(path)
    _join_other_case(pairs)
    return pairs


def _join_other_case(pairs):
    """Joins an image with an annotation whose name differs only in case, as on Windows."""
    alone = defaultdict(lambda: ([], []))
    for name, (images, annotations) in pairs.items():
        if not (images and annotations):
            alone[name.lower()][0 if images else 1].append(name)
    for images, annotations in alone.values():
        if len(images) == len(annotations) == 1:
            pairs[images[0]][1].extend(pairs.pop(annotations[0])[1])
    _join_bare_names(pairs)


def _join_bare_names(pairs):
    """Joins an image with the annotation to whose name a tool has added something."""
    names = {image: name for name, (images, annotations) in pairs.items() if not annotations
             for image in images}
    bare_names, meant = BareNames(names), defaultdict(list)
    for name, (images, annotations) in pairs.items():
        found = [] if images else bare_names.find(stem(annotations[0]))
        if len(found) == 1:
            meant[names[found[0]]].append(name)
    for image, annotations in meant.items():
        if len(annotations) == 1:
            pairs[image][1].extend(pairs.pop(annotations[0])[1])


class _VocReader:
    """Reads pairs of image and annotation into a collector."""

    def __init__(self, collector, box_origin, unlabelled_sound, encoding):
        self.collector, self.class_names = collector, collector.class_names
        self.box_origin, self.unlabelled_sound = box_origin, unlabelled_sound
        self.encoding = encoding

    def read(self, image_paths, xml_paths, name, split):
        faults = _duplicate_faults(image_paths) + _duplicate_faults(xml_paths)
        size = root = None
        if image_paths:
            size = _noting_faults(image_size, image_paths[0], faults)
        else:
            faults.append((xml_paths[0], None, 'there is no image of this name'))
        if xml_paths:
            root = _noting_faults(self._parse, xml_paths[0], faults)
        elif not self.unlabelled_sound:
            faults.append((image_paths[0], None, f'there is no annotation (XML) of this name; '
                                                 f'{UNLABELLED}'))
        boxes, lost = [], 0
        if root is not None and not _states_size(root):
            self.collector.note(SIZES)
        elif root is not None:
            faults += [(xml_paths[0], *message) for message in _size_messages(root, size)]
        usable = not faults
        if root is not None:
            for element in root.iter('object'):
                box, messages = self._read_box(element, size)
                faults += [(xml_paths[0], *message) for message in messages]
                if messages:
                    lost += 1
                else:
                    boxes.append(box)
        for fault in faults:
            self.collector.fault(*fault)
        if usable:
            self.collector.add(LabelledImage(image_paths[0], name, *size, boxes, split), lost)
        else:
            self.collector.leave_out()

    def _parse(self, path):
        root = parse_xml(path, self.encoding)
        if root.tag != ANNOTATION:
            raise BrokenXmlError(line_of(root), f'is not a Pascal VOC annotation: expected '
                                                f'<{ANNOTATION}>, got <{root.tag}>; export the '
                                                f'labels as Pascal VOC, YOLO or COCO')
        rotated = sum(_enclose(element, self.box_origin) for element in root.iter('object'))
        if rotated:
            self.collector.note(ROTATED, rotated)
        return root

    def _read_box(self, element, size):
        """Returns a box, and (line, message) of each fault; the box counts only without one."""
        name, difficult, corners, messages = read_object(element, self.class_names)
        self.collector.see(name)
        if corners is None:
            return None, messages
        if size and element.find('bndbox').get(TURNED):
            # What sticks out of the image is the corner of a box that was drawn within it.
            corners = [min(max(corner, self.box_origin), side)
                       for corner, side in zip(corners, size * 2)]
        problem = _corner_problem(corners, size, self.box_origin)
        if problem:
            messages.append((line_of(element.find('bndbox')), problem))
        xmin, ymin, xmax, ymax = corners
        bbox = (xmin - self.box_origin, ymin - self.box_origin, xmax, ymax)
        return {'class_name': name, 'bbox': tuple(map(plain_number, bbox)),
                'difficult': difficult}, messages


def _enclose(element, box_origin):
    """bool: whether an ``<object>`` had only a rotated box, as roLabelImg writes it, and got the
    box around it."""
    rotated = element.find('robndbox')
    if element.find('bndbox') is not None:
        return _turn(element, box_origin)
    if rotated is None:
        return False
    with contextlib.suppress(ValueError):
        x, y, width, height, angle = (float(rotated.findtext(tag, ''))
                                      for tag in ('cx', 'cy', 'w', 'h', 'angle'))
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
        w, h = width * cos + height * sin, width * sin + height * cos
        box = SubElement(element, 'bndbox', rotated.attrib)
        for tag, value in (('xmin', x - w / 2 + box_origin), ('ymin', y - h / 2 + box_origin),
                           ('xmax', x + w / 2), ('ymax', y + h / 2)):
            SubElement(box, tag, rotated.attrib).text = str(plain_number(value))
        box.set(TURNED, 'yes')
        return True
    return False


def _turn(element, box_origin):
    """bool: whether an ``<object>`` had a box that CVAT turns by an attribute, and got the box
    around it."""
    degrees = next((attribute.findtext('value', '') for attribute in element.iter('attribute')
                    if attribute.findtext('name') == 'rotation'), '')
    box = element.find('bndbox')
    with contextlib.suppress(ValueError):
        if not float(degrees) % 180:
            return False
        x1, y1, x2, y2 = (float(box.findtext(tag, '')) for tag in CORNERS)
        xs, ys = zip(*rotated_corners((x1 - box_origin, y1 - box_origin, x2, y2), float(degrees)))
        around = min(xs) + box_origin, min(ys) + box_origin, max(xs), max(ys)
        for tag, value in zip(CORNERS, around):
            box.find(tag).text = str(plain_number(value))
        box.set(TURNED, 'yes')
        return True
    return False


def _duplicate_faults(paths):
    if all(os.path.basename(path) == os.path.basename(paths[0])
           and filecmp.cmp(paths[0], path, shallow=False) for path in paths[1:]):
        return []
    return [(path, None, f'one of {len(paths)} files of this name that differ')
            for path in paths]


def _noting_faults(read, path, faults):
    """Returns ``read(path)``, or None after adding to ``faults`` why it failed."""
    try:
        return read(path)
    except BrokenXmlError as error:
        faults.append((path, *error.args))
    except (OSError, ValueError) as error:
        faults.append((path, None, str(error)))
    return None


def _stated_size(root):
    """list of str: width and height as written in the file."""
    return [root.findtext(f'size/{tag}', '').strip() for tag in ('width', 'height')]


def _states_size(root):
    """bool: false for tools that did not open the image and write no size, or zeros."""
    return any(side not in ('', '0') for side in _stated_size(root))


def _size_messages(root, size):
    """Returns (line, message) of each disagreement of ``<size>`` with the image's size."""
    element, stated = root.find('size'), _stated_size(root)
    if size is not None and [side.removesuffix('.0') for side in stated] != [
            str(side) for side in size]:
        return [(line_of(element), f'<size> says {"x".join(stated)}, the image is '
                                 f'{size[0]}x{size[1]}; {other_size(stated, size)}')]
    return []


def _corner_problem(corners, size, box_origin):
    """Returns what is wrong with the corners as written in the file, or None."""
    xmin, ymin, xmax, ymax = corners
    # Where pixels count from 1, xmin = xmax is one pixel wide; that is a click, not a defect.
    if xmax <= xmin or ymax <= ymin:
        return f'box {corners} (xmin, ymin, xmax, ymax) has no positive size'
    if size is None:
        return None
    width, height = size
    if min(xmin, ymin) < box_origin or xmax > width or ymax > height:
        remedy = '; if the tool counts pixels from 0, give --box-origin 0' if box_origin and min(
            xmin, ymin) == 0 else ''
        return (f'box {corners} (xmin, ymin, xmax, ymax) is outside the image, whose pixels '
                f'count from {box_origin} to {width} in x and {height} in y{remedy}')
    return None
