# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A RetinaNet small enough for unit tests, and a batch for it."""
import os

import yaml

from ppdet_ext.engine.benchmark import synthetic_batch

CONFIGS = os.path.join(os.path.dirname(__file__), '..', '..', 'configs')
NANO = os.path.abspath(os.path.join(CONFIGS, 'nano', 'retinanet_nano_s_neu_det.yml'))


def write_yaml(path, content):
    path.write_text(yaml.safe_dump(content))
    return str(path)


def student_yaml(folder, name='student', channels=16, **overrides):
    """A nano RetinaNet with few channels."""
    return write_yaml(folder / f'{name}.yml', {
        '_BASE_': [NANO], 'width_mult': 0.125, 'FPN': {'out_channel': channels},
        'RetinaHead': {'conv_feat': {'name': 'RetinaFeat', 'feat_in': channels,
                                     'feat_out': 32, 'num_convs': 1, 'norm_type': 'gn'}},
        **overrides
    })


def slim_yaml(folder, teacher, name='mgd', **overrides):
    """A slim YAML with the given teacher YAML; a value of None leaves the key out."""
    content = {'_BASE_': [teacher], 'slim': 'Distill', 'slim_method': 'MGD',
               'pretrain_weights': str(folder / 'teacher.pdparams'), **overrides}
    return write_yaml(folder / f'{name}.yml', {k: v for k, v in content.items() if v is not None})


def batch(images=2, boxes=3, size=64, seed=0):
    """A training batch as PaddleDetection's reader makes it, with seeded noise as images."""
    return synthetic_batch(6, images, size, boxes, seed)
