# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The YAMLs of a few-shot split: its data sets, and detectors like those of NEU-DET's split 1."""
import os
import re

import yaml

from ..config.yaml_file import read_merged
from ..data.dataset_yaml import TRAINING_IMAGES
from ..data.schedule import schedule_for
from ..safe_io.safe_yaml import load_yaml
from .set_files import annotation_path

__all__ = ['dataset_configs', 'detector_configs', 'detector_names']

# The released code's values for the splits of NEU-DET that differ from the first.
FEATURE_LOSS = {2: {'tau': 1.0, 'loss_weight': 5.0}, 3: {'tau': 1.0, 'loss_weight': 5.0}}
HEADER = '# Written by tools/make_few_shot.py. {}\n'


def detector_names(templates):
    """list of str: detectors for which the ``configs`` folder has the YAMLs of split 1."""
    pattern = re.compile('faster_rcnn_(.+)_fpn_neu_det_split1_base.yml')
    found = map(pattern.fullmatch, sorted(os.listdir(os.path.join(templates, 'few_shot'))))
    return [match.group(1) for match in found if match]


def dataset_configs(folder, name, classes, sets, dataset_dir):
    """Makes the YAMLs that describe few-shot sets; writes nothing.

    Args:
        folder (str): of the sets.
        name (str): what the split is called in file and run names, ``neu_det_split2``.
        classes (ClassSplit): base and novel classes.
        sets (dict of str to FewShotSet): as :func:`make_few_shot` returns them.
        dataset_dir (str): the data set with the images.

    Returns:
        dict of str to str: text of ``{name}_base.yml``, for base training, and of
        ``{name}_all.yml``, for fine-tuning on the first of the K-shot sets.
    """
    shots = next(key for key in sets if 'shot_seed' in key)
    evaluation = _evaluation(sets)
    stages = {'base': (classes.base, 'base_train', f'base_{evaluation}', 'Base training.'),
              'all': (classes.all, shots, evaluation,
                      f'Fine-tuning; the novel classes are {", ".join(classes.novel)}.')}
    images = {'name': 'COCODataSet', 'image_dir': 'images'}
    texts = {}
    for stage, (names, *keys, comment) in stages.items():
        train, evaluate = (annotation_path(folder, key, dataset_dir) for key in keys)
        texts[f'{name}_{stage}.yml'] = _text(comment, {
            'metric': 'COCO', 'num_classes': len(names), 'class_names': list(names),
            'TrainDataset': {**images, 'anno_path': train, 'dataset_dir': dataset_dir,
                             'data_fields': ['image', 'gt_bbox', 'gt_class', 'is_crowd']},
            # Images that show only other defects are evaluated too: any detection there is false.
            'EvalDataset': {**images, 'anno_path': evaluate, 'dataset_dir': dataset_dir,
                            'allow_empty': True},
            'TestDataset': {'name': 'ImageFolder', 'anno_path': evaluate,
                            'dataset_dir': dataset_dir}})
    return texts


def detector_configs(folder, name, detector, sets, templates, split=None):
    """Makes the YAMLs that train a detector on few-shot sets; writes nothing.

    Args:
        folder (str): of the sets; the YAMLs of :func:`dataset_configs` belong there too.
        name (str): what the split is called in file and run names.
        detector (str): one of :func:`detector_names`.
        sets (dict of str to FewShotSet): as for :func:`dataset_configs`.
        templates (str): the ``configs`` folder, on whose YAMLs of split 1 these are based.
        split (int or None): number of the split, if it is one of NEU-DET's.

    Returns:
        dict of str to str: file name and text of base training, of fine-tuning (``ft``, ``tfa``),
        and of DKAN's student and teacher (``dkan``, ``dkan_distill``).
    """
    shipped, run = (f'faster_rcnn_{detector}_fpn_{n}' for n in ('neu_det_split1', name))
    base_run = f'output/{run}_base'
    # Without validation images the best epoch would be chosen on test images.
    base_weights = f'{base_run}/{"best_model" if _evaluation(sets) == "val" else "model_final"}'

    def based_on(step, stage):
        # From the real folder: ".." after a link leads elsewhere.
        path = os.path.relpath(os.path.realpath(templates), os.path.realpath(folder))
        return {'_BASE_': [f'{path}/few_shot/{shipped}_{step}.yml', f'{name}_{stage}.yml']}

    # NEU-DET's other splits are compared with the first, after the same number of epochs.
    schedule, words = ({}, '') if split else schedule_for(
        read_merged(os.path.join(templates, 'few_shot', f'{shipped}_base.yml')),
        len(sets['base_train'].images), TRAINING_IMAGES['neu_det_split1'])
    comment = f'The detector of the base classes. {words}'.rstrip()
    texts = {f'{run}_base.yml': _text(comment, {
        **based_on('base', 'base'), 'weights': base_weights, **schedule})}
    for step, comment in (('ft', 'Plain fine-tuning.'), ('tfa', 'TFA.'),
                          ('dkan', 'The student of DKAN.')):
        texts[f'{run}_{step}.yml'] = _text(f'{comment} First run tools/expand_head.py.', {
            **based_on(step, 'all'), 'pretrain_weights': f'output/{run}_{step}/expanded.pdparams',
            'weights': f'output/{run}_{step}/model_final',
            'base_metrics': f'{base_run}/metrics.json',
            'base_weights': f'{base_weights}.pdparams'})
    with open(os.path.join(templates, 'slim', 'distill', f'{shipped}_dkan_distill.yml'),
              encoding='utf-8') as f:
        slim = load_yaml(f)
    slim.update(_BASE_=[f'{run}_base.yml'], pretrain_weights=f'{base_weights}.pdparams')
    for loss in slim['distill_losses']:
        loss.update(FEATURE_LOSS.get(split, {}))
    texts[f'{run}_dkan_distill.yml'] = _text('DKAN: the base detector teaches its expansion.', slim)
    return texts


def _evaluation(sets):
    """str: the set for evaluations in training; that of the test images where there is no other."""
    return 'val' if 'val' in sets else 'test'


def _text(comment, content):
    return HEADER.format(comment) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
