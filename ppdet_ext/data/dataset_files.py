# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Looks at the files of a run's data sets before it starts."""
import contextlib
import os

from PIL import Image, ImageFile
from ppdet.data.source.voc import pascalvoc_label
from ppdet.utils.logger import setup_logger

from ..utils.files import read_text
from ..utils.progress import progress
from .check import IMAGE_FORMATS, read_class_names
from .coco_file import read_sound_coco, takes_part
from .voc_xml import reader_problems

__all__ = ['check_datasets', 'dataset_fields', 'naming']

logger = setup_logger('ppdet.engine')

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

    Raises:
        ValueError: there is no such data set.
    """
    dataset = cfg.get(section)
    if dataset is None:
        raise ValueError(f'{section} is missing or null; give it a data set, as '
                         f'configs/datasets/neu_det_coco.yml does')
    return dataset if isinstance(dataset, dict) else vars(dataset)


def check_datasets(cfg, sections):
    """Makes sure that the data sets of a run are there and hold the classes the model has.

    Args:
        cfg (dict): the configuration.
        sections (iterable of str): ``TrainDataset`` ...

    Raises:
        FileNotFoundError: annotations or images are missing.
        ValueError: the annotations hold another number of classes, no image, or what the reader or
            the evaluation would trip over or mistake.
    """
    checks = {'COCODataSet': _check_coco, 'VOCDataSet': _check_voc}
    for section in sections:
        dataset = dataset_fields(cfg, section)
        check = checks.get(dataset.get('name', type(cfg[section]).__name__))
        if check:
            check(section, dataset, cfg)


def _check_coco(section, dataset, cfg):
    if 'gt_poly' in (dataset.get('data_fields') or ()):
        raise ValueError(f'{section}.data_fields has gt_poly, but there are boxes only here, no '
                         f'masks; remove gt_poly')
    folder = dataset.get('dataset_dir') or ''
    annotations = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    if not annotations.endswith('.json'):
        raise ValueError(f'{section}: anno_path is a COCO annotation file, *.json, got '
                         f'{annotations}')
    with naming(section):
        content = read_sound_coco(annotations)
    paths = [os.path.join(images, image['file_name']) for image in content.images]
    _check_files(section, annotations, paths)
    _check_images(section, annotations, paths)
    _check_classes(section, annotations, len(content.categories), cfg.num_classes)
    boxes = [box for box in content.annotations if takes_part(box, dataset.get('load_crowd'))]
    if section == 'TrainDataset':
        _check_learnable(annotations, boxes)
    elif content.is_annotated or not cfg.get('save_prediction_only'):
        _check_evaluable(section, annotations, boxes, len(content.images),
                         dataset.get('allow_empty'))


def _check_voc(section, dataset, cfg):
    folder = dataset.get('dataset_dir') or ''
    image_list = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    classes = tuple(pascalvoc_label())
    with naming(section):
        lines = [line.split() for line in read_text(image_list).splitlines()]
    for number, line in enumerate(lines, start=1):
        if len(line) < 2:
            raise ValueError(f'{section}: {image_list}:{number}: expected an image and its XML '
                             f'file, got "{" ".join(line)}"; correct the line')
    paths = [os.path.join(images, name) for line in lines for name in line[:2]]
    _check_files(section, image_list, paths)
    _check_images(section, image_list, paths[::2])
    if dataset.get('label_list'):
        labels = _existing(section, folder, dataset, 'label_list')
        with naming(section):
            classes = read_class_names(labels)
        _check_classes(section, labels, len(classes), cfg.num_classes)
    for path in paths[1::2]:
        for line, message in reader_problems(path, classes):
            raise ValueError(f'{section}: {path}:{line}: {message}; correct it')


@contextlib.contextmanager
def naming(section):
    """Lets the message about a file of a data set begin with the data set's section."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f'{section}: {error}; correct it, or prepare the data set '
                         f'anew') from error


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
    with Image.open(path, formats=IMAGE_FORMATS) as image:
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


def _check_learnable(annotations, boxes):
    if not boxes:
        raise ValueError(f'TrainDataset: {annotations} has no box of positive size and area, and '
                         f'without iscrowd and ignore: nothing could be learned; annotate its '
                         f'images')


def _check_evaluable(section, annotations, boxes, images, allow_empty):
    left_out = 0 if allow_empty else images - len({box['image_id'] for box in boxes})
    if left_out == images:
        raise ValueError(f'{section}: {annotations} has no box to evaluate; annotate its images, '
                         f'or only detect on them: --save_prediction_only -o '
                         f'{section}.allow_empty=true')
    if left_out:
        # As PaddleDetection does by default.
        logger.warning(f'{section}: {left_out} of the {images} images of {annotations} have no '
                       f'box and are left out, so that false detections on them do not count; '
                       f'evaluate them too with -o {section}.allow_empty=true')


def _check_classes(section, path, classes, num_classes):
    if classes != num_classes:
        raise ValueError(f'{section}: {path} has {classes} classes, but num_classes is '
                         f'{num_classes}; correct num_classes in the config')
