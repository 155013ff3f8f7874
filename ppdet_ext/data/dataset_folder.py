# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Writes the folder of a data set, all of it or nothing, without deleting other files."""
import contextlib
import os
import shutil
import tempfile

from ..utils.files import replace_folder
from .coco import SPLITS
from .coco_file import read_coco
from .dataset_yaml import HEADER

__all__ = ['new_dataset_folder']

# The files of a data set made by this package, besides the images that it lists.
ANNOTATIONS = tuple(os.path.join('annotations', f'{split}.json') for split in SPLITS)
CONTENT = (*ANNOTATIONS, 'label_list.txt', 'report.txt', 'dataset.yml')
FEW_SHOT = os.path.join('annotations', 'few_shot', '')


@contextlib.contextmanager
def new_dataset_folder(output, overwrite=False):
    """Provides an empty folder that replaces ``output`` if the block succeeds.

    Args:
        output (str): the folder to make.
        overwrite (bool): ``output`` may hold an earlier data set; it is deleted in the end.

    Yields:
        str: the folder to fill, beside ``output`` and so on the same disk.

    Raises:
        FileExistsError: ``output`` exists and may not be replaced, or holds a file that is not of
            the data set.
    """
    output = os.path.realpath(output)
    _refuse_output(output, overwrite)
    parent, name = os.path.split(output)
    os.makedirs(parent, exist_ok=True)
    workshop = tempfile.mkdtemp(prefix=f'.{name}.', dir=parent)
    try:
        result = os.path.join(workshop, name)
        os.mkdir(result)
        yield result
        replace_folder(result, output, aside=f'{workshop}.replaced')
    finally:
        shutil.rmtree(workshop)


def _refuse_output(output, overwrite):
    if not os.path.exists(output):
        return
    if not os.path.isdir(output):
        raise FileExistsError(f'{output}: is a file, expected a folder')
    own = _own_files(output)
    foreign = sorted(path for path in _files(output) if path not in own)
    if foreign and foreign[0].startswith(FEW_SHOT):
        raise FileExistsError(f'{output}: holds {foreign[0]}, a few-shot set, which would no '
                              'longer fit; remove such sets or move them away, or give another '
                              'output')
    if foreign:
        raise FileExistsError(f'{output}: holds {foreign[0]}, which is not part of a data set, '
                              'give another output')
    if os.listdir(output) and not overwrite:
        raise FileExistsError(f'{output}: exists, give another output, or --overwrite to replace '
                              'it')


def _files(folder):
    """Paths below ``folder`` of all files, and of links to folders."""
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        for name in (*names, *links):
            yield os.path.relpath(os.path.join(parent, name), folder)


def _own_files(folder):
    images = set()
    for annotations in ANNOTATIONS:
        try:
            content = read_coco(os.path.join(folder, annotations))
        except (OSError, ValueError):
            continue  # its images cannot be told from other files
        images |= {os.path.join('images', *image['file_name'].split('/'))
                   for image in content.images}
    return images.union(CONTENT, filter(None, map(_run_config, os.scandir(folder))))


def _run_config(entry):
    """str or None: the name of a YAML that was written with a data set, for its runs."""
    if not entry.is_file() or not entry.name.endswith('.yml'):
        return None
    with open(entry, encoding='utf-8', errors='replace') as f:
        return entry.name if f.readline().startswith(HEADER) else None


