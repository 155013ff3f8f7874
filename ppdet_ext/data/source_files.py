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

__all__ = ['ImageFiles', 'agreed_names', 'files_below', 'is_clutter', 'split_of', 'subfolders']

SPLIT_NAMES = {'train': 'train', 'training': 'train', 'val': 'val', 'valid': 'val',
               'validation': 'val', 'test': 'test', 'testing': 'test'}
IN_SEVERAL = 'images are in the lists of several splits; the first one counts'
OTHER_SIZE = 'was it replaced after it was labelled? Label it again, or correct the size'
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
    """Yields the paths of all files below a folder with these suffixes, sorted in each folder."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_clutter(name))
        for name in sorted(names):
            if name.lower().endswith(suffixes) and not is_clutter(name):
                yield os.path.join(parent, name)


def split_of(path, folder):
    """str or None: the split that a folder on the way to a file is named after."""
    parts = os.path.relpath(path, folder).lower().split(os.sep)
    for part in parts[:-1]:
        if part in SPLIT_NAMES:
            return SPLIT_NAMES[part]
    return None


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
            self._by_name[_key(os.path.basename(path))].append(path)
            self._by_stem[_key(stem(path))].append(path)

    def with_stem(self, name):
        """list of str: paths of the images of a name without suffix."""
        return self._by_stem.get(_key(name), [])

    def find(self, name, beside):
        """Finds the image that a label file names.

        Args:
            name (str): as written there, with the folders, drives or addresses of the machine
                that wrote it, or without a suffix.
            beside (str): folder of the label file.

        Returns:
            list of str: the paths that fit best; a single one if the match is unambiguous.
        """
        parts = _parts(name)
        candidates = self._by_name.get(_key(parts[-1]), []) or self._by_stem.get(
            _key(parts[-1]), []) or self._named_alike(parts[-1])
        if len(candidates) < 2:
            return candidates
        beside = os.path.relpath(beside, self.folder).split(os.sep)
        ranks = {path: (_common_end(_parts(path)[:-1], parts[:-1]), _common_start(
            os.path.relpath(path, self.folder).split(os.sep)[:-1], beside)) for path in candidates}
        best = max(ranks.values())
        return [path for path in candidates if ranks[path] == best]

    def _named_alike(self, name):
        """list of str: images that only have another suffix, as when they were converted."""
        return self._by_stem.get(_key(stem(name)), []) if is_image_name(name) else []

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


def _parts(name):
    """list of str: the parts of a path or an address of any system."""
    name = unquote(name.rsplit('?', 1)[-1]) if '://' in name or '?' in name else name
    return [part for part in re.split(r'[/\\]', name) if part] or ['']


def _key(name):
    return same_name(name).lower()


def _common_end(first, second):
    return _common_start(first[::-1], second[::-1])


def _common_start(first, second):
    count = 0
    for one, other in zip(first, second):
        if _key(one) != _key(other):
            break
        count += 1
    return count
