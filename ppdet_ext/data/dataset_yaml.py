# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Writes the YAMLs for training on a prepared data set, so that none has to be edited."""
import os
import re

import yaml

from ..config.yaml_file import merge_settings, read_merged, read_yaml
from ..safe_io.safe_yaml import load_plain_yaml, load_yaml
from ..utils.files import open_text, write_text
from .input_size import FINEST_STRIDE, MOST_SMALL, input_size, resized_readers, share_small
from .schedule import schedule_for

__all__ = ['HEADER', 'TRAINING_IMAGES', 'dataset_yaml', 'write_run_configs']

HEADER = '# Written by tools/prepare_data.py'
# Of the data sets in the names of the configs; a name that begins with another one comes first.
TRAINING_IMAGES = {'neu_det_split1': 632, 'neu_det': 1260, 'synthetic_steel': 1260}


def dataset_yaml(folder, data, splits, image_maximum=None):
    """Describes a prepared data set as the configs need it.

    Args:
        folder (str): of the data set, as the YAML names it.
        data (Source): what is in it.
        splits (dict): indices of the images of each split.
        image_maximum (int or None): the value that is white in images of 16 bits per channel.

    Returns:
        str: the YAML.
    """
    shows_sound = {split: any(not data.images[k].boxes for k in indices)
                   for split, indices in splits.items()}
    return describe_dataset(folder, data.class_names, shows_sound['train'], shows_sound['val'],
                            image_maximum)


def describe_dataset(folder, class_names, sound_in_train, sound_in_val, image_maximum=None):
    """str: the YAML of a data set; images without boxes take part where there are any."""
    files = {'image_dir': 'images', 'dataset_dir': folder.replace(os.sep, '/')}

    def dataset(split, sound):
        return {'name': 'COCODataSet', **files, 'anno_path': f'annotations/{split}.json',
                **({'allow_empty': True} if sound else {})}

    train = dataset('train', sound_in_train)
    train['data_fields'] = ['image', 'gt_bbox', 'gt_class', 'is_crowd']
    content = {
        'metric': 'COCO', 'num_classes': len(class_names), 'class_names': list(class_names),
        **({'image_maximum': image_maximum} if image_maximum else {}),
        'TrainDataset': train,
        'EvalDataset': dataset('val', sound_in_val),
        'TestDataset': {'name': 'ImageFolder', 'anno_path': 'annotations/val.json',
                        'dataset_dir': files['dataset_dir']},
    }
    return f'{HEADER}; put it last into the _BASE_ of a config.\n{_dump(content)}'


def write_run_configs(folder, output, images, config=None, slim_config=None, side=None):
    """Writes a detector's YAML for a data set, and that of its distillation and its teacher.

    A config made for a larger data set of ours gets as many more epochs, see
    :func:`ppdet_ext.data.schedule.schedule_for`.

    Args:
        folder (str): where the data set is made.
        output (str): where it will be; the YAMLs go beside ``dataset.yml``.
        images (list of LabelledImage): of the training split.
        config (str or None): YAML of the detector, or student, as shipped.
        slim_config (str or None): of the distillation; its ``_BASE_`` is the teacher's YAML.
        side (int or None): height and width in pixels to which the configs resize images; None
            for what they state.

    Returns:
        tuple: paths of the student's, the teacher's and the distillation's YAML, and notes: which
        trains for more epochs than the config it is based on, and which sees boxes too small.

    Raises:
        FileNotFoundError: there is no such YAML.
        ValueError: the slim YAML does not have exactly one ``_BASE_``, or is given as ``config``;
            or ``side`` is not possible, see
            :func:`ppdet_ext.data.input_size.resized_readers`.
    """
    name = re.sub(r'[^\w.-]+', '_', os.path.basename(os.path.realpath(output)))
    written, notes = [], []

    def write(shipped):
        path, new_notes = _write_config(shipped, folder, output, name, images, side)
        if path not in written:
            written.append(path)
            notes.extend(new_notes)
        return path

    if config:
        write(config)
    if slim_config is None:
        return written, notes
    content = load_yaml(open_text(slim_config))
    bases = content.get('_BASE_') if isinstance(content, dict) else None
    if not isinstance(bases, list) or len(bases) != 1:
        raise ValueError(f'{slim_config}: expected one _BASE_, the YAML of the teacher')
    teacher = write(os.path.join(os.path.dirname(slim_config), bases[0]))
    content.update({'_BASE_': [os.path.basename(teacher)],
                    'pretrain_weights': f'output/{_stem(teacher)}/best_model.pdparams'})
    path = os.path.join(folder, f'{_own_name(slim_config, name)}.yml')
    write_text(path, f'{HEADER}.\n{_dump(content)}')
    return [*written, path], notes


def _write_config(config, folder, output, name, images, side):
    if not os.path.isfile(config):
        raise FileNotFoundError(f'{config}: there is no such config')
    if 'slim' in read_yaml(config, load_plain_yaml):
        raise ValueError(f'{config} is a slim YAML; give it with --slim_config, and the YAML of '
                         f'the detector with --config')
    own = _own_name(config, name)
    path = os.path.join(folder, f'{own}.yml')
    base = os.path.relpath(config, os.path.realpath(output)).replace(os.sep, '/')
    settings, notes = _fitted(config, read_merged(config), images, side)
    write_text(path, '\n'.join([f'{HEADER}.', *(f'# {note}' for note in notes), _dump({
        '_BASE_': [base, 'dataset.yml'], 'weights': f'output/{own}/best_model', **settings})]))
    return path, [f'{own}.yml: {note}' for note in notes]


def _fitted(config, shipped, images, side):
    """tuple: the settings that a config needs for a data set, and notes on the training."""
    made_for = next((size for known, size in TRAINING_IMAGES.items() if known in _stem(config)), 0)
    settings, words = schedule_for(shipped, len(images), made_for)
    if side:
        try:
            merge_settings(settings, resized_readers(shipped, side))
        except ValueError as error:
            raise ValueError(f'{config}: {error}') from error
    resizing = input_size({**shipped, **settings})
    small = share_small(images, resizing) if resizing else 0
    notes = [words] if words else []
    if small > MOST_SMALL:
        notes.append(f'{small:.0%} of the training boxes have a side below {FINEST_STRIDE} pixels, '
                     f'the stride of the finest level of most detectors, when images are resized '
                     f'to {resizing}; give a larger --input_size, or cut the images into tiles')
    return settings, notes


def _own_name(config, name):
    """str: the name of a run on this data set: output/<name>/ keeps its checkpoints."""
    for known in TRAINING_IMAGES:
        if known in _stem(config):
            return _stem(config).replace(known, name)
    return f'{_stem(config)}_{name}'


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _dump(content):
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None,
                          width=100)
