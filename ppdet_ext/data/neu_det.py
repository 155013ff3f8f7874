# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Converts NEU-DET, or other defect data with Pascal VOC annotations, to COCO."""
import os
import shutil
from collections import Counter

from ..safe_io.archive import unpacked
from ..utils.files import write_json
from ..utils.progress import progress
from .coco import NEU_DET_CLASSES, SPLITS, coco_dataset, stratified_split
from .dataset_folder import new_dataset_folder
from .voc import read_voc

__all__ = ['InvalidDataError', 'dominant_class', 'prepare']

NO_BOXES = '(no boxes)'


class InvalidDataError(ValueError):
    """The source has faults; ``faults`` lists all of them."""

    def __init__(self, faults):
        files = len({fault.file for fault in faults})
        super().__init__(f'{len(faults)} faults in {files} files, nothing was written; repair '
                         'them, or go on without these images and boxes by --skip-invalid')
        self.faults = faults


def prepare(source, output, class_names=NEU_DET_CLASSES, seed=0, skip_invalid=False,
            overwrite=False, box_origin=1):
    """Writes a COCO data set with a train, val and test split to ``output``.

    ``output`` appears whole or not at all, also when interrupted.

    Args:
        source (str): folder, zip or tar, laid out as :func:`ppdet_ext.data.voc.read_voc` says.
        output (str): folder to make.
        class_names (sequence of str): categories in this order, ids from 1.
        seed (int): the same seed gives the same split, whatever the layout of the source.
        skip_invalid (bool): leave faulty images and boxes out instead of refusing the source.
        overwrite (bool): replace ``output`` if it holds a data set and nothing else.
        box_origin (int): 1 or 0, as in :func:`ppdet_ext.data.voc.read_voc`.

    Returns:
        str: the report, as in ``report.txt``: images and boxes of each class and split, and
        every fault that was skipped.

    Raises:
        InvalidDataError: faults in the source, unless ``skip_invalid``.
        FileNotFoundError: no such source.
        FileExistsError: ``output`` is not empty and may not be replaced, or holds the source.
        ValueError: the source is no data set, or holds no sound image.
    """
    source, output = os.path.realpath(source), os.path.realpath(output)
    if not os.path.exists(source):
        raise FileNotFoundError(f'{source}: no such file or folder, expected the data set')
    if (source + os.sep).startswith(output + os.sep):
        raise FileExistsError(f'{output}: would replace the source {source}, give another output')
    if os.path.isfile(source):
        print(f'unpacking {source}')
    with new_dataset_folder(output, overwrite) as result, \
            unpacked(source, os.path.dirname(output)) as folder:
        data = read_voc(folder, class_names, box_origin)
        if data.faults and not skip_invalid:
            raise InvalidDataError(data.faults)
        if not data.images:
            raise ValueError(f'{source}: no sound image is left')
        labels = [dominant_class(image.boxes, class_names) for image in data.images]
        splits = stratified_split(labels, seed)
        _write(result, data.images, splits, class_names)
        report = _report(source, data, labels, splits, class_names, seed, box_origin)
        _write_text(os.path.join(result, 'report.txt'), report)
    return report


def dominant_class(boxes, class_names):
    """Returns the class with most boxes, the first in class order where several have as many."""
    counts = Counter(box['class_name'] for box in boxes)
    return max(class_names, key=lambda name: counts[name]) if boxes else NO_BOXES


def _write(folder, images, splits, class_names):
    image_folder = os.path.join(folder, 'images')
    annotation_folder = os.path.join(folder, 'annotations')
    os.makedirs(image_folder)
    os.makedirs(annotation_folder)
    for image in progress(images, 'copying'):
        shutil.copyfile(image.path, os.path.join(image_folder, os.path.basename(image.path)))
    for split, indices in splits.items():
        chosen = [images[index] for index in indices]
        records = [{'file_name': os.path.basename(image.path), 'height': image.height,
                    'width': image.width} for image in chosen]
        content = coco_dataset(records, [image.boxes for image in chosen], class_names,
                               f'{os.path.basename(folder)} {split}')
        write_json(os.path.join(annotation_folder, f'{split}.json'), content)
    _write_text(os.path.join(folder, 'label_list.txt'), '\n'.join(class_names) + '\n')


def _write_text(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def _report(source, data, labels, splits, class_names, seed, box_origin):
    shares = ', '.join(f'{name} {share:.0%}' for name, share in SPLITS.items())
    return '\n'.join([
        f'source: {os.path.basename(source)}',
        f'split: {shares}; seed {seed}; by the class with most boxes in the image',
        f'boxes: source counts from {box_origin}; stored as x, y, width, height from 0',
        '',
        *_table('images', splits, [*class_names, NO_BOXES],
                lambda index: [labels[index]]),
        '',
        *_table('boxes', splits, class_names,
                lambda index: [box['class_name'] for box in data.images[index].boxes]),
        '',
        f'left out: {data.images_left_out} images or annotation files, and '
        f'{data.boxes_left_out} boxes of images that stay',
        *(f'  {fault}' for fault in data.faults),
        *(f'note: {split} is empty, it needs more images'
          for split, indices in splits.items() if not indices),
    ]) + '\n'


def _table(title, splits, rows, names_of):
    """Counts, per split and row, the names that ``names_of`` gives for the image indices."""
    counts = {split: Counter(name for index in indices for name in names_of(index))
              for split, indices in splits.items()}
    width = max(len(text) for text in [title, *rows])
    yield f'{title:<{width}}' + ''.join(f'{split:>8}' for split in counts) + f'{"all":>8}'
    for row in rows:
        numbers = [count[row] for count in counts.values()]
        yield f'{row:<{width}}' + ''.join(f'{n:>8}' for n in [*numbers, sum(numbers)])
    totals = [sum(count.values()) for count in counts.values()]
    yield f'{"all":<{width}}' + ''.join(f'{n:>8}' for n in [*totals, sum(totals)])
