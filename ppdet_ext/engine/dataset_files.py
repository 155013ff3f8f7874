# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Looks at the files of a run's data sets before it starts."""
import json
import os

from PIL import Image, ImageFile

from ..progress import progress

__all__ = ['check_datasets', 'dataset_fields']

# The last bytes of a file that is whole. A file with others, or of another format, is decoded.
ENDS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}
LONGEST_END = 8  # bytes
SECONDS_WITHOUT_PROGRESS = 5


def dataset_fields(cfg, section):
    """Finds the fields of a data set, whether a YAML says ``name: X`` or, as older ones, ``!X``.

    Args:
        cfg (dict): the configuration.
        section (str): ``TrainDataset`` ...

    Returns:
        dict: the fields themselves, so that setting one has effect.
    """
    dataset = cfg[section]
    return dataset if isinstance(dataset, dict) else vars(dataset)


def check_datasets(cfg, sections):
    """Makes sure that the data sets of a run are there and hold the classes the model has.

    Args:
        cfg (dict): the configuration.
        sections (iterable of str): ``TrainDataset`` ...

    Raises:
        FileNotFoundError: annotations or images are missing.
        ValueError: the annotations hold another number of classes, or no image.
    """
    checks = {'COCODataSet': _check_coco, 'VOCDataSet': _check_voc}
    for section in sections:
        dataset = dataset_fields(cfg, section)
        check = checks.get(dataset.get('name', type(cfg[section]).__name__))
        if check:
            check(section, dataset, cfg.num_classes)


def _check_coco(section, dataset, num_classes):
    folder = dataset.get('dataset_dir') or ''
    annotations = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    try:
        with open(annotations, encoding='utf-8') as f:
            content = json.load(f)
        classes = len(content['categories'])
        names = [image['file_name'] for image in content['images']]
        boxes = [(box['category_id'], *box['bbox']) for box in content.get('annotations') or ()]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{section}: {annotations} is no COCO annotation file ({error!r}); '
                         f'prepare the data set anew, or correct the file') from error
    paths = [os.path.join(images, name) for name in names]
    _check_files(section, annotations, paths)
    _check_images(section, annotations, paths)
    _check_classes(section, annotations, classes, num_classes)
    _check_boxes(section, annotations, boxes, {kind.get('id') for kind in content['categories']})


def _check_voc(section, dataset, num_classes):
    folder = dataset.get('dataset_dir') or ''
    image_list = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    with open(image_list, encoding='utf-8') as f:
        names = [name for line in f for name in line.split()[:2]]  # the image and its XML
    paths = [os.path.join(images, name) for name in names]
    _check_files(section, image_list, paths)
    _check_images(section, image_list, paths[::2])
    if dataset.get('label_list'):
        labels = _existing(section, folder, dataset, 'label_list')
        with open(labels, encoding='utf-8') as f:
            _check_classes(section, labels, sum(bool(line.strip()) for line in f), num_classes)


def _existing(section, folder, dataset, key):
    """str: path of the data set's file or folder of that key."""
    path = os.path.join(folder, dataset.get(key) or '')
    if not os.path.exists(path):
        raise FileNotFoundError(
            f'{section}: {path} does not exist. Prepare the data set (tools/prepare_neu_det.py '
            f'for NEU-DET), or give its folder with -o {section}.dataset_dir=PATH')
    return path


def _check_files(section, annotations, paths):
    if not paths:
        raise ValueError(f'{section}: {annotations} lists no image')
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        # The reader would leave them out of training with no more than a warning.
        raise FileNotFoundError(f'{section}: {len(missing)} of the {len(paths)} files that '
                                f'{annotations} lists do not exist, first {missing[0]}')


def _check_images(section, annotations, paths):
    """Reads beginning and end of every image; one that is cut off would be half grey."""
    for path in progress(paths, f'{section}: checking images', delay=SECONDS_WITHOUT_PROGRESS):
        try:
            _check_image(path)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ValueError(f'{section}: {path}, which {annotations} lists, is no image that can '
                             f'be read; copy it anew, or remove it from the list') from error


def _check_image(path):
    with Image.open(path) as image:
        with open(path, 'rb') as f:
            f.seek(-min(os.path.getsize(path), LONGEST_END), os.SEEK_END)
            whole = f.read().endswith(ENDS.get(image.format, ()))
        if not whole:
            _decode(image)


def _decode(image):
    # PaddleDetection tells Pillow to take what is there of an image for the whole.
    tolerant, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        image.load()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


def _check_boxes(section, annotations, boxes, categories):
    for position, (category, *numbers) in enumerate(boxes):
        if category not in categories:
            raise ValueError(f'{section}: {annotations}, annotations[{position}]: category_id '
                             f'{category} is not among the categories; correct the annotation')
        if len(numbers) != 4 or not all(isinstance(number, (int, float)) for number in numbers):
            raise ValueError(f'{section}: {annotations}, annotations[{position}]: bbox is x, y, '
                             f'width, height in pixels, got {numbers}; correct the annotation')
    if section == 'TrainDataset' and not any(w > 0 and h > 0 for _, _, _, w, h in boxes):
        raise ValueError(f'{section}: {annotations} has no box of positive size: nothing could be '
                         f'learned; annotate its images')


def _check_classes(section, path, classes, num_classes):
    if classes != num_classes:
        raise ValueError(f'{section}: {path} has {classes} classes, but num_classes is '
                         f'{num_classes}; correct num_classes in the config')
