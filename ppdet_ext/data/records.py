# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The records that every reader of labelled images returns and the COCO writer takes."""
import math
import os
from collections import Counter
from typing import NamedTuple, Optional

from ..utils.text import alike

__all__ = ['Fault', 'LabelledImage', 'Source', 'SourceCollector', 'enclosing_box', 'plain_number',
           'refuse_fractions', 'rotated_corners', 'unknown_class']

DECIMALS = 2  # of a pixel: the precision that YOLO's six decimals give at 5000 pixels
REPEATED = ('boxes repeat another of the same class and place; they are kept, but no detector can '
            'find both: remove those that were labelled twice by mistake')
OVERHANG = 1.0  # pixels that a box, drawn with a mouse, may reach beyond the image


class Fault(NamedTuple):
    """One thing wrong in a data set: where, and what."""
    file: str
    line: Optional[int]
    message: str

    def __str__(self):
        place = self.file if self.line is None else f'{self.file}:{self.line}'
        return f'{place}: {self.message}'


class LabelledImage(NamedTuple):
    """One image with its boxes; without any it shows no defect.

    Attributes:
        path (str): of the file.
        name (str): path below ``images/`` of the new data set.
        width, height (int): in pixels.
        boxes (list of dict): ``class_name``, ``bbox`` (x1, y1, x2, y2 in pixels; x2 and y2
            exclusive) and ``difficult``, 0 or 1.
        split (str or None): as the source divides its images; None if it does not.
    """
    path: str
    name: str
    width: int
    height: int
    boxes: list
    split: Optional[str] = None


class Source(NamedTuple):
    """All sound images of a source, and what was wrong with the rest.

    Attributes:
        images (list of LabelledImage): sorted by name.
        faults (list of Fault): sorted by file, with paths relative to the source.
        class_names (tuple of str or None): in the order of their categories; None if no file
            states it.
        seen (collections.Counter): how often each class occurs.
        images_left_out, boxes_left_out (int): the boxes from images that stay.
        notes (list of str): what was read differently from what the file says.
        description (str): the source's own, such as that it is synthetic.
    """
    images: list
    faults: list
    class_names: Optional[tuple]
    seen: Counter
    images_left_out: int
    boxes_left_out: int
    notes: list
    description: str = ''


class SourceCollector:
    """Collects what a reader finds, whatever the format.

    Args:
        folder (str): the source, to which the paths of faults are relative.
        class_names (sequence of str or None): that may occur; None for any.

    Attributes:
        seen (collections.Counter): how often each class occurs.
    """

    def __init__(self, folder, class_names):
        self.folder = folder
        self.class_names = None if class_names is None else tuple(class_names)
        self.images, self.faults, self.notes, self.seen = [], [], Counter(), Counter()
        self.left_out = self.lost_boxes = 0

    def fault(self, path, line, message):
        """Keeps a fault."""
        self.faults.append(Fault(os.path.relpath(path, self.folder), line, message))

    def note(self, text, times=1):
        """Counts something that was read differently from what the file says."""
        self.notes[text] += times

    def see(self, name):
        """Counts a box of a class, known or not."""
        self.seen[name] += 1

    def unknown_class(self, name):
        """str or None: what is wrong with the name of a class, which is counted."""
        self.see(name)
        if self.class_names is None or name in self.class_names:
            return None
        return unknown_class(name, self.class_names)

    def add(self, image, lost_boxes=0):
        """Adds an image, unless it lost all its boxes to faults.

        Without boxes it would teach that its defects are background.
        """
        if lost_boxes and not image.boxes:
            self.left_out += 1
            return
        repeated = sum(box in image.boxes[:k] for k, box in enumerate(image.boxes))
        if repeated:
            self.note(REPEATED, repeated)
        self.images.append(image)
        self.lost_boxes += lost_boxes

    def leave_out(self):
        """Counts an image that is unusable."""
        self.left_out += 1

    def result(self):
        """Source: all that was found."""
        return Source(
            images=sorted(self.images, key=lambda image: image.name),
            faults=sorted(self.faults, key=lambda f: (f.file, f.line or 0)),
            class_names=self.class_names, seen=self.seen, images_left_out=self.left_out,
            boxes_left_out=self.lost_boxes,
            notes=[f'{times} {text}' for text, times in sorted(self.notes.items())])


def unknown_class(name, class_names):
    """str: the message about a name that is not one of the classes."""
    near = [known for known in class_names if alike(known) == alike(name)]
    remedy = f'; write it as {near[0]}' if near else ''
    return f'unknown class "{name}", expected one of {", ".join(class_names)}{remedy}'


def plain_number(value):
    """int or float: rounded to hundredths of a pixel, so that every format gives the same."""
    value = round(float(value), DECIMALS)
    return int(value) if value.is_integer() else value


def enclosing_box(points, width, height, overhang=OVERHANG):
    """Finds the box around points, clipped to the image.

    Args:
        points (list): (x, y) in pixels, two or more.
        width, height (int): of the image.
        overhang (float): how far it may reach beyond the image, in pixels.

    Returns:
        tuple: x1, y1, x2, y2.

    Raises:
        ValueError: it has no size within the image, or reaches further beyond it.
    """
    xs, ys = zip(*points)
    box = [plain_number(value) for value in (min(xs), min(ys), max(xs), max(ys))]
    x1, y1, x2, y2 = box
    if min(x1, y1) < -overhang or x2 > width + overhang or y2 > height + overhang:
        raise ValueError(f'box {box} (x1, y1, x2, y2) is outside the image of {width}x{height} '
                         f'pixels')
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f'box {box} (x1, y1, x2, y2) has no positive size')
    return x1, y1, x2, y2


def refuse_fractions(points):
    """Raises a ValueError where no point leaves the first pixel, as with YOLO's fractions."""
    if max(map(max, points)) <= 1:
        raise ValueError(f'{[list(point) for point in points]} lie within the first pixel; are '
                         f'they fractions of width and height? Pixels are expected')


def rotated_corners(box, degrees):
    """list of tuple: the corners of a box (x1, y1, x2, y2) that is turned about its centre."""
    x1, y1, x2, y2 = box
    x, y, turn = (x1 + x2) / 2, (y1 + y2) / 2, math.radians(degrees)
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x + (a - x) * cos - (b - y) * sin, y + (a - x) * sin + (b - y) * cos)
            for a, b in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
