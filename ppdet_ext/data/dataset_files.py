# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checks the files of a run's data sets before it starts."""
import contextlib
import os
from typing import NamedTuple

from ppdet.data.source.voc import pascalvoc_label
from ppdet.utils.logger import setup_logger

from .check import read_class_names
from .coco_file import category_names, read_coco, read_sound_coco, takes_part
from .image_checks import check_images
from .voc_list import list_lines, split_list_line
from .voc_xml import read_annotation

__all__ = ['check_class_order', 'check_datasets', 'class_names_of', 'dataset_fields',
           'dataset_paths', 'image_files', 'naming']

logger = setup_logger('ppdet.engine')


def dataset_fields(cfg, section):
    """Finds the fields of a data set, whether a YAML says ``name: X`` or, as older ones, ``!X``.

    Args:
        cfg (dict): the configuration.
        section (str): ``TrainDataset`` ...

    Returns:
        dict: the fields themselves, so that setting one has effect.

    Raises:
        ValueError: there is no such data set.
    """
    dataset = cfg.get(section)
    if dataset is None:
        raise ValueError(f'{section} is missing or null; give it a data set, as '
                         f'configs/datasets/neu_det_coco.yml does')
    return dataset if isinstance(dataset, dict) else vars(dataset)


def dataset_paths(cfg, section):
    """dict: where a data set is: absolute paths of ``dataset_dir``, ``annotations``, ``images``."""
    dataset = dataset_fields(cfg, section)
    folder = os.path.abspath(dataset.get('dataset_dir') or '')
    return {'dataset_dir': folder,
            'annotations': os.path.join(folder, dataset.get('anno_path') or ''),
            'images': os.path.join(folder, dataset.get('image_dir') or '')}


def image_files(cfg, section):
    """Lists the images that the annotations of a data set name, whether they exist or not.

    Args:
        cfg (dict): the configuration.
        section (str): ``EvalDataset`` ...

    Returns:
        list of str: paths; empty without such a data set or its file, or for another kind.
    """
    if cfg.get(section) is None:
        return []
    paths, name = dataset_paths(cfg, section), dataset_fields(cfg, section).get('name')
    if not os.path.isfile(paths['annotations']) or name not in IMAGES_IN:
        return []
    names = IMAGES_IN[name](paths['annotations'])
    return [os.path.join(paths['images'], name) for name in names]


def check_datasets(cfg, sections):
    """Makes sure that the data sets of a run exist and have the classes of the model.

    Args:
        cfg (dict): the configuration.
        sections (iterable of str): ``TrainDataset`` ...

    Raises:
        FileNotFoundError: annotations or images are missing.
        ValueError: the annotations hold other classes, no image, or what the reader or the
            evaluation would fail on or misread.
    """
    for section in sections:
        dataset = dataset_fields(cfg, section)
        kind = dataset.get('name', type(cfg[section]).__name__)
        if section == 'EvalDataset':
            _check_metric(kind, cfg)
        if kind in CHECKS:
            CHECKS[kind](section, dataset, cfg)
    check_class_order(cfg)


def _check_metric(kind, cfg):
    needed = METRIC_OF.get(kind)
    if needed and cfg['metric'] in METRIC_OF.values() and cfg['metric'] != needed:
        raise ValueError(f'EvalDataset is a {kind}, which is evaluated with metric: {needed}, but '
                         f'metric is {cfg["metric"]}; give -o metric={needed}, or another data set')
    if cfg['metric'] != 'VOC':
        return
    for key in COCO_KEYS:
        if cfg.get(key):
            raise ValueError(f'{key} is for metric: COCO and has no effect with VOC; remove it, or '
                             f'make a COCO data set of yours: tools/prepare_data.py --format voc')


def check_class_order(cfg):
    """Compares the names of the classes, in their order, wherever they appear.

    Args:
        cfg (dict): the configuration; the files that its data sets name and that exist are read.

    Raises:
        ValueError: two of them differ; the message names all places and their orders.
    """
    places = {}
    for place, names in _class_orders(cfg):
        same = places.setdefault(', '.join(names), [])
        if place not in same:
            same.append(place)
    if len(places) > 1:
        stated = '; '.join(f'{" and ".join(same)} {"have" if len(same) > 1 else "has"} {names}'
                           for names, same in places.items())
        raise ValueError(f'the classes differ: {stated}. The detector knows them by position '
                         f'only: give all the same names in the same order, that of the training')


def class_names_of(cfg):
    """list of str or None: the names of a detector's classes, of ``class_names`` or its files."""
    return next((names for _, names in _class_orders(cfg)), None)


def _class_orders(cfg):
    """Yields where names of classes appear, and the names in the order of the detector's."""
    if cfg.get('class_names'):
        yield 'class_names', list(cfg['class_names'])
    for section in ('TrainDataset', 'EvalDataset', 'TestDataset'):
        if cfg.get(section) is None:
            continue
        dataset = dataset_fields(cfg, section)
        with naming(section):
            names = _names_in_files(dataset)
        if names:
            yield names


def _names_in_files(dataset):
    """(str, list of str) or None: file of the data set that names the classes, and the names."""
    folder = dataset.get('dataset_dir') or ''
    for key in ('label_list', 'anno_path'):
        path = os.path.join(folder, dataset.get(key) or '')
        if not os.path.isfile(path) or (key == 'anno_path' and dataset.get('name') == 'VOCDataSet'):
            continue
        if path.endswith('.txt'):
            names = read_class_names(path)
            return path, names[1:] if names[0] == 'background' else names
        if path.endswith('.json'):
            # In the order in which the file lists them, whatever their ids.
            return path, category_names(path)
    return None


def _check_coco(section, dataset, cfg):
    if 'gt_poly' in (dataset.get('data_fields') or ()):
        raise ValueError(f'{section}.data_fields has gt_poly, but only boxes are supported, no '
                         f'masks; remove gt_poly')
    folder = dataset.get('dataset_dir') or ''
    annotations = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    if not annotations.endswith('.json'):
        raise ValueError(f'{section}: anno_path must be a COCO annotation file, *.json, got '
                         f'{annotations}')
    with naming(section):
        content = read_sound_coco(annotations)
    paths = [os.path.join(images, image['file_name']) for image in content.images]
    _check_files(section, annotations, paths)
    sizes = [(annotations, None, (image['width'], image['height'])) for image in content.images]
    others = check_images(section, annotations, paths, sizes, cfg.get('image_maximum'))
    if others:
        # PaddleDetection continues with the image's own size and unchanged boxes.
        logger.warning(f'{section}: {len(others)} of {len(paths)} images have another size than '
                       f'stated, first {others[0]}; look at them: tools/prepare_data.py --check')
    _check_classes(section, annotations, len(content.categories), cfg.num_classes)
    boxes = [box for box in content.annotations if takes_part(box, dataset.get('load_crowd'))]
    empty = len(content.images) - len({box['image_id'] for box in boxes})
    counts = _Counts(len(boxes), len(content.images), empty, BOX_OF_COCO)
    if section == 'TrainDataset':
        _check_learnable(annotations, counts, dataset.get('allow_empty'))
    elif content.is_annotated or not cfg.get('save_prediction_only'):
        _check_evaluable(section, annotations, counts, dataset.get('allow_empty'),
                         f', or only detect on them: --save_prediction_only -o '
                         f'{section}.allow_empty=true')


def _check_voc(section, dataset, cfg):
    folder = dataset.get('dataset_dir') or ''
    image_list = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    with naming(section):
        lines = [(number, split_list_line(line)) for number, line in list_lines(image_list)]
    for number, line in lines:
        if len(line) < 2 or not line[1].lower().endswith('.xml'):
            raise ValueError(f'{section}: {image_list}:{number}: expected an image and its XML '
                             f'file, got "{" ".join(line)}"; correct the line')
    pairs = [[os.path.join(images, name) for name in line[:2]] for _, line in lines]
    _check_files(section, image_list, [path for pair in pairs for path in pair])
    classes = _voc_classes(section, dataset, cfg)
    missing = [field for field in VOC_FIELDS if field not in (dataset.get('data_fields') or ())]
    if section == 'EvalDataset' and missing:
        raise ValueError(f'{section}: metric VOC reads {", ".join(missing)} too; give -o '
                         f'{section}.data_fields="[{", ".join(VOC_FIELDS)}]"')
    annotations = [read_annotation(path, classes) for _, path in pairs]
    for (_, path), annotation in zip(pairs, annotations):
        for line, message in annotation.problems:
            raise ValueError(f'{section}: {path}:{line}: {message}; correct it')
    sizes = [(path, annotation.size_line, annotation.size)
             for (_, path), annotation in zip(pairs, annotations)]
    others = check_images(section, image_list, [image for image, _ in pairs], sizes,
                          cfg.get('image_maximum'))
    if others:
        # PaddleDetection would cut the boxes off at the size that is stated.
        raise ValueError(f'{section}: {others[0]}; label it again, or correct the size')
    empty = sum(annotation.objects == 0 for annotation in annotations)
    usable = sum(annotation.usable for annotation in annotations)
    if section == 'TrainDataset':
        _check_learnable(image_list, _Counts(usable, len(pairs), empty, BOX_OF_VOC),
                         dataset.get('allow_empty'))
    else:
        counted = sum(annotation.countable for annotation in annotations)
        _check_evaluable(section, image_list, _Counts(counted, len(pairs), empty, BOX_OF_VOC),
                         dataset.get('allow_empty'))


def _voc_classes(section, dataset, cfg):
    """tuple of str: the classes of a VOC data set, without a label list PaddleDetection's own."""
    classes = pascalvoc_label()
    if dataset.get('label_list'):
        labels = _existing(section, dataset.get('dataset_dir') or '', dataset, 'label_list')
        with naming(section):
            classes = read_class_names(labels)
        _check_classes(section, labels, len(classes), cfg.num_classes)
    elif section == 'EvalDataset' or cfg.num_classes != len(classes):
        raise ValueError(f'{section}: a VOCDataSet needs a label_list, the names of the classes, '
                         f'one per line; give -o {section}.label_list=label_list.txt')
    return tuple(classes)


CHECKS = {'COCODataSet': _check_coco, 'VOCDataSet': _check_voc}
IMAGES_IN = {
    'COCODataSet': lambda path: [image['file_name'] for image in read_coco(path).images],
    'VOCDataSet': lambda path: [split_list_line(line)[0] for _, line in list_lines(path)]}
METRIC_OF = {'COCODataSet': 'COCO', 'VOCDataSet': 'VOC'}
COCO_KEYS = ('save_prediction_only', 'bias', 'base_metrics')
VOC_FIELDS = ('image', 'gt_bbox', 'gt_class', 'difficult')
BOX_OF_COCO = 'box of positive size and area, and without iscrowd and ignore'
BOX_OF_VOC = 'box of positive size within its image'


class _Counts(NamedTuple):
    """Boxes that count, images, images without any, and which boxes count in words."""
    boxes: int
    images: int
    empty: int
    words: str


@contextlib.contextmanager
def naming(section):
    """Prefixes errors about a file of a data set with the data set's section."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f'{section}: {error}; correct it, or prepare the data set '
                         f'again with tools/prepare_data.py') from error


def _existing(section, folder, dataset, key):
    """str: path of the data set's file or folder of that key."""
    path = os.path.join(folder, dataset.get(key) or '')
    if not os.path.exists(path):
        raise FileNotFoundError(
            f'{section}: {path} does not exist. Prepare the data set (tools/prepare_data.py), '
            f'or give its folder with -o {section}.dataset_dir=PATH')
    return path


def _check_files(section, annotations, paths):
    if not paths:
        raise ValueError(f'{section}: {annotations} lists no image')
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        # The reader would leave them out of training with no more than a warning.
        raise FileNotFoundError(f'{section}: {len(missing)} of the {len(paths)} files that '
                                f'{annotations} lists do not exist, first {missing[0]}; copy '
                                f'them, or let tools/prepare_data.py find images by their names')


def _check_learnable(annotations, counts, allow_empty):
    if not counts.boxes:
        raise ValueError(f'TrainDataset: {annotations} has no {counts.words}: nothing could be '
                         f'learned; annotate its images')
    if counts.empty and not allow_empty:
        logger.warning(f'TrainDataset: {counts.empty} of the {counts.images} images of '
                       f'{annotations} have no box and are left out; train on them too, as images '
                       f'without defects, with -o TrainDataset.allow_empty=true')


def _check_evaluable(section, annotations, counts, allow_empty, otherwise=None):
    if not counts.boxes and not (otherwise and allow_empty):
        raise ValueError(f'{section}: {annotations} has no box to evaluate; annotate its '
                         f'images{otherwise or ""}')
    if counts.empty and not allow_empty:
        # As PaddleDetection does by default.
        logger.warning(f'{section}: {counts.empty} of the {counts.images} images of {annotations} '
                       f'have no box and are left out, so that false detections on them do not '
                       f'count; evaluate them too with -o {section}.allow_empty=true')


def _check_classes(section, path, classes, num_classes):
    if classes != num_classes:
        raise ValueError(f'{section}: {path} has {classes} classes, but num_classes is '
                         f'{num_classes}; give -o num_classes={classes} and the class_names of '
                         f'the data set')
