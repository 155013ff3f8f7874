# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Results of inference as text and files: class names, records, JSON and CSV."""
import atexit
import math
import os
import shutil
import tempfile

from ppdet.data.source.category import get_categories

from deploy.images import images_in

from ..data.check import read_class_names
from ..data.coco_file import category_names
from ..data.dataset_files import check_class_order, dataset_fields, naming
from ..data.images import IMAGE_SUFFIXES, check_depth, image_size, is_image_name
from ..utils.files import write_text
from ..utils.suggest import near_file
from ..utils.text import counted

__all__ = ['find_images', 'check_output_dir', 'find_labels', 'name_classes',
           'detection_records', 'describe']


def find_images(infer_img, infer_dir, image_maximum=None):
    """Lists the images of ``--infer_img`` and ``--infer_dir``.

    Args:
        infer_img, infer_dir (str or None): a file takes precedence over a folder; files in
            it with other suffixes are reported and left out.
        image_maximum (int or None): value that is white in images of 16 bits per channel.

    Returns:
        list of str: sorted paths.

    Raises:
        FileNotFoundError: a path does not exist, or the folder holds no image.
        ValueError: neither is given, a file is not an image, or its grey values cannot be scaled.
    """
    if not infer_img and not infer_dir:
        raise ValueError('no image; give --infer_img FILE or --infer_dir FOLDER')
    images = [infer_img] if infer_img else images_in(infer_dir, '--infer_dir')
    for image in images:
        if not os.path.isfile(image):
            raise FileNotFoundError(f'image not found: {image}{near_file(image)}')
        try:
            image_size(image)  # the reader would wait forever for one that is cut off
        except ValueError as error:
            raise ValueError(f'{image} is not an image that can be read ({error}); copy it '
                             f'again, or leave it out') from error
        if not is_image_name(image):  # PaddleDetection would not see it
            raise ValueError(f'{image}: the name of an image ends in '
                             f'{", ".join(IMAGE_SUFFIXES)}; rename it')
        try:
            check_depth(image, image_maximum)
        except ValueError as error:
            raise ValueError(f'{image}: {error}') from error
    return images


def check_output_dir(images, output_dir):
    """Makes sure that no drawn image replaces one that is to be read.

    Args:
        images (list of str): paths.
        output_dir (str): where the drawn images go, under the same names.

    Raises:
        ValueError: one would.
    """
    read = {_identity(image): image for image in images}
    for image in images:
        drawn = os.path.join(output_dir, os.path.basename(image))
        replaced = os.path.exists(drawn) and read.get(_identity(drawn))
        if replaced:
            raise ValueError(f'--output_dir {output_dir}: the drawn image would replace '
                             f'{replaced}, which it is drawn from; give another folder')


def _identity(path):
    """tuple: identifies a file, whichever link or path leads to it."""
    status = os.stat(path)
    return status.st_dev, status.st_ino


def find_labels(cfg, options=None):
    """Makes sure that the classes have their own names, from the data set or ``class_names``.

    ppdet would fall back on COCO's 80 names where the label file is missing.

    Args:
        cfg (dict): ppdet's global configuration; its TestDataset is pointed at a label list made
            from ``class_names`` where the data set is not there.
        options (dict|None): what the command line sets in the configuration; a label file that it
            names has to exist.

    Raises:
        FileNotFoundError: neither a label file nor ``class_names``, or no such file.
        ValueError: ``class_names`` are not names.
    """
    dataset = dataset_fields(cfg, 'TestDataset')
    path = _label_file(dataset)
    if not os.path.isfile(path):
        if (options or {}).get('TestDataset', {}).get('anno_path'):
            raise FileNotFoundError(f'TestDataset: the label file {path} does not exist; correct '
                                    f'-o TestDataset.anno_path, which is relative to dataset_dir, '
                                    f'or leave it out to take class_names of the config')
        if not cfg.get('class_names'):
            raise FileNotFoundError(
                f'TestDataset: the label file {path or "(none given)"} does not exist, so the '
                f'classes have no names. Give it with -o TestDataset.dataset_dir=PATH '
                f'TestDataset.anno_path=FILE, or write class_names: [...] into the config')
        path = _label_list(cfg['class_names'])
        dataset['dataset_dir'], dataset['anno_path'] = os.path.split(path)


def _label_file(dataset):
    return os.path.join(dataset.get('dataset_dir') or '', dataset.get('anno_path') or '')


def name_classes(cfg):
    """Reads the names of the classes, once ``find_labels`` has found them.

    Args:
        cfg (dict): the configuration.

    Returns:
        list of str: the names, in the order of the model's classes.

    Raises:
        ValueError: a number of names other than ``num_classes``, or values that are not names.
    """
    path = _label_file(dataset_fields(cfg, 'TestDataset'))
    with naming('TestDataset'):
        (category_names if path.endswith('.json') else read_class_names)(path)
        try:
            class_to_category, names_of = get_categories(cfg.metric, anno_file=path)
        except (KeyError, TypeError) as error:
            raise ValueError(f'{path} is not a COCO annotation file ({error!r})') from error
    names = [names_of[class_to_category[k]] for k in range(len(class_to_category))]
    if len(names) != cfg.num_classes:
        raise ValueError(f'{path} names {len(names)} classes, but num_classes is '
                         f'{cfg.num_classes}; give -o num_classes={len(names)}, or the list of the '
                         f'training')
    check_class_order(cfg)
    return names


def _label_list(names):
    sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not sound or len(set(names)) < len(names):
        raise ValueError(f'class_names must be a list of different names, got {names}; quote '
                         f'numbers: "1"')
    folder = tempfile.mkdtemp(prefix='ppdet_ext_')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # the data set reads it later
    path = os.path.join(folder, 'label_list.txt')
    write_text(path, '\n'.join(names))
    return path


def detection_records(results, images, class_names):
    """Turns the results of ``Trainer.predict`` into one record per box.

    Args:
        results (list of dict): ``bbox`` [B, 6] (class, score, x1, y1, x2, y2), ``bbox_num`` [N]
            and ``im_id`` [N] of every batch; B boxes of N images.
        images (list of str): paths, indexed by ``im_id``.
        class_names (list of str): names by class.

    Returns:
        list of dict: ``file``, ``class_name``, ``score``, ``box`` (x1, y1, x2, y2 in pixels);
        images in order, highest score first.
    """
    records = []
    for batch in results:
        start = 0
        for image_id, count in zip(batch['im_id'].flatten(), batch['bbox_num']):
            boxes = batch['bbox'][start:start + count]
            start += count
            # Some heads pad their output with boxes of class -1.
            boxes = sorted((box for box in boxes.tolist() if box[0] >= 0), key=lambda b: -b[1])
            records += [{'file': images[int(image_id)], 'class_name': class_names[int(box[0])],
                         'score': round(box[1], 4), 'box': [round(v, 2) for v in box[2:]]}
                        for box in boxes]
    return records


def describe(records, threshold):
    """str: what was found, or a threshold to try where nothing was."""
    if not records:
        return 'no box at all; is the model trained, and are these its weights?'
    found = [record for record in records if record['score'] >= threshold]
    top = max(records, key=lambda record: record['score'])
    text = (f'{counted(len(found), "box")} at or above {threshold:g}, top score '
            f'{top["score"]:.2f}: {top["class_name"]}')
    if not found:
        text += f'; try --draw_threshold {math.floor(top["score"] * 80) / 100:g}'
    return text
