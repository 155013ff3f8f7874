# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads YOLO's label files: one text file per image, one line per box, in fractions of its size."""
import math
import os
from collections import Counter, defaultdict

from ..safe_io.safe_yaml import load_yaml, repeated_keys
from ..utils.files import open_text, read_text
from ..utils.progress import progress
from ..utils.text import clean_name, same_name
from .check import read_class_names
from .images import image_size
from .records import OVERHANG, LabelledImage, SourceCollector, enclosing_box
from .source_files import (
    IN_SEVERAL,
    NO_LABELS,
    UNLABELLED,
    BareNames,
    ImageFiles,
    agreed_names,
    files_below,
    name_key,
    split_files,
    split_of,
    stem,
)

__all__ = ['is_yolo_line', 'read_yolo', 'yolo_class_names']

CLASS_FILES = ('classes.txt', 'obj.names')
# Where there is none of those: of other tools, or what a tool offered at the start.
MORE_CLASS_FILES = ('predefined_classes.txt', 'label_list.txt', 'labels.txt')
# Text files of the tools that hold no boxes.
OTHER_FILES = (*CLASS_FILES, *MORE_CLASS_FILES, 'train.txt', 'val.txt', 'valid.txt', 'test.txt',
               'trainval.txt', 'autosplit_train.txt', 'autosplit_val.txt', 'autosplit_test.txt',
               'readme.txt', 'readme.roboflow.txt', 'readme.dataset.txt')
SLACK = 1e-3  # fraction of the image by which rounding may move a box beyond it
POLYGONS = 'polygons and rotated boxes became their enclosing box'
KEYPOINTS = 'boxes have keypoints, which are left out'
SCORES = 'boxes have a score in a sixth column, which is ignored'


def is_yolo_line(line):
    """bool: whether a line of text may be a box."""
    words = line.split()
    try:
        return len(words) >= 5 and all(math.isfinite(float(word)) for word in words)
    except ValueError:
        return False


def read_yolo(source, class_names, unlabelled_sound=False, encoding=None):
    """Reads a data set of YOLO's label files.

    The label of an image is the text file of its name in the folder ``labels`` that takes the
    place of ``images``, or else beside it, or else the only one of this name. Splits are those of
    ``data.yaml``, ``train.txt`` ..., or of folders named ``train``, ``val`` ...

    Args:
        source (str): folder.
        class_names (sequence of str or None): the order of the classes; None for that of
            ``data.yaml``, ``classes.txt`` or ``obj.names``, which also says what the numbers in
            the label files mean, wherever there is one.
        unlabelled_sound (bool): images without a label file show no defect.
        encoding (str or None): of the text files; None for UTF-8.

    Returns:
        Source: what was found; without names of the classes, in ``seen``, their numbers.

    Raises:
        ValueError: the names of the classes, or the shape of the keypoints, cannot be read.
    """
    stated = yolo_class_names(source, encoding)
    collector = SourceCollector(source, class_names or stated)
    images = ImageFiles(source)
    splits = _stated_splits(source, images, encoding, collector)
    labels = _labels_of(images.paths, source)
    times = Counter(labels.values())
    reader = _YoloReader(collector, stated or class_names, encoding,
                         _keypoint_lengths(source, encoding))
    for path in progress(images.paths, 'reading'):
        name, split = images.name_of(path), splits.get(path) or split_of(path, source)
        label = labels.get(path)
        if label and times[label] > 1:
            collector.fault(path, None, f'one of {times[label]} images for the label file '
                                        f'{os.path.relpath(label, source)}')
            collector.leave_out()
            continue
        reader.read(path, label, name, split, unlabelled_sound)
    for label in _label_files(source):
        if label not in times and _may_hold_boxes(label, encoding):
            collector.fault(label, None, 'there is no image of this name')
        elif label not in times:
            collector.note(NO_LABELS)
    return collector.result()


class _YoloReader:
    def __init__(self, collector, names_by_number, encoding, keypoint_lengths):
        self.collector, self.names, self.encoding = collector, names_by_number, encoding
        self.keypoint_lengths = keypoint_lengths

    def read(self, path, label, name, split, unlabelled_sound):
        try:
            size = image_size(path)
            text = read_text(label, self.encoding) if label else ''
        except (OSError, ValueError) as error:
            self.collector.fault(path, None, str(error))
            self.collector.leave_out()
            return
        if label is None and not unlabelled_sound:
            self.collector.fault(path, None, f'there is no label file (.txt) of this name; '
                                             f'{UNLABELLED}')
            self.collector.leave_out()
            return
        boxes, lost = [], 0
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                boxes.append(self._read_line(line, *size))
            except ValueError as error:
                self.collector.fault(label, number, str(error))
                lost += 1
        self.collector.add(LabelledImage(path, name, *size, boxes, split), lost)

    def _read_line(self, line, width, height):
        words = line.split()
        try:
            number, *values = map(float, words)
        except ValueError:
            raise ValueError(f'expected a class number, x, y, width and height, separated by '
                             f'blanks, got "{line.strip()}"') from None
        if len(values) - 4 in self.keypoint_lengths:
            values = values[:4]
            self.collector.note(KEYPOINTS)
        if len(values) == 5:
            values = values[:4]
            self.collector.note(SCORES)
        if len(values) != 4 and (len(values) < 6 or len(values) % 2):
            raise ValueError(f'expected a class, x, y, width, height, or a class and points x, y, '
                             f'got {len(words)} numbers')
        # Of four points some may be the corners of a rotated box that was drawn within the image.
        slack, overhang = (1.0, math.inf) if len(values) == 8 else (SLACK, OVERHANG)
        problem = _value_problem(values, slack)
        if problem:
            raise ValueError(problem)
        class_name = self._class_name(number)
        if len(values) == 4:
            x, y, w, h = values
            points = [(x - w / 2, y - h / 2), (x + w / 2, y + h / 2)]
            if w <= 0 or h <= 0:
                raise ValueError(f'box {values} (x, y, width, height) has no positive size')
        else:
            points = list(zip(values[::2], values[1::2]))
            self.collector.note(POLYGONS)
        box = enclosing_box([(x * width, y * height) for x, y in points], width, height, overhang)
        return {'class_name': class_name, 'bbox': box, 'difficult': 0}

    def _class_name(self, number):
        if not number.is_integer() or number < 0:
            raise ValueError(f'the class must be an integer of at least 0, got {number:g}')
        names = self.names
        if names is not None and number >= len(names):
            raise ValueError(f'class {number:.0f}, but there are {len(names)} classes, counted '
                             f'from 0: {", ".join(names)}; name all, or correct the number')
        name = f'{number:.0f}' if names is None else names[int(number)]
        problem = self.collector.unknown_class(name)
        if problem:
            raise ValueError(problem)
        return name


def _value_problem(values, slack):
    if not all(map(math.isfinite, values)):
        return f'expected numbers, got {values}'
    if max(values) > 2:
        return f'{values} are pixels; YOLO uses fractions of width and height, from 0 to 1'
    if min(values) < -slack or max(values) > 1 + slack:
        return f'{values} are not within the image, from 0 to 1'
    return None


def _label_files(source):
    return [path for path in files_below(source, '.txt')
            if os.path.basename(path).lower() not in OTHER_FILES]


def _may_hold_boxes(path, encoding):
    """bool: not so where a file holds other text, as a licence does."""
    try:
        lines = [line for line in read_text(path, encoding).splitlines() if line.strip()]
    except (OSError, ValueError):
        return True
    return not lines or any(map(is_yolo_line, lines))


def _labels_of(images, source):
    """dict: path of an image to that of its label file, for those that have one."""
    files = _label_files(source)
    # Names in the same case come later, so that they win.
    by_name = {**{name_key(path): path for path in files},
               **{same_name(path): path for path in files}}
    labels = {}
    for image in images:
        places = [f'{place}.txt' for place in _places(image, source)]
        names = [form(place) for place in places for form in (same_name, name_key)]
        labels[image] = next((by_name[name] for name in names if name in by_name), None)
    # A label elsewhere is matched if it is not taken yet and the only one of its name.
    rest, nameless = defaultdict(list), defaultdict(list)
    for path in set(files) - set(labels.values()):
        rest[name_key(stem(path))].append(path)
    for image in (image for image in images if labels[image] is None):
        nameless[name_key(stem(image))].append(image)
    for name, paths in rest.items():
        if len(paths) == 1:
            labels.update(dict.fromkeys(nameless[name], paths[0]))
    _add_bare_names(labels, files)
    return {image: label for image, label in labels.items() if label}


def _add_bare_names(labels, files):
    """Adds label files to whose names a tool has added something."""
    names = BareNames([image for image, label in labels.items() if label is None])
    meant = defaultdict(list)
    for path in set(files) - set(labels.values()):
        found = names.find(stem(path))
        if len(found) == 1:
            meant[found[0]].append(path)
    labels.update({image: paths[0] for image, paths in meant.items() if len(paths) == 1})


def _places(image, source):
    """Yields where the label file of an image may lie, without the suffix, the likeliest first."""
    bare = os.path.splitext(image)[0]
    parts = os.path.relpath(bare, source).split(os.sep)
    for k in reversed(range(len(parts) - 1)):
        if parts[k].lower() == 'images':
            yield os.path.join(source, *parts[:k], 'labels', *parts[k + 1:])
    yield bare


def _data_yamls(source, encoding):
    """dict: path to content of the YAMLs that describe the set, dictionaries with ``names``.

    Raises:
        ValueError: the only candidates cannot be read, or one has a key twice.
    """
    found, unreadable = {}, []
    for path in files_below(source, ('.yaml', '.yml')):
        try:
            content = load_yaml(open_text(path, encoding))
        except ValueError as error:
            unreadable.append(f'{error}; correct it')
        else:
            if isinstance(content, dict) and 'names' in content:
                for repeated in repeated_keys(path, encoding):
                    raise ValueError(f'{repeated}; remove one of the two')
                found[path] = content
    if unreadable and not found:
        raise ValueError(unreadable[0])
    return found


def _keypoint_lengths(source, encoding):
    """set of int: how many numbers follow a box, by the YAMLs that state keypoints.

    Without them they could not be told from the points of a polygon.
    """
    lengths = set()
    for path, content in _data_yamls(source, encoding).items():
        if 'kpt_shape' in content:
            try:
                points, numbers = map(int, content['kpt_shape'])
            except (TypeError, ValueError):
                raise ValueError(f'{path}: kpt_shape is the number of keypoints and of the values '
                                 f'of each, as [17, 3], got {content["kpt_shape"]!r}') from None
            lengths.add(points * numbers)
    return lengths - {0}


def yolo_class_names(source, encoding=None):
    """Reads what the numbers of the classes mean.

    Args:
        source (str): folder.
        encoding (str or None): of the text files; None for UTF-8.

    Returns:
        tuple of str or None: by number; None where nothing tells it.

    Raises:
        ValueError: the names are not all different, do not count from 0, or those of several
            files differ.
    """
    stated = {path: _yaml_names(path, content)
              for path, content in _data_yamls(source, encoding).items()}
    lists = [path for path in files_below(source, ('.txt', '.names'))
             if os.path.basename(path).lower() in CLASS_FILES or path.lower().endswith('.names')]
    if not stated and not lists:
        lists = [path for path in files_below(source, '.txt')
                 if os.path.basename(path).lower() in MORE_CLASS_FILES]
    stated.update({path: tuple(read_class_names(path, encoding)) for path in lists})
    return agreed_names(stated)


def _yaml_names(path, content):
    names = _checked(path, content['names'])
    count = content.get('nc')
    if count is not None and str(count) != str(len(names)):
        raise ValueError(f'{path}: nc is {content["nc"]}, but there are {len(names)} names: '
                         f'{", ".join(names)}; correct one of them')
    return names


def _checked(path, names):
    if isinstance(names, dict):
        try:
            numbers = sorted(names, key=int)
        except (TypeError, ValueError):
            numbers = list(names)
        if [str(number) for number in numbers] != [str(k) for k in range(len(names))]:
            raise ValueError(f'{path}: names count from 0 without a gap, got {list(names)}')
        names = [names[number] for number in numbers]
    if not isinstance(names, list) or not names:
        raise ValueError(f'{path}: names must be a list of the classes, got {names!r}; write '
                         f'names: [dent, scratch]')
    for name in names:
        # YAML reads no, off, null, 1.0 and 2026-01-01 as other values than text.
        if type(name) not in (str, int):
            raise ValueError(f'{path}: YAML reads one of the names as {name!r}, which is not text; '
                             f'put all names in quotes')
    names = tuple(clean_name(str(name)) for name in names)
    if '' in names or len(set(names)) < len(names):
        raise ValueError(f'{path}: expected different names of classes, got {list(names)}')
    return names


def _stated_splits(source, images, encoding, collector):
    """dict: image path to split, as data.yaml or the lists beside it say."""
    yamls = _data_yamls(source, encoding)
    path = next((path for path, content in yamls.items() if any(_yaml_splits(content).values())),
                next(iter(yamls), None))
    content = yamls.get(path, {})
    entries = _yaml_splits(content)
    folder = os.path.dirname(path) if path else source
    for list_path, part in split_files(source):
        if not entries.get(part):
            entries[part] = [list_path]
    splits = {}
    for part, places in entries.items():
        for place in places:
            found = _images_of(place, folder, images, encoding)
            if not found:
                collector.note(f'entry of {os.path.basename(path or source)} for {part}, '
                               f'"{place}", matches no image and is ignored')
            for image in found:
                if splits.setdefault(image, part) != part:
                    collector.note(IN_SEVERAL)
    return splits


def _yaml_splits(content):
    return {part: [entries] if isinstance(entries, str) else entries or []
            for part, entries in ((part, content.get(part)) for part in ('train', 'val', 'test'))
            if isinstance(entries, (str, list))}


def _images_of(place, folder, images, encoding):
    """list of str: the images of a folder or a list, whose path may be from another machine."""
    parts = [part for part in str(place).replace('\\', '/').split('/')
             if part not in ('', '.', '..')]
    for k in range(len(parts)):
        for base in (folder, images.folder):
            path = os.path.join(base, *parts[k:])
            if os.path.isfile(path) and path.lower().endswith('.txt'):
                lines = [line.strip() for line in read_text(path, encoding).splitlines()]
                found = [images.find(line, os.path.dirname(path)) for line in lines if line]
                return [paths[0] for paths in found if paths]
            if os.path.isdir(path):
                inside = os.path.join(path, '')
                return [image for image in images.paths if image.startswith(inside)]
    return []
