# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Finds the files of a source, whatever paths were written on other machines."""
import functools
import os
import re
from collections import defaultdict
from urllib.parse import unquote

from ..utils.text import same_name
from .images import is_image_name

__all__ = ['BareNames', 'ImageFiles', 'agreed_names', 'files_below', 'is_clutter', 'name_key',
           'other_size', 'split_files', 'split_of', 'subfolders']

SPLIT_NAMES = {'train': 'train', 'training': 'train', 'trainval': 'train', 'val': 'val',
               'valid': 'val', 'validation': 'val', 'test': 'test', 'testing': 'test'}
IN_SEVERAL = 'images are in the lists of several splits; the first one counts'
LIST_PREFIX = re.compile('^autosplit_')  # of Ultralytics
# What Label Studio puts before the names of uploaded files.
UPLOAD = re.compile(r'^[0-9a-f]{8}-')
NO_LABELS = 'files beside the images hold no labels and were left out'
UNLABELLED = 'if such images show no defect, give --unlabelled sound'
IMAGE_FOLDERS = ('images', 'jpegimages')


def is_clutter(name):
    """bool: whether a file is hidden, or of the folder that macOS adds to its archives."""
    return name.startswith('.') or name == '__MACOSX'


def subfolders(folder):
    """dict: name to path of the folders in a folder."""
    with os.scandir(folder) as entries:
        return {e.name: e.path for e in entries if e.is_dir() and not is_clutter(e.name)}


def files_below(folder, suffixes=''):
    """Yields the paths of all files below a folder with these suffixes, sorted in each folder.

    Links to folders are followed, each folder once.
    """
    known = {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not is_clutter(name)
                            and _is_new(os.path.join(parent, name), known))
        for name in sorted(names):
            if name.lower().endswith(suffixes) and not is_clutter(name):
                yield os.path.join(parent, name)


def _is_new(path, known):
    """bool: whether a folder is none of those known, to which it is added."""
    real = os.path.realpath(path)
    return real not in known and known.add(real) is None


def split_of(path, folder):
    """str or None: the split that a folder on the way to a file is named after."""
    parts = os.path.relpath(path, folder).lower().split(os.sep)
    return next(filter(None, map(_named_split, parts[:-1])), None)


def _named_split(name):
    """str or None: the split of ``train``, and also of ``train2017``."""
    return SPLIT_NAMES.get(name.lower().rstrip('0123456789'))


def split_files(folder):
    """list of (str, str): paths of the text files that list the images of a split, and which."""
    words = {path: LIST_PREFIX.sub('', stem(path).lower()) for path in files_below(folder, '.txt')}
    if 'train' in words.values():
        # It repeats those of train and val.
        words = {path: word for path, word in words.items() if word != 'trainval'}
    return [(path, SPLIT_NAMES[word]) for path, word in words.items() if word in SPLIT_NAMES]


def split_in_name(path, folder):
    """str or None: as :func:`split_of`, but also ``instances_train2017.json``."""
    words = re.split(r'[^a-z]+', os.path.basename(path).lower())
    return split_of(path, folder) or next(
        (SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)


class ImageFiles:
    """The images below a folder.

    Args:
        folder (str): the source.

    Attributes:
        paths (list of str): of all images, sorted.
    """

    def __init__(self, folder):
        self.folder = folder
        self.paths = [path for path in files_below(folder) if is_image_name(path)]
        self._by_name = defaultdict(list)
        self._by_stem = defaultdict(list)
        for path in self.paths:
            self._by_name[name_key(os.path.basename(path))].append(path)
            self._by_stem[name_key(stem(path))].append(path)

    def with_stem(self, name):
        """list of str: paths of the images of a name without suffix."""
        return self._by_stem.get(name_key(name), []) or self._bare_names.find(name)

    def find(self, name, beside):
        """Finds the image that a label file names.

        Args:
            name (str): as written there, with the folders, drives or addresses of the machine
                that wrote it, or without a suffix.
            beside (str): folder of the label file.

        Returns:
            list of str: the paths that fit best; a single one if the match is unambiguous.
        """
        *folders, name = _parts(name)
        candidates = self._by_name.get(name_key(name), []) or self._by_stem.get(name_key(name), [])
        if not candidates and is_image_name(name):
            # Only the suffix differs, as when the images were converted.
            candidates = self._by_stem.get(name_key(stem(name)), [])
        candidates = candidates or self._bare_names.find(name)
        if len(candidates) < 2:
            return candidates
        beside = os.path.relpath(beside, self.folder).split(os.sep)
        ranks = {path: (_common_end(_parts(path)[:-1], folders), _common_start(
            os.path.relpath(path, self.folder).split(os.sep)[:-1], beside)) for path in candidates}
        best = max(ranks.values())
        return [path for path in candidates if ranks[path] == best]

    def name_of(self, path):
        """str: where an image lies below the folder of its set, ``images``, ``train`` ..."""
        parts = os.path.relpath(path, self.folder).split(os.sep)
        above = [k for k, part in enumerate(parts[:-1])
                 if part.lower() in (*IMAGE_FOLDERS, *SPLIT_NAMES)]
        if above:
            parts = parts[above[-1] + 1:]
        else:
            shared = os.path.relpath(self._common, self.folder)
            parts = parts if shared == os.curdir else parts[len(shared.split(os.sep)):]
        return same_name('/'.join(parts))

    @functools.cached_property
    def _bare_names(self):
        return BareNames(self.paths)

    @functools.cached_property
    def _common(self):
        """str: the folder that holds all images."""
        return os.path.commonpath([os.path.dirname(path) for path in self.paths])


def agreed_names(stated):
    """Makes sure that all files that state the classes agree on names and order.

    Args:
        stated (dict): path of a file to the names that it states, tuple of str.

    Returns:
        tuple of str or None: the names; None without any file.

    Raises:
        ValueError: two of them differ.
    """
    (first, names), *others = list(stated.items()) or [(None, None)]
    for path, other in others:
        if other != names:
            raise ValueError(f'{first} has the classes {", ".join(names)}, {path} has '
                             f'{", ".join(other)}; give the same to both, or remove the one that '
                             f'is not of these labels')
    return names


def stem(path):
    """str: name of a file without its suffix."""
    return os.path.splitext(os.path.basename(path))[0]


class BareNames:
    """Finds images by names to which a tool has added something: another suffix, the escapes of
    an address, or a number that keeps uploads apart.

    Args:
        paths (list of str): of the images.
    """

    def __init__(self, paths):
        self._names, self._uploads = defaultdict(list), defaultdict(list)
        for path in paths:
            name = _bare(os.path.basename(path))
            self._names[name].append(path)
            if UPLOAD.match(name):
                self._uploads[UPLOAD.sub('', name)].append(path)

    def find(self, name):
        """list of str: paths of the images that a name means."""
        name = _bare(name)
        # Never both without their numbers, which may be dates of two images.
        return (self._names.get(name) or self._names.get(UPLOAD.sub('', name))
                or self._uploads.get(name) or [])


def _bare(name):
    name = unquote(name)
    while is_image_name(name):
        name = stem(name)
    return name_key(name)


def other_size(stated, size):
    """str: what may be the matter where a label file states another size than its image's."""
    if tuple(map(str, stated)) == tuple(map(str, size[::-1])):
        return ('width and height are exchanged, as by a tool that does not turn an image by its '
                'EXIF orientation; save the image turned, and label it again')
    return 'was it replaced after it was labelled? Label it again, or correct the size'


def _parts(name):
    """list of str: the parts of a path or an address of any system."""
    if '://' in name or '?' in name:
        address, _, query = name.partition('?')
        name = unquote(query if not address or address.endswith('/') else address)
    return [part for part in re.split(r'[/\\]', name) if part] or ['']


def name_key(name):
    """str: a key that is equal for names that differ only in case or in how they are stored."""
    return same_name(name).lower()


def _common_end(first, second):
    return _common_start(first[::-1], second[::-1])


def _common_start(first, second):
    count = 0
    for one, other in zip(first, second):
        if name_key(one) != name_key(other):
            break
        count += 1
    return count
