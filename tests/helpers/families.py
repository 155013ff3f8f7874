# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Small detectors of every family that is exported, with random weights whose scores spread."""
import os

import compat_probes
import paddle
from ppdet.core.workspace import create
from tiny import CONFIGS as RELATIVE
from tiny import write_yaml

from ppdet_ext.config.scope import isolated_config

CONFIGS = os.path.abspath(RELATIVE)
SIZE = 64
RETINANET, FCOS = compat_probes.RETINANET, compat_probes.FCOS
FAMILIES = {
    # With the normalisation of groups that these heads usually have.
    'retinanet': {**RETINANET, 'RetinaHead': {
        **RETINANET['RetinaHead'], 'conv_feat': {
            **RETINANET['RetinaHead']['conv_feat'], 'feat_out': 32, 'norm_type': 'gn'}}},
    'fcos': {**FCOS, 'FCOSFeat': {**FCOS['FCOSFeat'], 'norm_type': 'gn'}},
    'gfl': compat_probes.GFL,
    'picodet': compat_probes.PICODET,
    'ppyoloe': {key: value for key, value in compat_probes.PPYOLOE.items()
                if key not in ('for_distill', 'feat_distill_place')},
    'faster_rcnn': compat_probes.FASTER_RCNN,
}
SCALES = {'picodet': 1.0}
READER = {
    'batch_size': 1, 'sample_transforms': [
        {'Decode': {}}, {'Resize': {'target_size': [SIZE, SIZE], 'keep_ratio': False, 'interp': 2}},
        {'NormalizeImage': {'is_scale': True, 'mean': [0.5] * 3, 'std': [0.25] * 3}},
        {'Permute': {}}],
}


def family_yaml(folder, family, **overrides):
    """str: the YAML of a detector whose weights are in ``<family>.pdparams`` beside it."""
    weights = folder / f'{family}.pdparams'
    path = write_yaml(folder / f'{family}.yml', {
        '_BASE_': [f'{CONFIGS}/runtime.yml', f'{CONFIGS}/datasets/neu_det_coco.yml'],
        **FAMILIES[family], 'num_classes': 6, 'epoch': 1, 'worker_num': 0, 'use_gpu': False,
        'weights': str(weights), 'TestReader': READER,
        **{f'{name}Dataset': {'dataset_dir': str(folder / 'nowhere')} for name in ('Eval', 'Test')},
        **overrides})
    with isolated_config(path) as cfg:
        paddle.seed(0)
        model = create(cfg.architecture)
    _spread(model, SCALES.get(family, 0.1))
    paddle.save(model.state_dict(), str(weights))
    return path


def _spread(model, scale):
    """Draws the weights of the head again, so large that scores and boxes differ."""
    for number, (name, parameter) in enumerate(model.named_parameters()):
        if parameter.ndim > 1 and 'head' in name:
            paddle.seed(number)
            parameter.set_value(paddle.randn(parameter.shape) * scale)
        elif name.endswith('fcos_head_reg.bias'):  # boxes without extent before it is trained
            parameter.set_value(paddle.full([4], 2.))
