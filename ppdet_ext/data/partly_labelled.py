# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Partly labelled sets, to measure what the missing labels are worth."""
import os
from collections import Counter, defaultdict
from typing import NamedTuple

from ..utils.files import read_text, write_json, write_text
from .coco import stratified_split
from .coco_file import read_sound_coco, takes_part
from .prepare import dominant_class

__all__ = ['FOLDER', 'PartlyLabelled', 'make_partly_labelled', 'table', 'write_partly_labelled']

FOLDER = os.path.join('annotations', 'partly_labelled')  # in the data set


class PartlyLabelled(NamedTuple):
    """A part of a data set with its labels, and the names of the other images.

    Attributes:
        content (dict): COCO annotations of the part.
        unlabelled (list of str): file names of the others, in the order of the data set.
    """
    content: dict
    unlabelled: list


def make_partly_labelled(annotations, fractions, seeds):
    """Divides the images of an annotation file into labelled and unlabelled ones.

    The division is stratified by the class with the most boxes in an image. For one seed, a smaller
    part is contained in the larger ones.

    Args:
        annotations (str): COCO file.
        fractions (iterable of float): shares of labelled images, between 0 and 1.
        seeds (iterable of int): of the choice; one set for each and each fraction.

    Returns:
        dict of str to PartlyLabelled: by name, ``10percent_seed0`` ...

    Raises:
        FileNotFoundError: no such file.
        ValueError: a fraction out of its range, a faulty file, or a class that is left without a
            labelled box.
    """
    for fraction in fractions:
        if not 0 < fraction < 1:
            raise ValueError(f'--fraction must be between 0 and 1, got {fraction}')
    coco = read_sound_coco(annotations)
    names = {category['id']: category['name'] for category in coco.categories}
    boxes = defaultdict(list)
    for box in coco.annotations:
        if takes_part(box):
            boxes[box['image_id']].append({'class_name': names[box['category_id']]})
    labels = [dominant_class(boxes[image['id']], list(names.values())) for image in coco.images]
    sets = {f'{100 * fraction:g}percent_seed{seed}': _part(coco, labels, fraction, seed)
            for seed in seeds for fraction in fractions}
    all_classes = _counts(coco.annotations, names)
    for name, part in sets.items():
        missing = set(all_classes) - set(_counts(part.content['annotations'], names))
        if missing:
            raise ValueError(f'{annotations}: {name} would have no labelled box of '
                             f'{", ".join(sorted(missing))}; take a larger --fraction')
    return sets


def _part(coco, labels, fraction, seed):
    chosen = stratified_split(labels, seed, {'labelled': fraction, 'unlabelled': 1 - fraction})
    images = [coco.images[index] for index in chosen['labelled']]
    ids = {image['id'] for image in images}
    content = {'info': coco.info, 'images': images, 'categories': coco.categories,
               'annotations': [box for box in coco.annotations if box['image_id'] in ids]}
    return PartlyLabelled(content, [coco.images[k]['file_name'] for k in chosen['unlabelled']])


def _counts(annotations, names):
    return Counter(names[box['category_id']] for box in annotations if takes_part(box))


def write_partly_labelled(folder, sets, overwrite=False):
    """Writes ``<name>.json`` and ``<name>_unlabelled.txt`` of every set.

    Args:
        folder (str): created if missing.
        sets (dict of str to PartlyLabelled): as :func:`make_partly_labelled` returns them.
        overwrite (bool): replace files that hold something else.

    Raises:
        FileExistsError: a list holds other images and may not be replaced.
    """
    lists = {os.path.join(folder, f'{name}_unlabelled.txt'): '\n'.join(part.unlabelled) + '\n'
             for name, part in sets.items()}
    changed = [path for path, text in lists.items()
               if os.path.exists(path) and read_text(path) != text]
    if changed and not overwrite:
        raise FileExistsError(f'{changed[0]} exists and holds other images; give another --output, '
                              f'or --overwrite to replace it')
    os.makedirs(folder, exist_ok=True)
    for name, part in sets.items():
        write_json(os.path.join(folder, f'{name}.json'), part.content)
    for path, text in lists.items():
        write_text(path, text)


def table(sets):
    """str: labelled and unlabelled images, and labelled boxes by class, one line per set."""
    lines = []
    for name, part in sets.items():
        names = {category['id']: category['name'] for category in part.content['categories']}
        counts = _counts(part.content['annotations'], names)
        lines.append(f'{name}: {len(part.content["images"])} labelled images ('
                     f'{", ".join(f"{name} {counts[name]}" for name in names.values())} boxes), '
                     f'{len(part.unlabelled)} unlabelled')
    return '\n'.join(lines)
