# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A RetinaNet small enough for unit tests, and a batch for it."""
import os

import numpy as np
import paddle
import yaml

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
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, size / 2, [images, boxes, 2])
    bbox = np.concatenate([corner, corner + rng.uniform(8, size / 2, [images, boxes, 2])], axis=2)
    classes = rng.integers(0, 6, [images, boxes, 1])
    return {
        'image': paddle.to_tensor(rng.normal(size=[images, 3, size, size]).astype('float32')),
        'im_shape': paddle.full([images, 2], size, dtype='float32'),
        'scale_factor': paddle.ones([images, 2]),
        'gt_bbox': [paddle.to_tensor(b.astype('float32')) for b in bbox],
        'gt_class': [paddle.to_tensor(c.astype('int32')) for c in classes],
        'is_crowd': [paddle.zeros([boxes, 1], dtype='int32') for _ in range(images)],
        'epoch_id': 0,
    }


def values(layer):
    """A copy of a layer's tensors by name."""
    return {name: tensor.numpy().copy() for name, tensor in layer.state_dict().items()}


def moved(before, layer):
    """Names of the layer's tensors that differ from their values before."""
    return {name for name, tensor in layer.state_dict().items()
            if not np.array_equal(before[name], tensor.numpy())}
