# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The configs of docs/pretrained_backbones.md train and evaluate."""
import functools
import json
import os
import re

import numpy as np
import pytest
import yaml
from noise_set import noise_set
from tiny import CONFIGS, write_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer

PAGE = os.path.join(CONFIGS, '..', 'docs', 'pretrained_backbones.md')
NAMED_BLOCK = re.compile(r'^`configs/([^`\n]+)`[^\n]*:\n\n```yaml\n(.*?)^```',
                         re.MULTILINE | re.DOTALL)
IMAGES = 2

# Image size, number of the backbone's tensors, and what makes the rest of the detector small.
FAMILIES = {
    'retinanet': (128, 240, {
        'FPN': {'out_channel': 16}, 'RetinaHead': {
            'conv_feat': {'feat_in': 16, 'feat_out': 16, 'num_convs': 1}}}),
    'fcos': (128, 240, {
        'FPN': {'out_channel': 16}, 'FCOSHead': {'fcos_feat': {'feat_in': 16, 'num_convs': 1}}}),
    'gfl': (128, 315, {
        'FPN': {'out_channel': 16}, 'GFLHead': {
            'conv_feat': {'feat_in': 16, 'feat_out': 32, 'num_convs': 1}, 'feat_in_chan': 32}}),
    'faster_rcnn': (128, 240, {
        'FPN': {'out_channel': 16}, 'TwoFCHead': {'out_channel': 16}}),
    # Its coarsest level needs 3 x 3 cells of 64 pixels.
    'picodet': (192, 315, {
        'LCPAN': {'out_channels': 16}, 'PicoHeadV2': {
            'conv_feat': {'feat_in': 16, 'feat_out': 16, 'num_convs': 1}, 'feat_in_chan': 16}}),
}


def shown_configs():
    """dict: by detector, the content of the config that the page shows."""
    with open(PAGE, encoding='utf-8') as f:
        blocks = NAMED_BLOCK.findall(f.read())
    contents = {}
    for name, text in blocks:
        folder = os.path.join(os.path.abspath(CONFIGS), os.path.dirname(name))
        content = contents[os.path.dirname(name)] = yaml.safe_load(text)
        assert content['weights'] == f'output/{os.path.basename(name)[:-4]}/best_model'
        content['_BASE_'] = [os.path.join(folder, base) for base in content['_BASE_']]
    return contents


def merged(first, second):
    """dict: both, section by section."""
    both = {**first, **second}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict):
            both[key] = merged(first[key], second[key])
    return both


def shrink(size, cfg):
    """Gives all images of a configuration one size."""
    readers = [cfg[name] for name in ('TrainReader', 'EvalReader', 'TestReader')]
    for transform in (transform for reader in readers
                      for kind in ('sample_transforms', 'batch_transforms')
                      for transform in reader.get(kind) or []):
        for options in transform.values():
            if 'target_size' in options:
                options['target_size'] = [size, size]
    if 'eval_size' in cfg:
        cfg['eval_size'] = [size, size]


@pytest.mark.parametrize('name', FAMILIES)
def test_a_pretrained_backbone_trains_and_evaluates(tmp_path, log, name):
    size, tensors, small = FAMILIES[name]
    dataset = {'dataset_dir': noise_set(tmp_path / 'set', train=IMAGES, val=IMAGES)}
    path = write_yaml(tmp_path / 'lite.yml', merged({
        'epoch': 1, 'worker_num': 0, 'use_gpu': False, 'save_dir': str(tmp_path / 'output'),
        'TrainDataset': dataset, 'EvalDataset': dataset,
        'TrainReader': {'batch_size': IMAGES}, 'EvalReader': {'batch_size': IMAGES},
        # Without weight decay only a gradient can move a weight.
        'LearningRate': {'base_lr': 0.01, 'schedulers': [
            {'name': 'PiecewiseDecay', 'gamma': 0.1, 'milestones': [10]},
            {'name': 'LinearWarmup', 'start_factor': 1.0, 'steps': 1}]},
        'OptimizerBuilder': {'regularizer': {'factor': 0.0}}, **small}, shown_configs()[name]))
    trainer = Trainer(load_run_config(path, prepare=[functools.partial(shrink, size)]))
    trainer.load_weights(trainer.cfg.pretrain_weights)
    assert f'model: {tensors} of {tensors} backbone tensors loaded' in log[-1][1]

    # Without the norms: one that another one follows needs no bias, and has no gradient for it.
    filters = {key: parameter for key, parameter in trainer.model.backbone.named_parameters()
               if key.endswith('conv.weight')}
    before = {key: parameter.numpy().copy() for key, parameter in filters.items()}
    trainer.train(validate=True)
    for key, meter in trainer.status['training_staus'].meters.items():
        assert len(meter.deque) == 1 and np.isfinite(meter.deque).all(), key
    for key, parameter in filters.items():
        assert not np.array_equal(parameter.numpy(), before[key]), f'{key} has no gradient'
    with open(os.path.join(trainer.cfg.output_eval, 'metrics.json'), encoding='utf-8') as f:
        assert json.load(f)['images'] == IMAGES


def test_the_page_shows_each_detector_once():
    assert list(shown_configs()) == list(FAMILIES)
