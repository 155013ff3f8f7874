# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The chain of few-shot configs: base training, expansion, fine-tuning, DKAN."""
import os

import paddle
import pytest
from configs.test_configs import CONFIGS, plain, stem
from ppdet.core.workspace import create
from ppdet.modeling.heads import BBoxHead

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.yaml_file import read_yaml
from ppdet_ext.few_shot.head_expansion import Detector, expand_head
from ppdet_ext.modeling import CosineSimBBoxHead, MultiClassSoftNMS
from ppdet_ext.slim import build_slim_model

RUNS = [f'faster_rcnn_{detector}_fpn_neu_det_split{split}'
        for detector in ('nano', 'lite0', 'r50', 'r101') for split in (1, 2, 3)]
# All are written alike; of the large ones a single build shows that they fit.
BUILT = [*RUNS[:6], 'faster_rcnn_r50_fpn_neu_det_split1']
# The backbone of each detector, and the side of its images in pixels.
NETWORKS = {'nano': ('CSPResNet', 128), 'lite0': ('EfficientNetLite', 192),
            'r50': ('ResNet', 320), 'r101': ('ResNet', 320)}


def target_sizes(cfg):
    """set of (height, width): to what the readers resize."""
    return {tuple(transform['Resize']['target_size'])
            for reader in ('TrainReader', 'EvalReader', 'TestReader')
            for transform in cfg[reader]['sample_transforms'] if 'Resize' in transform}


def ignores_crowd(cfg):
    """bool: whether crowd boxes are read, and ignored by RPN and box head, as crowd.yml says."""
    rpn, head = cfg['RPNHead']['rpn_target_assign'], cfg['BBoxAssigner']
    return (cfg['TrainDataset']['load_crowd']
            and rpn['ignore_thresh'] == rpn['negative_overlap']
            and head['ignore_thresh'] == head['bg_thresh'])


def few_shot(run, kind):
    return os.path.join(CONFIGS, 'few_shot', f'{run}_{kind}.yml')


def distillation(run):
    return os.path.join(CONFIGS, 'slim', 'distill', f'{run}_dkan_distill.yml')


@pytest.mark.parametrize('run', RUNS)
def test_every_config_is_what_its_name_says(run):
    base = plain(load_run_config(few_shot(run, 'base'), {}))
    split, depth = run[-1], run.split('_')[2]
    assert base['weights'] == f'output/{run}_base/best_model'
    assert base['TrainDataset']['anno_path'].split('/')[-2] == f'split{split}'
    backbone, size = NETWORKS[depth]
    assert base['FasterRCNN']['backbone'] == backbone
    assert target_sizes(base) == {(size, size)}
    if backbone == 'ResNet':
        assert f'r{base["ResNet"]["depth"]}' == depth
    if backbone == 'EfficientNetLite':
        version = base['EfficientNetLite']['version']
        assert f'lite{version}' == depth
        assert base['pretrain_weights'] == f'efficientnet_lite{version}'
    heads = {'ft': ('BBoxHead', None), 'tfa': ('CosineSimBBoxHead', ['backbone'])}
    for kind, (head, frozen) in heads.items():
        cfg = plain(load_run_config(few_shot(run, kind), {}))
        assert cfg['num_classes'] == 6 and base['num_classes'] == 3
        assert cfg['class_names'][:3] == base['class_names'], 'base classes first'
        assert cfg['pretrain_weights'] == f'output/{run}_{kind}/expanded.pdparams'
        assert cfg['TrainDataset']['anno_path'].endswith(f'split{split}/5shot_seed1.json')
        assert cfg['FasterRCNN']['bbox_head'] == head and cfg.get('freeze') == frozen
        assert target_sizes(cfg) == target_sizes(base)
        assert ignores_crowd(cfg) and ignores_crowd(base)
        assert cfg['LearningRate']['schedulers'][0].get('max_epochs', cfg['epoch']) == cfg['epoch']
    slim = read_yaml(distillation(run))
    assert slim['_BASE_'] == [f'../../few_shot/{run}_base.yml']
    assert slim['pretrain_weights'] == f'{base["weights"]}.pdparams'
    feature, = slim['distill_losses']
    assert (feature['tau'], feature['loss_weight']) == ((5.0, 1.0) if split == '1' else (1.0, 5.0))
    assert slim['logit_loss'] == {'tau': 5.0, 'loss_weight': 0.01, 'use_scaled_logits': True}


def built(run, kind, **options):
    """Configuration and Detector of a config, with random weights."""
    cfg = load_run_config(few_shot(run, kind), options)
    model = create(cfg.architecture)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return cfg, model, Detector(f'{kind}.yml', cfg.class_names, cfg.num_classes, tensors)


@pytest.mark.parametrize('run', BUILT)
def test_the_chain_fits_from_base_detector_to_dkan(run, tmp_path):
    _, model, base = built(run, 'base', pretrain_weights=None)
    assert type(model.bbox_head) is BBoxHead
    teacher, student = str(tmp_path / 'base.pdparams'), str(tmp_path / 'expanded.pdparams')
    paddle.save(model.state_dict(), teacher)
    _, model, linear = built(run, 'ft')
    kernels = [p for p in model.backbone.parameters() if p.ndim == 4]
    assert any(p.stop_gradient for p in kernels) == ('lite0' in run), 'freeze_at'
    assert not all(p.stop_gradient for p in kernels)
    assert set(expand_head(linear, base)[0]) == set(base.tensors)
    cfg, model, cosine = built(run, 'tfa')
    assert type(model.bbox_head) is CosineSimBBoxHead
    assert type(model.bbox_post_process.nms) is MultiClassSoftNMS
    tensors, _ = expand_head(cosine, base)
    paddle.save({name: paddle.to_tensor(value) for name, value in tensors.items()}, student)
    cfg = load_run_config(few_shot(run, 'tfa'),
                          {'pretrain_weights': student, 'teacher_weights': teacher})
    model = build_slim_model(cfg, distillation(run))['model']
    assert cfg.filename == stem(distillation(run))
    assert list(model.distill_losses.keys()) == [
        'dkan_fka_p2', 'dkan_fka_p3', 'dkan_fka_p4', 'dkan_fka_p5', 'dkan_lka']
    assert all(p.stop_gradient for p in model.student_model.backbone.parameters())
