# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Makes a COCO data set, ready to train on, from labelled images in any known format."""
import os
import re
import shutil
from collections import Counter, defaultdict
from typing import NamedTuple, Optional

from ..safe_io.archive import unpacked
from ..utils.files import sha256, write_json, write_text
from ..utils.progress import progress
from ..utils.text import alike, counted, same_name
from .coco import SPLITS, coco_dataset, grouped_split, stratified_split
from .dataset_folder import new_dataset_folder
from .dataset_yaml import dataset_yaml, write_run_configs
from .formats import SourceOptions, detect_format, read_source
from .images import IMAGE_SUFFIXES, fitting_maximum, largest_value
from .source_files import IMAGE_FOLDERS, files_below

__all__ = ['InvalidDataError', 'PrepareOptions', 'dominant_class', 'group_of', 'groups_apart',
           'prepare_data']

NO_BOXES = '(no boxes)'
LABEL_SUFFIXES = ('.xml', '.txt', '.json', '.yaml', '.yml', '.names', '.data', '.md')
SHOWN = 5  # names of files


class InvalidDataError(ValueError):
    """The source has faults; ``faults`` lists all of them, the message ends with the notes."""

    def __init__(self, faults, notes=()):
        files = len({fault.file for fault in faults})
        super().__init__('; '.join([
            f'{counted(len(faults), "fault")} in {counted(files, "file")}, nothing was written; '
            f'repair them, or leave these images and boxes out with --skip-invalid', *notes]))
        self.faults = faults


class PrepareOptions(NamedTuple):
    """How images and labels become a data set.

    Attributes:
        format (str): of the labels, one of :data:`ppdet_ext.data.formats.FORMATS`, or ``auto``.
        seed (int): the same seed gives the same split, whatever the layout of the source.
        split (str): ``keep`` a division into train and val that the source has, else ``new``.
        group_by (str or None): regular expression that finds, in the name of an image, the part
            that it shows; images of one part stay in one split.
        skip_invalid (bool): leave faulty images and boxes out instead of refusing the source.
        overwrite (bool): replace ``output`` if it holds a data set and nothing else.
        config, slim_config (str or None): YAMLs of a detector and of its distillation, to be
            written for this data set.
        input_size (int or None): pixels of the side to which they resize images; None for what
            they state.
    """
    format: str = 'auto'
    seed: int = 0
    split: str = 'keep'
    group_by: Optional[str] = None
    skip_invalid: bool = False
    overwrite: bool = False
    config: Optional[str] = None
    slim_config: Optional[str] = None
    input_size: Optional[int] = None


DEFAULT_READING, DEFAULT_OPTIONS = SourceOptions(), PrepareOptions()


def prepare_data(source, output, reading=DEFAULT_READING, options=DEFAULT_OPTIONS):
    """Writes a COCO data set with a train, val and test split to ``output``.

    ``output`` appears complete or not at all, even if interrupted.

    Args:
        source (str): folder, zip or tar.
        output (str): folder to make.
        reading (SourceOptions): how labels are read.
        options (PrepareOptions): how they become a data set.

    Returns:
        tuple: the report, as in ``report.txt``: images and boxes of each class and split, and
        every fault that was skipped; and paths of the YAMLs for runs.

    Raises:
        InvalidDataError: faults in the source, unless they are to be skipped.
        FileNotFoundError: no such source.
        FileExistsError: ``output`` is not empty and may not be replaced, or holds the source.
        ValueError: the source is not a data set, or holds no sound image.
    """
    source, target = os.path.realpath(source), os.path.realpath(output)
    if not os.path.exists(source):
        raise FileNotFoundError(f'{source}: no such file or folder, expected the data set')
    if (source + os.sep).startswith(target + os.sep):
        raise FileExistsError(f'{target}: would replace the source {source}, give another output')
    # The layout of a VOC source determines which folders belong to it.
    if options.format != 'voc' and os.path.isdir(target) and target.startswith(source + os.sep):
        raise FileExistsError(f'{target}: lies in the source, whose images it would duplicate; '
                              f'remove it, or give another output')
    if os.path.isfile(source):
        print(f'unpacking {source}')
    with new_dataset_folder(target, options.overwrite) as result, \
            unpacked(source, os.path.dirname(target)) as folder:
        name = options.format if options.format != 'auto' else detect_format(
            folder, reading.encoding)
        data = read_source(folder, name, reading)
        if data.faults and not options.skip_invalid:
            raise InvalidDataError(data.faults, _other_files(folder))
        if not data.images:
            first = (f'; repair the faults, of {len(data.faults)} the first: {data.faults[0]}'
                     if data.faults else '')
            raise ValueError(f'{source}: no sound image is left{first}')
        boxes = [box for image in data.images for box in image.boxes]
        if boxes and all(box.get('iscrowd') for box in boxes):
            raise ValueError(f'{source}: all boxes are crowds (iscrowd or ignore), which training '
                             f'leaves out; export masks as polygons, or set iscrowd to 0')
        if not boxes:
            lost = ('is left without faults; repair them' if data.faults
                    else 'so that nothing could be learned; label the defects')
            raise ValueError(f'{source}: no image with a box {lost}')
        data = data._replace(images=_with_different_names(data.images, folder))
        labels = [dominant_class(image.boxes, data.class_names) for image in data.images]
        splits, words = _splits(data.images, labels, options)
        # Before the copying, which may take long: a config that does not exist is an error.
        configs, notes = write_run_configs(
            result, output, [data.images[index] for index in splits['train']], options.config,
            options.slim_config, options.input_size)
        maximum = _copy_images(data.images, os.path.join(result, 'images'))
        _write(result, data, splits, dataset_yaml(output, data, splits, maximum))
        report = _report(source, name, data, labels, splits, words, maximum, reading, options,
                         [*_other_files(folder), *(f'note: {note}' for note in notes)])
        write_text(os.path.join(result, 'report.txt'), report)
    return report, [os.path.join(output, os.path.basename(path)) for path in configs]


def dominant_class(boxes, class_names):
    """Returns the class with the most boxes; the first in class order if there is a tie."""
    counts = Counter(box['class_name'] for box in boxes)
    return max(class_names, key=lambda name: counts[name]) if boxes else NO_BOXES


def group_of(name, group_by):
    """Finds the part that an image shows.

    Args:
        name (str): of the image below ``images/``.
        group_by (str): regular expression; its first group counts, or all of it.

    Returns:
        str or None: None where it does not occur.
    """
    found = re.search(group_by, name)
    return found and (found.group(1) if found.groups() else found.group())


def groups_apart(names, group_by):
    """Finds the parts with images in several splits.

    Args:
        names (iterable of tuple): name and split of each image.
        group_by (str): as of :func:`group_of`; images where it does not occur are of no part.

    Returns:
        dict of str to list of str: part to its splits.
    """
    where = defaultdict(set)
    for name, split in names:
        where[group_of(name, group_by)].add(split)
    return {group: sorted(splits) for group, splits in sorted(where.items(), key=str)
            if group is not None and len(splits) > 1}


def _with_different_names(images, source):
    """Puts images that have the same name into folders of their splits, or else of the source."""
    images = _renamed(images, lambda image: f'{image.split}/{image.name}'
                      if image.split else image.name)
    images = _renamed(images, lambda image: _name_with_folders(image.path, source))
    names = Counter(image.name for image in images)
    twice = [name for name in names if names[name] > 1]
    if twice:
        paths = ', '.join(image.path for image in images if image.name == twice[0])
        raise ValueError(f'{paths}: would both become images/{twice[0]}; rename one of them')
    return images


def _renamed(images, name_of):
    """list of LabelledImage: those of the same name are renamed."""
    counts = Counter(image.name.lower() for image in images)  # as Windows and macOS compare them
    return [image._replace(name=name_of(image)) if counts[image.name.lower()] > 1 else image
            for image in images]


def _name_with_folders(path, source):
    parts = same_name(os.path.relpath(path, source)).split(os.sep)
    return '/'.join(part for part in parts if part.lower() not in IMAGE_FOLDERS)


def _splits(images, labels, options):
    """tuple: indices of each split, and a description of how they were drawn."""
    fractions = dict(SPLITS)
    divided = {split: [k for k, image in enumerate(images) if image.split == split]
               for split in fractions}
    rest = [k for k, image in enumerate(images) if image.split is None]
    train = sorted(divided['train'] + rest)
    if options.split == 'keep' and train and (divided['val'] or divided['test']):
        more = f'; {counted(len(rest), "image")} without a split went to train' if rest else ''
        divided['train'] = train
        missing = next((split for split in divided if not divided[split]), None)
        if missing:
            drawn = _drawn_from_train(missing, train, labels, options, images)
            kept = 'val' if missing == 'test' else 'test'
            return {**divided, **drawn}, (f'{kept} as in the source; {missing} drawn from its '
                                          f'train, seed {options.seed}{more}')
        return divided, f'as in the source (--split new draws another){more}'
    if options.group_by:
        groups = _groups(images, options.group_by)
        return grouped_split(labels, groups, options.seed), (
            f'{_percent(fractions)}; seed {options.seed}; {len(set(groups))} groups by '
            f'{options.group_by}')
    return stratified_split(labels, options.seed), (
        f'{_percent(fractions)}; seed {options.seed}; by the class with most boxes in the image')


def _drawn_from_train(missing, train, labels, options, images):
    """dict: train and the split that the source lacks, drawn out of its train."""
    fractions = {name: SPLITS[name] for name in ('train', missing)}
    fractions = {name: fraction / sum(fractions.values()) for name, fraction in fractions.items()}
    chosen = [labels[k] for k in train]
    if options.group_by:
        groups = _groups([images[k] for k in train], options.group_by)
        drawn = grouped_split(chosen, groups, options.seed, fractions)
    else:
        drawn = stratified_split(chosen, options.seed, fractions)
    return {name: [train[k] for k in drawn[name]] for name in fractions}


def _groups(images, group_by):
    groups = {image.name: group_of(image.name, group_by) for image in images}
    without = [name for name, group in groups.items() if not group]
    if without:
        raise ValueError(f'--group-by {group_by}: does not occur in the names of {len(without)} '
                         f'images, first {without[0]}; correct it, or rename the images')
    return list(groups.values())


def _percent(fractions):
    return ', '.join(f'{name} {fraction:.0%}' for name, fraction in fractions.items())


def _copy_images(images, folder):
    """Copies all images unchanged.

    Returns:
        int or None: the value that is white in those of 16 bits per channel; None without any.
    """
    os.makedirs(folder)
    largest = []
    for image in progress(images, 'copying'):
        path = os.path.join(folder, *image.name.split('/'))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            raise ValueError(f'{image.path}: another image would become {image.name} too, as this '
                             f'folder does not tell upper from lower case; rename one of them')
        shutil.copyfile(image.path, path)
        largest.append(largest_value(image.path))
    deep = [value for value in largest if value is not None]
    return fitting_maximum(max(deep)) if deep else None


def _write(folder, data, splits, yaml_text):
    annotation_folder = os.path.join(folder, 'annotations')
    os.makedirs(annotation_folder)
    for split, indices in splits.items():
        chosen = [data.images[index] for index in indices]
        records = [{'file_name': image.name, 'height': image.height, 'width': image.width}
                   for image in chosen]
        content = coco_dataset(records, [image.boxes for image in chosen], data.class_names,
                               ': '.join(filter(None, (f'{os.path.basename(folder)} {split}',
                                                       data.description))))
        write_json(os.path.join(annotation_folder, f'{split}.json'), content)
    write_text(os.path.join(folder, 'label_list.txt'), '\n'.join(data.class_names) + '\n')
    write_text(os.path.join(folder, 'dataset.yml'), yaml_text)


def _report(source, name, data, labels, splits, words, maximum, reading, options, others):
    boxes = f'boxes: source counts from {reading.box_origin}; ' if name == 'voc' else 'boxes: '
    depth = () if maximum is None else (
        f'grey values: 16 bits per channel in the files, 0 to {maximum} in use: image_maximum in '
        f'dataset.yml', )
    return '\n'.join([
        f'source: {os.path.basename(source)}',
        f'format: {name}',
        f'split: {words}',
        f'{boxes}stored as x, y, width, height from 0',
        *depth,
        '',
        *_table('images', splits, [*data.class_names, NO_BOXES], lambda index: [labels[index]]),
        '',
        *_table('boxes', splits, data.class_names,
                lambda index: [box['class_name'] for box in data.images[index].boxes]),
        '',
        f'left out: {data.images_left_out} images or annotation files, and '
        f'{data.boxes_left_out} boxes of images that stay',
        *(f'  {fault}' for fault in data.faults),
        *(f'note: {note}' for note in data.notes),
        *(f'note: {split} is empty, it needs more images'
          for split, indices in splits.items() if not indices),
        *others,
        *_class_notes(data, splits),
        *_group_notes(data.images, splits, options.group_by),
        *_identical_notes(data.images, splits),
    ]) + '\n'


def _other_files(folder):
    """list of str: a note on files that are neither images nor what tools for labels write."""
    names = [os.path.basename(path) for path in files_below(folder)
             if not path.lower().endswith((*IMAGE_SUFFIXES, *LABEL_SUFFIXES))]
    more = ' ...' if len(names) > SHOWN else ''
    return [f'note: {counted(len(names), "file")} left out, neither image nor label: '
            f'{", ".join(names[:SHOWN])}{more}'] if names else []


def _class_notes(data, splits):
    known = {}
    for name in data.class_names:
        twin = known.setdefault(alike(name), name)
        if twin != name:
            yield (f'note: the classes {twin} and {name} differ in case, width or blanks only; if '
                   f'they are one, write it alike in the labels')
    for split, indices in splits.items():
        found = {box['class_name'] for index in indices for box in data.images[index].boxes}
        missing = [name for name in data.class_names if name not in found]
        if indices and missing:
            yield f'note: {split} has no box of {", ".join(missing)}'


def _group_notes(images, splits, group_by):
    if group_by is None:
        return
    apart = groups_apart(((images[index].name, split) for split, indices in splits.items()
                          for index in indices), group_by)
    if apart:
        yield (f'note: {counted(len(apart), "group")} in several splits, first '
               f'{next(iter(apart))}; --split new keeps the images of a group together')


def _identical_notes(images, splits):
    same = defaultdict(list)
    for split, indices in splits.items():
        for index in indices:
            same[sha256(images[index].path)].append((split, images[index].name))
    apart = [[f'{split}/{name}' for split, name in places] for places in same.values()
             if len({split for split, _ in places}) > 1]
    if apart:
        yield (f'note: {counted(len(apart), "image")} in several splits under several names, first '
               f'{" = ".join(apart[0])}: evaluation would see what was trained on; remove all but '
               f'one of each from the source')


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
