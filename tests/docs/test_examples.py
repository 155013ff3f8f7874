# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The files that docs/adding_a_method.md shows are built and trained as they stand there."""
import importlib.util
import pathlib
import re
import shutil
import sys

import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create
from tiny import batch

from ppdet_ext.engine.config import load_run_config
from ppdet_ext.slim import build_slim_model, factory
from ppdet_ext.slim.config_scope import isolated_config

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / 'docs' / 'adding_a_method.md'
NAMED_BLOCK = re.compile(r'^`([^`\n]+)`:\n\n```\w+\n(.*?)^```', re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(tmp_path):
    """The shipped configs with every file of the page at the place it is named after."""
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    for name, text in NAMED_BLOCK.findall(PAGE.read_text(encoding='utf-8')):
        path = tmp_path / name
        assert not path.exists(), f'{name}: the page overwrites a file of the repository'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
    return tmp_path


@pytest.fixture
def module(checkout, monkeypatch):
    """Imports a module of the page as if it lay in the package."""
    monkeypatch.setattr(factory, '_methods', dict(factory._methods))

    def load(name):
        path = checkout.joinpath(*name.split('.')).with_suffix('.py')
        spec = importlib.util.spec_from_file_location(name, path)
        loaded = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, loaded)
        spec.loader.exec_module(loaded)
        return loaded

    return load


@pytest.fixture
def distill(checkout):
    """Builds the distillation of a student's and a slim YAML, with a random teacher."""

    def build(student, slim, method=None):
        path = checkout / 'configs' / 'slim' / 'distill' / slim
        if method:
            path.write_text(re.sub('(?<=slim_method: ).*', method, path.read_text()))
        weights = str(checkout / 'teacher.pdparams')
        with isolated_config(str(path)) as cfg:
            paddle.seed(1)
            paddle.save(create(cfg.architecture).state_dict(), weights)
        cfg = load_run_config(str(checkout / 'configs' / student), {
            'pretrain_weights': None, 'teacher_weights': weights})
        paddle.seed(0)
        return build_slim_model(cfg, str(path))

    return build


def train_step(model, **options):
    inputs = {**batch(size=128), **options}
    optimizer = paddle.optimizer.SGD(0.01, model.parameters())
    model.train()
    losses = model(inputs)
    losses['loss'].backward()
    optimizer.step()
    return losses


def values(layer):
    return {name: tensor.numpy().copy() for name, tensor in layer.state_dict().items()}


def test_the_pair_of_ones_own_is_wired_and_trains(distill):
    cfg = distill('retinanet/retinanet_r18_fpn128_my_parts.yml',
                  'retinanet_r50_fpn_my_parts_mgd_distill.yml')
    model = cfg['model']
    assert (cfg['num_classes'], cfg['class_names']) == (3, ['dent', 'scratch', 'stain'])
    datasets = [cfg[f'{name}Dataset']['dataset_dir'] for name in ('Train', 'Eval', 'Test')]
    assert datasets == ['data/my-parts-coco'] * 3
    assert list(model.distill_losses.keys()) == [f'mgd_p{k}' for k in (3, 4, 5, 6, 7)]
    assert {(layer.student_channels, layer.teacher_channels)
            for layer in model.distill_losses.values()} == {(128, 256)}
    classes = [paddle.zeros_like(c) + 2 for c in batch()['gt_class']]
    assert np.isfinite(float(train_step(model, gt_class=classes)['loss']))


def test_the_method_of_ones_own_trains_its_layers(module, distill):
    module('ppdet_ext.slim.fitnets')
    model = distill('nano/retinanet_nano_s_neu_det.yml',
                    'retinanet_nano_l_neu_det_fitnets_distill.yml')['model']
    regressors, teacher = values(model.distill_losses), values(model.teacher_model)
    losses = train_step(model)
    assert {name for name in losses if name.startswith('distill_')} == {
        'distill_fitnets_p3', 'distill_fitnets_p4', 'distill_fitnets_p5'}
    assert len(regressors) == 6
    for name, value in model.distill_losses.state_dict().items():
        assert not np.array_equal(value.numpy(), regressors[name]), name
    for name, value in model.teacher_model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), teacher[name], err_msg=name)


def test_the_test_of_the_method_passes(module):
    module('ppdet_ext.slim.fitnets')
    tests = module('tests.slim.test_fitnets')
    found = [test for name, test in vars(tests).items() if name.startswith('test_')]
    assert len(found) == 2
    for test in found:
        test()


def test_the_terms_that_warm_up(module, distill):
    module('ppdet_ext.slim.mgd_warm_up')
    model = distill('nano/retinanet_nano_s_neu_det.yml',
                    'retinanet_nano_l_neu_det_mgd_distill.yml', method='MGDWarmUp')['model']
    model.train()
    terms = []
    for epoch in (0, 4, 9):
        paddle.seed(0)  # the same mask
        terms.append(float(model({**batch(), 'epoch_id': epoch})['distill_mgdwarmup_p3']))
    np.testing.assert_allclose(terms, [0.2 * terms[1], terms[1], terms[1]], rtol=1e-5)
