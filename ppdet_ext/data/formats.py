# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The formats of labels: detects which one a folder holds, and reads it."""
import os
from itertools import islice
from typing import Callable, NamedTuple, Optional

from ..utils.files import read_json, read_text
from ..utils.text import clean_name
from .coco_source import is_coco, read_coco_source
from .images import IMAGE_SUFFIXES, is_image_name
from .labelme import is_labelme, read_labelme
from .source_files import agreed_names, files_below
from .voc import ANNOTATION, read_voc
from .voc_xml import BrokenXmlError, parse_xml
from .yolo import OTHER_FILES, is_yolo_line, read_yolo, yolo_class_names

__all__ = ['FORMATS', 'SourceOptions', 'detect_format', 'read_source']

LISTS = ('classes.txt', 'label_list.txt', 'labels.txt', 'predefined_classes.txt', 'obj.names')
LABEL_MAP = 'labelmap.txt'  # of CVAT: name:color:parts:actions
NO_CLASSES = ('__ignore__', '_background_', 'background')
LOOKED_AT = 50  # files of a suffix
SHOWN, MOST_SHOWN = 5, 100  # names of files, numbers of classes


class SourceOptions(NamedTuple):
    """How labels are read.

    Attributes:
        class_names (tuple of str or None): in the order of the categories; None for the order
            that the source states.
        box_origin (int): number of the first pixel in VOC files, 1 or 0.
        unlabelled_sound (bool): images without labels show no defect.
        encoding (str or None): of text files that do not state theirs; None for UTF-8.
    """
    class_names: Optional[tuple] = None
    box_origin: int = 1
    unlabelled_sound: bool = False
    encoding: Optional[str] = None


def _read_voc(folder, options):
    names = options.class_names or _listed_names(folder, options.encoding)
    return read_voc(folder, names, options.box_origin, options.unlabelled_sound, options.encoding)


def _read_yolo(folder, options):
    return read_yolo(folder, options.class_names, options.unlabelled_sound, options.encoding)


def _read_labelme(folder, options):
    names = options.class_names or _listed_names(folder, options.encoding)
    return read_labelme(folder, names, options.unlabelled_sound, options.encoding)


def _read_coco(folder, options):
    return read_coco_source(folder, options.class_names, options.unlabelled_sound,
                            options.encoding)


def _listed_names(folder, encoding):
    """tuple of str or None: the classes in the order that lists in the source state."""
    stated = {}
    for path in files_below(folder):
        name = os.path.basename(path).lower()
        if name in (*LISTS, LABEL_MAP):
            lines = read_text(path, encoding).splitlines()
            names = [clean_name(line.split(':')[0] if name == LABEL_MAP else line)
                     for line in lines if line.strip() and not line.startswith('#')]
            stated[path] = tuple(name for name in names if name not in NO_CLASSES)
    return agreed_names({path: names for path, names in stated.items() if names})


def _xml_example(folder, encoding):
    for path in islice(files_below(folder, '.xml'), LOOKED_AT):
        try:
            if parse_xml(path, encoding).tag == ANNOTATION:
                return path
        except BrokenXmlError:
            return path  # reported as a fault, with its line
    return None


def _json_example(is_format):
    def find(folder, encoding):
        for path in islice(files_below(folder, '.json'), LOOKED_AT):
            try:
                if is_format(read_json(path, encoding)):
                    return path
            except (OSError, ValueError):
                continue
        return None
    return find


def _yolo_example(folder, encoding):
    for path in islice(files_below(folder, '.txt'), LOOKED_AT):
        if os.path.basename(path).lower() in OTHER_FILES:
            continue
        try:
            lines = [line for line in read_text(path, encoding).splitlines() if line.strip()]
        except (OSError, ValueError):
            continue
        if lines and is_yolo_line(lines[0]):
            return path
    return folder if not any(files_below(folder, ('.xml', '.json'))) and yolo_class_names(
        folder, encoding) else None


class _Format(NamedTuple):
    words: str
    example: Callable  # folder, encoding -> path of a file of this format, or None
    read: Callable


FORMATS = {
    'voc': _Format('one XML file per image', _xml_example, _read_voc),
    'yolo': _Format('one text file of numbers per image', _yolo_example, _read_yolo),
    'labelme': _Format('one JSON file with shapes per image', _json_example(is_labelme),
                       _read_labelme),
    'coco': _Format('a JSON file for all images', _json_example(is_coco), _read_coco),
}


def detect_format(folder, encoding=None):
    """Finds the format of the labels in a folder.

    Returns:
        str: one of :data:`FORMATS`.

    Raises:
        ValueError: there are no labels, or labels of several formats.
    """
    found = {name: form.example(folder, encoding) for name, form in FORMATS.items()}
    found = {name: path for name, path in found.items() if path}
    if not found:
        known = '; '.join(f'{name}: {form.words}' for name, form in FORMATS.items())
        others = [os.path.relpath(path, folder) for path in islice(
            (path for path in files_below(folder) if not is_image_name(path)), SHOWN)]
        raise ValueError(f'{folder}: holds no labels of a known format ({known}), but '
                         f'{", ".join(others) or "images only"}; export the labels in one of '
                         f'these formats, and unpack archives inside')
    if len(found) > 1:
        examples = ', '.join(f'{name} ({os.path.relpath(path, folder)})'
                             for name, path in found.items())
        raise ValueError(f'{folder}: holds labels of several formats, {examples}; choose one with '
                         f'--format')
    return next(iter(found))


def read_source(folder, name, options):
    """Reads a folder of labelled images.

    Args:
        folder (str): of the images and labels.
        name (str): one of :data:`FORMATS`.
        options (SourceOptions): how labels are read.

    Returns:
        Source: what was found.

    Raises:
        ValueError: there is no such data set, or nothing states the order of the classes.
    """
    if not any(map(is_image_name, files_below(folder))):
        raise ValueError(f'{folder}: holds no image ({" ".join(IMAGE_SUFFIXES)}); put the images '
                         f'there too, in one of these formats, or export the labels with images')
    source = FORMATS[name].read(folder, options)
    if source.class_names is None and source.seen and name == 'yolo':
        last = max(map(int, source.seen))
        numbers = ','.join(map(str, range(last + 1))) if last < MOST_SHOWN else f'0,1,...,{last}'
        raise ValueError(f'{folder}: nothing names the classes, which are numbers in YOLO files '
                         f'(no data.yaml, classes.txt or obj.names); give names in this order: '
                         f'--classes {numbers}')
    if source.class_names is None and source.seen:
        names = sorted(source.seen)
        counts = ', '.join(f'{name} ({source.seen[name]} boxes)' for name in names)
        raise ValueError(f'{folder}: nothing states the order of the classes, {counts}; give it: '
                         f'--classes {",".join(names)}')
    if source.class_names is None and not source.faults:
        raise ValueError(f'{folder}: has no box and names no class; give the classes with '
                         f'--classes')
    return source
