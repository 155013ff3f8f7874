# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads Pascal VOC annotations, one XML file each, and reports errors with their lines."""
import math
import re
from typing import NamedTuple, Optional
from xml.etree.ElementTree import TreeBuilder
from xml.parsers import expat

from ..utils.files import open_regular
from ..utils.text import clean_name, decode_text
from .records import unknown_class

__all__ = ['BrokenXmlError', 'line_of', 'parse_xml', 'read_annotation', 'read_object']

FLAGS = {'': 0, '0': 0, 'false': 0, '1': 1, 'true': 1}
CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
WIDE = re.compile(r'(utf-?(16|32)|ucs-?[24]|unicode$)', re.IGNORECASE)
ENCODING = re.compile(rb'\s*<\?xml[^>]*encoding\s*=\s*["\']([A-Za-z][\w.-]*)["\']')


class BrokenXmlError(Exception):
    """A faulty XML file; its arguments are line and message."""


def parse_xml(path, encoding=None):
    """Reads an XML file.

    Args:
        path (str): of the file.
        encoding (str or None): of files that state none; None for UTF-8.

    Returns:
        Element: the root; every element knows its line in the file as ``get('line')``.

    Raises:
        BrokenXmlError: it is not XML, its encoding is unknown, or it defines entities.
        OSError: it cannot be read.
    """
    builder, parser = TreeBuilder(), expat.ParserCreate()

    def start(tag, _):
        builder.start(tag, {'line': str(parser.CurrentLineNumber)})

    def refuse_entity(name, *_):
        # A few lines of them can stand for gigabytes of text.
        raise BrokenXmlError(parser.CurrentLineNumber, f'refused: it defines the entity "{name}"')

    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse_entity
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    with open_regular(path) as f:
        content = f.read()
    try:
        # Of the encodings of Chinese, Expat itself knows only UTF-8 and UTF-16.
        parser.Parse(decode_text(content, 'it', _stated_encoding(content) or encoding).lstrip(),
                     True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        # Errors without a line are about the encoding, which the first line declares.
        raise BrokenXmlError(getattr(error, 'lineno', 1), f'broken XML: {error}') from error
    return builder.close()


def _stated_encoding(content):
    """str or None: the encoding that the first line states, unless the bytes contradict it."""
    stated = ENCODING.match(content)
    name = stated.group(1).decode('ascii') if stated else None
    # .NET programs state their in-memory encoding, UTF-16, of which the pattern matches no byte.
    return None if name and WIDE.match(name) else name


def line_of(element):
    return int(element.get('line'))


def read_object(element, class_names):
    """Reads an ``<object>``.

    Args:
        element (Element): of :func:`parse_xml`.
        class_names (sequence of str or None): the classes that may occur; None for any.

    Returns:
        tuple: class name, 1 if it is difficult and else 0, its box as written in the file (xmin,
        ymin, xmax, ymax) or None, and (line, message) of each fault.
    """
    messages = []
    name = clean_name(element.findtext('name', ''))
    if class_names is not None and name not in class_names:
        messages.append((line_of(_child(element, 'name')), unknown_class(name, class_names)))
    difficult = element.findtext('difficult', '').strip()
    if difficult.lower() not in FLAGS:
        messages.append((line_of(_child(element, 'difficult')),
                         f'<difficult> is "{difficult}", expected 0 or 1'))
    corners = _numbers(element, 'bndbox', CORNERS, messages)
    return name, FLAGS.get(difficult.lower(), 0), corners, messages


class VocAnnotation(NamedTuple):
    """The content of an annotation as PaddleDetection's reader sees it.

    Attributes:
        size (tuple or None): stated width and height in pixels.
        size_line (int): where they are.
        objects, usable, countable (int): objects in the file, boxes that remain after clipping to
            the image, and those of them that are not difficult.
        problems (list of tuple): line and message of each thing that the reader cannot handle.
    """
    size: Optional[tuple]
    size_line: int
    objects: int
    usable: int
    countable: int
    problems: list


def read_annotation(path, class_names):
    """Reads an annotation as PaddleDetection's reader does.

    Args:
        path (str): XML file.
        class_names (sequence of str): the classes that may occur.

    Returns:
        VocAnnotation: what is in it.

    Raises:
        OSError: it cannot be read.
    """
    try:
        root = parse_xml(path)
    except BrokenXmlError as error:
        return VocAnnotation(None, 1, 0, 0, 0, [error.args])
    messages = []
    sides = _numbers(root, 'size', ('width', 'height'), messages)
    if sides and min(sides) <= 0:
        messages.append((line_of(root.find('size')), f'<size> must be above 0, got {sides}'))
        sides = None
    number = root.findtext('id', '0').strip()
    if not re.fullmatch(r'-?\d{1,18}', number):
        messages.append((line_of(root.find('id')), f'<id> is "{number}", expected an integer'))
    objects = usable = countable = 0
    for element in root.iter('object'):
        _, difficult, corners, problems = read_object(element, class_names)
        problems += _flag_problems(element)
        if not problems and sides:
            problems = _reader_problems(element, corners, *sides)
        objects += 1
        if not problems and sides and _is_left(corners, *sides):
            usable += 1
            countable += not difficult
        messages += problems
    size = tuple(sides) if sides else None
    return VocAnnotation(size, line_of(_child(root, 'size')), objects, usable, countable, messages)


def _flag_problems(element):
    flag = element.find('difficult')
    if flag is None or (flag.text or '').strip().lower() not in ('', 'true', 'false'):
        return []
    return [(line_of(flag), f'<difficult> is "{(flag.text or "").strip()}", expected 0 or 1')]


def _reader_problems(element, corners, width, height):
    xmin, ymin, xmax, ymax = corners
    if xmax < xmin or ymax < ymin:
        return [(line_of(element.find('bndbox')), f'box {corners} (xmin, ymin, xmax, ymax) has a '
                                                  f'negative size')]
    if xmin > width or ymin > height or xmax < 0 or ymax < 0:
        return [(line_of(element.find('bndbox')), f'box {corners} (xmin, ymin, xmax, ymax) lies '
                                                  f'outside the image of {width}x{height} pixels')]
    return []


def _is_left(corners, width, height):
    """bool: whether anything remains of a box that is clipped as the reader does."""
    xmin, ymin, xmax, ymax = corners
    return min(xmax, width - 1) > max(xmin, 0) and min(ymax, height - 1) > max(ymin, 0)


def _child(element, tag):
    """The child, or the element itself where the child is missing: something to point at."""
    child = element.find(tag)
    return element if child is None else child


def _numbers(parent, name, tags, messages):
    """Returns numbers of a child, or None after adding to ``messages`` why there are none."""
    element, times = parent.find(name), len(parent.findall(name))
    try:
        if times != 1:
            number = f'are {times} <{name}>, expected one' if times else f'is no <{name}>'
            raise ValueError(f'there {number}')
        return [_number(element, tag) for tag in tags]
    except ValueError as error:
        messages.append((line_of(_child(parent, name)), str(error)))
        return None


def _number(element, tag):
    text = element.findtext(tag, '').strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        point = ' with a point, not a comma' if ',' in text else ''
        raise ValueError(f'<{tag}> is "{text}", expected a number{point}')
    return int(value) if value.is_integer() else value
