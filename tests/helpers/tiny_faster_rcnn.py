# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A Faster R-CNN small enough for unit tests; ``tiny.batch`` suits it."""
import os

from ppdet.core.workspace import create
from tiny import CONFIGS, write_yaml

from ppdet_ext.config.scope import isolated_config

BASE = [os.path.abspath(os.path.join(CONFIGS, path)) for path in (
    'datasets/neu_det_coco.yml', 'runtime.yml', 'few_shot/_base_/faster_rcnn_nano_fpn.yml',
    '_base_/optimizer_18e.yml', '_base_/reader_128.yml')]
CLASSES = ['crazing', 'inclusion', 'patches', 'pitted_surface', 'rolled-in_scale', 'scratches']


def faster_rcnn_yaml(folder, name, classes=6, cosine=None, **overrides):
    """Writes the YAML of a nano Faster R-CNN with few channels.

    Args:
        classes (int): how many of CLASSES, the first ones.
        cosine (dict|None): options of the cosine head; None is PaddleDetection's own head.
    """
    head = {'head': 'TwoFCHead', 'bbox_assigner': 'BBoxAssigner', 'roi_extractor': {
        'resolution': 3, 'sampling_ratio': 0, 'aligned': True, 'canonical_size': 32}}
    head = {'BBoxHead': head} if cosine is None else {
        'FasterRCNN': {'bbox_head': 'CosineSimBBoxHead'}, 'CosineSimBBoxHead': {**head, **cosine}}
    return write_yaml(folder / f'{name}.yml', {
        '_BASE_': BASE, 'width_mult': 0.125, 'num_classes': classes,
        'class_names': CLASSES[:classes], 'FPN': {'out_channel': 16},
        'TwoFCHead': {'out_channel': 24, 'resolution': 3},
        'BBoxAssigner': {'batch_size_per_im': 16},
        'BBoxPostProcess': {'nms': {'score_threshold': 0.0}}, **head, **overrides})


def build_detector(path):
    """The detector of a YAML, in a configuration scope of its own."""
    with isolated_config(path) as cfg:
        return create(cfg.architecture)
