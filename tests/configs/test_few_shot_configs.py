# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The chain of few-shot configs, shipped and written by make_few_shot: base training to DKAN."""
import os

import paddle
import pytest
from configs.test_configs import CONFIGS, plain, stem
from ppdet.core.workspace import create
from ppdet.modeling.heads import BBoxHead

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.yaml_file import read_yaml
from ppdet_ext.few_shot.configs import dataset_configs, detector_configs, detector_names
from ppdet_ext.few_shot.head_expansion import Detector, expand_head
from ppdet_ext.few_shot.sets import NEU_DET_SPLITS, ClassSplit, FewShotSet
from ppdet_ext.modeling import CosineSimBBoxHead, MultiClassSoftNMS
from ppdet_ext.modeling.freeze import freeze_modules
from ppdet_ext.slim import build_slim_model, read_slim_config

DETECTORS = ('nano', 'lite0', 'r50', 'r101')
RUNS = [f'faster_rcnn_{detector}_fpn_neu_det_split{split}'
        for detector in DETECTORS for split in (1, 2, 3)]
SETS = ('base_train', '5shot_seed1', '30shot_seed1', 'val', 'base_val', 'test', 'base_test')
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


def write_configs(folder, name, classes, sets=SETS, dataset_dir='data/NEU-DET-COCO', split=None,
                  images=632):
    """Writes the YAMLs of all detectors as tools/make_few_shot.py does."""
    texts = dataset_configs(os.path.join(dataset_dir, f'annotations/few_shot/{folder.name}'), name,
                            classes, dict.fromkeys(sets), dataset_dir)
    sets = dict.fromkeys(sets, FewShotSet(range(images), classes.base, {}))
    for detector in DETECTORS:
        texts.update(detector_configs(str(folder), name, detector, sets, CONFIGS, split))
    folder.mkdir(exist_ok=True)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding='utf-8')


@pytest.fixture(scope='module')
def path_of(tmp_path_factory):
    """Finds the YAML of a run: that of split 1 is shipped, others are written for the test."""
    written = tmp_path_factory.mktemp('few_shot')
    for split in (2, 3):
        write_configs(written / f'split{split}', f'neu_det_split{split}', NEU_DET_SPLITS[split],
                      split=split)

    def find(run, kind):
        folder = written / run[-6:]
        if run.endswith('split1'):
            folder = os.path.join(CONFIGS, *(['slim', 'distill'] if 'distill' in kind
                                             else ['few_shot']))
        return os.path.join(folder, f'{run}_{kind}.yml')

    return find


def test_every_detector_is_offered():
    assert detector_names(CONFIGS) == sorted(DETECTORS)


@pytest.mark.parametrize('run', RUNS)
def test_every_config_is_what_its_name_says(run, path_of):
    base = plain(load_run_config(path_of(run, 'base'), {}))
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
    heads = {'ft': ('BBoxHead', None), 'dkan': ('CosineSimBBoxHead', ['backbone']),
             'tfa': ('CosineSimBBoxHead', ['backbone', 'neck', 'rpn_head', 'bbox_head.head'])}
    for kind, (head, frozen) in heads.items():
        cfg = plain(load_run_config(path_of(run, kind), {}))
        classes = NEU_DET_SPLITS[int(split)]
        assert cfg['num_classes'] == 6 and base['num_classes'] == 3
        assert base['class_names'] == list(classes.base)
        assert cfg['class_names'] == list(classes.all), 'base classes first'
        assert cfg['EvalDataset']['anno_path'].endswith(f'split{split}/val.json')
        assert cfg['EvalDataset']['allow_empty'] and base['EvalDataset']['allow_empty']
        assert cfg['weights'] == f'output/{run}_{kind}/model_final'
        assert cfg['base_metrics'] == f'output/{run}_base/metrics.json'
        assert cfg['base_weights'] == f'{base["weights"]}.pdparams'
        assert cfg['pretrain_weights'] == f'output/{run}_{kind}/expanded.pdparams'
        assert cfg['TrainDataset']['anno_path'].endswith(f'split{split}/5shot_seed1.json')
        assert cfg['FasterRCNN']['bbox_head'] == head and cfg.get('freeze') == frozen
        assert target_sizes(cfg) == target_sizes(base)
        assert ignores_crowd(cfg) and ignores_crowd(base)
        assert cfg['LearningRate']['schedulers'][0].get('max_epochs', cfg['epoch']) == cfg['epoch']
    slim_path = path_of(run, 'dkan_distill')
    slim = read_yaml(slim_path)
    teacher, = slim['_BASE_']
    assert os.path.samefile(os.path.join(os.path.dirname(slim_path), teacher),
                            path_of(run, 'base'))
    assert slim['pretrain_weights'] == f'{base["weights"]}.pdparams'
    feature, = slim['distill_losses']
    assert (feature['tau'], feature['loss_weight']) == ((5.0, 1.0) if split == '1' else (1.0, 5.0))
    assert slim['logit_loss'] == {'tau': 5.0, 'loss_weight': 0.01, 'use_scaled_logits': True}


def built(path, **options):
    """Configuration, model and Detector of a config, with random weights."""
    cfg = load_run_config(path, options)
    model = create(cfg.architecture)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return cfg, model, Detector(path, cfg.class_names, cfg.num_classes, tensors)


@pytest.mark.parametrize('run', BUILT)
def test_the_chain_fits_from_base_detector_to_dkan(run, path_of, tmp_path):
    _, model, base = built(path_of(run, 'base'), pretrain_weights=None)
    assert type(model.bbox_head) is BBoxHead
    teacher, student = str(tmp_path / 'base.pdparams'), str(tmp_path / 'expanded.pdparams')
    paddle.save(model.state_dict(), teacher)
    _, model, linear = built(path_of(run, 'ft'))
    kernels = [p for p in model.backbone.parameters() if p.ndim == 4]
    assert any(p.stop_gradient for p in kernels) == ('lite0' in run), 'freeze_at'
    assert not all(p.stop_gradient for p in kernels)
    assert set(expand_head(linear, base)[0]) == set(base.tensors)
    cfg, model, cosine = built(path_of(run, 'dkan'))
    assert type(model.bbox_head) is CosineSimBBoxHead
    assert type(model.bbox_post_process.nms) is MultiClassSoftNMS
    tensors, _ = expand_head(cosine, base)
    paddle.save({name: paddle.to_tensor(value) for name, value in tensors.items()}, student)
    slim = read_slim_config(path_of(run, 'dkan_distill'))
    cfg = load_run_config(path_of(run, 'dkan'),
                          {'pretrain_weights': student, 'teacher_weights': teacher}, slim)
    model = build_slim_model(cfg, slim)['model']
    assert cfg.filename == stem(path_of(run, 'dkan_distill'))
    assert list(model.distill_losses.keys()) == [
        'dkan_fka_p2', 'dkan_fka_p3', 'dkan_fka_p4', 'dkan_fka_p5', 'dkan_lka']
    assert all(p.stop_gradient for p in model.student_model.backbone.parameters())


@pytest.mark.parametrize('detector', ['nano', 'lite0'])
def test_tfa_trains_only_the_classifier_and_the_regressor(detector, path_of):
    cfg, model, _ = built(path_of(f'faster_rcnn_{detector}_fpn_neu_det_split2', 'tfa'))
    freeze_modules(model, cfg.freeze)
    assert [name for name, p in model.named_parameters() if not p.stop_gradient] == [
        'bbox_head.bbox_score.weight', 'bbox_head.bbox_delta.weight', 'bbox_head.bbox_delta.bias']


def test_the_sets_of_the_authors_have_no_validation(tmp_path):
    write_configs(tmp_path / 'split1_authors', 'neu_det_split1_authors', NEU_DET_SPLITS[1],
                  ('base_train', '10shot_seed4', 'test', 'base_test'), split=1)
    run = tmp_path / 'split1_authors' / 'faster_rcnn_nano_fpn_neu_det_split1_authors'
    datasets = {kind: [load_run_config(f'{run}_{kind}.yml')[f'{part}Dataset']['anno_path']
                       for part in ('Train', 'Eval', 'Test')] for kind in ('base', 'tfa')}
    folder = 'annotations/few_shot/split1_authors'
    assert datasets == {
        'base': [f'{folder}/{name}.json' for name in ('base_train', 'base_test', 'base_test')],
        'tfa': [f'{folder}/{name}.json' for name in ('10shot_seed4', 'test', 'test')]}
    weights = f'output/{run.name}_base/model_final'  # nothing to choose the best epoch by
    assert load_run_config(f'{run}_base.yml').weights == weights
    assert load_run_config(f'{run}_tfa.yml').base_weights == f'{weights}.pdparams'
    assert read_yaml(f'{run}_dkan_distill.yml')['pretrain_weights'] == f'{weights}.pdparams'


def test_the_configs_find_the_shipped_ones_behind_a_link(tmp_path):
    (tmp_path / 'disk' / 'far' / 'own').mkdir(parents=True)
    (tmp_path / 'own').symlink_to(tmp_path / 'disk' / 'far' / 'own')
    write_configs(tmp_path / 'own', 'own', ClassSplit(('dent', ), ('rust', )))
    cfg = load_run_config(str(tmp_path / 'own' / 'faster_rcnn_lite0_fpn_own_tfa.yml'))
    assert cfg.class_names == ['dent', 'rust'] and cfg.num_classes == 2


@pytest.mark.parametrize('images, split, epochs', [(79, None, 176), (632, None, 20), (79, 2, 20)])
def test_base_training_on_few_images_of_ones_own_is_longer(tmp_path, images, split, epochs):
    write_configs(tmp_path / 'own', 'own', ClassSplit(('dent', ), ('rust', )), split=split,
                  images=images)
    base = str(tmp_path / 'own' / 'faster_rcnn_lite0_fpn_own_base.yml')
    cfg = load_run_config(base)
    assert cfg.epoch == epochs
    assert cfg['LearningRate']['schedulers'][0]['max_epochs'] == epochs
    assert (f'{epochs} epochs of {images} training images' in open(base).read()) == (epochs > 20)
    student = load_run_config(str(tmp_path / 'own' / 'faster_rcnn_lite0_fpn_own_dkan.yml'))
    assert student.epoch == 40, 'fine-tuning has its own schedule'
