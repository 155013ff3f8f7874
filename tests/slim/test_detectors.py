# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Every detector family trains, evaluates and saves distilled; configs as shipped, made small."""
import functools
import json
import os

import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create
from ppdet.utils.checkpoint import load_weight
from tiny import CONFIGS, slim_yaml, write_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.scope import isolated_config
from ppdet_ext.data.synthetic_steel import make_synthetic_steel
from ppdet_ext.engine import Trainer
from ppdet_ext.slim import build_slim_model, prepare_reader, read_slim_config

SIZE = 192  # PicoDet's coarsest level needs 3 x 3 cells of 64 pixels
IMAGES = 4
CHANNELS = 32


def _retinanet(channels):
    return {'FPN': {'out_channel': channels},
            'RetinaHead': {'conv_feat': {'feat_in': channels, 'feat_out': 32, 'num_convs': 1},
                           'nms': {'score_threshold': 0.0}}}


def _fcos(channels):
    return {'FPN': {'out_channel': channels},
            'FCOSHead': {'fcos_feat': {'feat_in': channels, 'num_convs': 1},
                         'nms': {'score_threshold': 0.0}}}


def _gfl(channels):
    return {'FPN': {'out_channel': channels},
            'GFLHead': {'conv_feat': {'feat_in': channels, 'feat_out': 32, 'num_convs': 1},
                        'feat_in_chan': 32, 'nms': {'score_threshold': 0.0}}}


def _faster_rcnn(channels):
    return {'FPN': {'out_channel': channels}, 'TwoFCHead': {'out_channel': 32},
            'BBoxPostProcess': {'nms': {'score_threshold': 0.0}}}


def _picodet(channels):
    return {'LCNet': {'scale': 0.5}, 'LCPAN': {'out_channels': channels},
            'PicoHeadV2': {'conv_feat': {'feat_in': channels, 'feat_out': channels,
                                         'num_convs': 1},
                           'feat_in_chan': channels, 'nms': {'score_threshold': 0.0}}}


def _ppyoloe(channels):
    return {'width_mult': channels / 192, 'PPYOLOEHead': {'nms': {'score_threshold': 0.0}}}


FAMILIES = {
    'retinanet/retinanet_r18_fpn_neu_det': (_retinanet, ['p3', 'p4', 'p5', 'p6', 'p7']),
    'fcos/fcos_r18_fpn_neu_det': (_fcos, ['p3', 'p4', 'p5', 'p6']),
    'gfl/gfl_r18_fpn_neu_det': (_gfl, ['p3', 'p4', 'p5', 'p6']),
    'faster_rcnn/faster_rcnn_r18_fpn_neu_det': (_faster_rcnn, ['p2', 'p3', 'p4', 'p5', 'p6']),
    'picodet/picodet_s_neu_det': (_picodet, ['p3', 'p4', 'p5', 'p6']),
    'ppyoloe/ppyoloe_plus_crn_s_neu_det': (_ppyoloe, ['p5', 'p4', 'p3']),
}


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    """Folder of a synthetic data set that is cut down to a few images."""
    folder = str(tmp_path_factory.mktemp('synthetic') / 'steel')
    make_synthetic_steel(folder, images_per_class=10)
    for split in ('train', 'val'):
        path = os.path.join(folder, 'annotations', f'{split}.json')
        with open(path, encoding='utf-8') as f:
            content = json.load(f)
        content['images'] = content['images'][::len(content['images']) // IMAGES][:IMAGES]
        kept = {image['id'] for image in content['images']}
        content['annotations'] = [a for a in content['annotations'] if a['image_id'] in kept]
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(content, f)
    return folder


@pytest.fixture
def run_yaml(tmp_path, dataset):
    """Writes a shipped config with fewer channels, for one epoch of two steps."""

    def write(config, name, channels):
        widths, _ = FAMILIES[config]
        return write_yaml(tmp_path / f'{name}.yml', {
            '_BASE_': [os.path.join(os.path.abspath(CONFIGS), f'{config}.yml')],
            'pretrain_weights': None, 'epoch': 1, 'worker_num': 0, 'use_gpu': False,
            'save_dir': str(tmp_path / 'output'),
            'TrainDataset': {'dataset_dir': dataset}, 'EvalDataset': {'dataset_dir': dataset},
            'TrainReader': {'batch_size': IMAGES // 2}, 'EvalReader': {'batch_size': IMAGES // 2},
            # Without weight decay only a gradient can move a weight.
            'LearningRate': {'base_lr': 0.01, 'schedulers': [
                {'name': 'PiecewiseDecay', 'gamma': 0.1, 'milestones': [10]},
                {'name': 'LinearWarmup', 'start_factor': 1.0, 'steps': 1}]},
            'OptimizerBuilder': {'regularizer': {'factor': 0.0}},
            **widths(channels),
        })

    return write


def load_small(path, slim=None):
    """Loads a run's configuration and shrinks its images."""
    return load_run_config(path, {}, slim, [
        shrink, *([functools.partial(prepare_reader, slim)] if slim else [])])


def shrink(cfg):
    readers = [cfg[name] for name in ('TrainReader', 'EvalReader', 'TestReader')]
    transforms = [t for reader in readers for kind in ('sample_transforms', 'batch_transforms')
                  for t in reader.get(kind) or []]
    for options in (options for transform in transforms for options in transform.values()):
        if 'target_size' in options:
            options['target_size'] = [SIZE, SIZE]
    if 'eval_size' in cfg:
        cfg['eval_size'] = [SIZE, SIZE]


def values(state):
    return {name: tensor.numpy().copy() for name, tensor in state.items()}


def moved(before, state):
    assert set(before) == set(state)
    return {name for name in before if not np.array_equal(before[name], state[name].numpy())}


MGD = {'slim_method': 'MGD', 'distill_losses': [{'alpha_mgd': 0.0001, 'lambda_mgd': 0.3}]}
TSKD = {'slim_method': 'TSKD', 'cross_response': {'reused_teacher_head_idx': 1},
        'distill_losses': [{'temp': 5.0, 'alpha_ins_rea': 0.1, 'alpha_se': 0.1}]}
# What the logged names of their values begin with.
OTHERS = {'MimicLoss': 'mimic_', 'BoxMimicLoss': 'boxmimic_', 'FGDLoss': 'fgd_relation',
          'CWDLoss': 'cwd_', 'PKDLoss': 'pkd_', 'WKDLoss': 'wkd_mean', 'CanKDLoss': 'cankd_'}
TSKD_WITHOUT_HEADS = {key: TSKD[key] for key in ('slim_method', 'distill_losses')}
WITH_HEAD_ADAPTER = ('retinanet', 'fcos', 'gfl')


@pytest.fixture
def distill_trainer(tmp_path, run_yaml):
    """Makes a student's YAML and the Trainer that distils it from a teacher of random weights."""

    def make(config, teacher_channels, method, seed=0):
        teacher = run_yaml(config, 'teacher', teacher_channels)
        with isolated_config(teacher) as cfg:
            paddle.seed(1)
            paddle.save(create(cfg.architecture).state_dict(), str(tmp_path / 'teacher.pdparams'))
        slim = read_slim_config(slim_yaml(tmp_path, teacher, **method))
        student = run_yaml(config, 'student', CHANNELS)
        cfg = load_small(student, slim)
        paddle.seed(seed)
        return student, Trainer(build_slim_model(cfg, slim))

    return make


@pytest.mark.parametrize('teacher_channels', [CHANNELS, 48], ids=['equal', 'unequal'])
@pytest.mark.parametrize('config', FAMILIES, ids=lambda config: config.split('/')[0])
def test_mgd(distill_trainer, config, teacher_channels):
    _, levels = FAMILIES[config]
    student, trainer = distill_trainer(config, teacher_channels, MGD)
    check_two_steps_and_evaluation(student, trainer, {f'mgd_{level}' for level in levels})


@pytest.mark.parametrize('config', FAMILIES, ids=lambda config: config.split('/')[0])
def test_tskd(distill_trainer, config):
    knows_head = config.startswith(WITH_HEAD_ADAPTER)
    student, trainer = distill_trainer(config, 48, TSKD if knows_head else TSKD_WITHOUT_HEADS)
    terms = {'fg', 'bg', 'ins_rea', 'pixel_rea', 'se'} | ({'cls', 'box'} if knows_head else set())
    check_two_steps_and_evaluation(student, trainer, {f'tskd_{term}' for term in terms})


# A RetinaNet trains with each loss in test_methods.py.
@pytest.mark.parametrize('config', [c for c in FAMILIES if not c.startswith('retinanet')],
                         ids=lambda config: config.split('/')[0])
def test_all_losses_together(distill_trainer, config):
    losses = {**OTHERS, **({'CrossKDLoss': 'crosskd_cls'} if config.startswith(WITH_HEAD_ADAPTER)
                           else {}), **({'LDLoss': 'ld_vlr'} if config.startswith('gfl') else {})}
    _, trainer = distill_trainer(config, 48, {
        'slim_method': 'FGD', 'distill_losses': [{'loss': loss} for loss in losses]})
    trainer.train(validate=False)
    meters = trainer.status['training_staus'].meters
    for start in losses.values():
        values = [m for name, m in meters.items() if name.startswith(f'distill_{start}')]
        assert values and all(np.isfinite(meter.deque).all() for meter in values), start
        assert sum(meter.deque[0] for meter in values) > 0.0, start


@pytest.mark.parametrize('config', [c for c in FAMILIES if not c.startswith(WITH_HEAD_ADAPTER)],
                         ids=lambda config: config.split('/')[0])
def test_cross_response_of_an_unknown_head_is_an_error(distill_trainer, config):
    with pytest.raises(ValueError, match='needs a head of FCOSHead, GFLHead, RetinaHead; the stu'):
        distill_trainer(config, CHANNELS, TSKD)


@pytest.mark.parametrize('config', FAMILIES, ids=lambda config: config.split('/')[0])
def test_the_teacher_detects_in_images_of_any_size(distill_trainer, config):
    _, trainer = distill_trainer(config, CHANNELS, {**TSKD_WITHOUT_HEADS, 'cross_response': False})
    model = trainer.model
    model.see_unlabelled(score_threshold=0.0)
    model.train()
    side = SIZE + 64
    inputs = {**next(iter(trainer.loader)), 'epoch_id': 0}
    losses = model({**inputs, 'unlabelled': {
        'image': paddle.randn([1, 3, side, side]), 'scale_factor': paddle.ones([1, 2]),
        'im_shape': paddle.full([1, 2], side, dtype='float32')}})
    assert np.isfinite(float(losses['loss'])) and 'distill_unlabelled_tskd_fg' in losses


def check_two_steps_and_evaluation(student, trainer, terms):
    """Student and adapters move and nothing else does; the logged terms are there and finite."""
    model = trainer.model
    before = [values(part.state_dict()) for part in
              (model.student_model, model.distill_losses, model.teacher_model)]
    trainer.train(validate=True)

    meters = trainer.status['training_staus'].meters
    assert {name for name in meters if name.startswith('distill_')} == {
        f'distill_{term}' for term in terms}
    for name, meter in meters.items():
        assert len(meter.deque) == 2 and np.isfinite(meter.deque).all(), name

    student_before, losses_before, teacher_before = before
    trained = {name for name, parameter in model.distill_losses.named_parameters()
               if not parameter.stop_gradient}
    assert moved(losses_before, model.distill_losses.state_dict()) == trained
    first = next(iter(model.distill_losses.values()))
    unequal = first.student_channels != first.teacher_channels
    assert any('align' in name for name in trained) == unequal
    parts = {name.split('.')[0] for name in moved(student_before, model.student_model.state_dict())}
    assert parts >= {'backbone', 'neck'} and len(parts) > 2, 'backbone, neck and head train'
    assert any(name.endswith('_mean') for name in teacher_before), 'the teacher has batch norms'
    assert moved(teacher_before, model.teacher_model.state_dict()) == set()

    with open(os.path.join(trainer.cfg.output_eval, 'metrics.json'), encoding='utf-8') as f:
        assert json.load(f)['images'] == IMAGES
    check_checkpoint(trainer, student)


def check_checkpoint(trainer, student_yaml):
    """The saved weights are the student's, and stock PaddleDetection loads all of them."""
    path = os.path.join(trainer.cfg.save_dir, trainer.cfg.filename, 'best_model')
    with isolated_config(student_yaml) as cfg:
        stock = create(cfg.architecture)
    load_weight(stock, path)  # refuses a single unmatched key
    assert set(paddle.load(path + '.pdparams')) == set(stock.state_dict())
    expected = trainer.model.student_model.state_dict()
    if trainer.use_ema:
        averaged = trainer.ema.apply()
        expected = {name: averaged[f'student_model.{name}'] for name in expected}
    for name, tensor in stock.state_dict().items():
        np.testing.assert_allclose(tensor.numpy(), expected[name].numpy(), rtol=1e-6, err_msg=name)


def test_resume_restores_trained_and_averaged_weights(distill_trainer):
    _, trainer = distill_trainer('picodet/picodet_s_neu_det', 48, TSKD_WITHOUT_HEADS)
    trainer.train(validate=False)
    path = os.path.join(trainer.cfg.save_dir, trainer.cfg.filename, 'model_final')
    trained, averaged = values(trainer.model.state_dict()), values(trainer.ema.state_dict)
    assert moved(trained, trainer.ema.apply()), 'the average is not a copy of the trained weights'

    _, resumed = distill_trainer('picodet/picodet_s_neu_det', 48, TSKD_WITHOUT_HEADS, seed=1)
    assert any('graph' in name for name in moved(trained, resumed.model.state_dict()))
    resumed.resume_weights(path)
    assert resumed.start_epoch == 1 and resumed.ema.step == trainer.ema.step == 2
    assert moved(trained, resumed.model.state_dict()) == set()
    assert moved(averaged, resumed.ema.state_dict) == set()
