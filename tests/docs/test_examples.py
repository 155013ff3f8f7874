# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The files that the documentation shows are built and trained as shown."""
import functools
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create
from tiny import batch, values

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.scope import isolated_config
from ppdet_ext.few_shot.head_expansion import Detector, expand_head
from ppdet_ext.slim import build_slim_model, factory, prepare_reader, read_slim_config

ROOT = pathlib.Path(__file__).parents[2]
PAGES = ('adding_a_method.md', )
NAMED_BLOCK = re.compile(r'^`([^`\n]+)`:\n\n```\w+\n(.*?)^```', re.MULTILINE | re.DOTALL)


def shown_files(page):
    """list of tuple: name and text of every file that a page shows."""
    return NAMED_BLOCK.findall((ROOT / 'docs' / page).read_text(encoding='utf-8'))


@pytest.fixture
def checkout(tmp_path):
    """The shipped configs with every file of the pages at the place it is named after."""
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    for name, text in [file for page in PAGES for file in shown_files(page)]:
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
        slim = read_slim_config(str(path))
        cfg = load_run_config(str(checkout / 'configs' / student), {
            'pretrain_weights': None, 'teacher_weights': weights}, slim, [
                functools.partial(prepare_reader, slim)])
        paddle.seed(0)
        return build_slim_model(cfg, slim)

    return build


def train_step(model, **options):
    inputs = {**batch(size=128), **options}
    optimizer = paddle.optimizer.SGD(0.01, model.parameters())
    model.train()
    losses = model(inputs)
    losses['loss'].backward()
    optimizer.step()
    return losses


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
    module('ppdet_ext.slim.methods.fitnets')
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
    module('ppdet_ext.slim.methods.fitnets')
    tests = module('tests.slim.test_fitnets')
    found = [test for name, test in vars(tests).items() if name.startswith('test_')]
    assert len(found) == 2
    for test in found:
        test()


def test_the_terms_that_warm_up(module, distill):
    module('ppdet_ext.slim.methods.mgd_warm_up')
    model = distill('nano/retinanet_nano_s_neu_det.yml',
                    'retinanet_nano_l_neu_det_mgd_distill.yml', method='MGDWarmUp')['model']
    model.train()
    terms = []
    for epoch in (0, 4, 9):
        paddle.seed(0)  # the same mask
        terms.append(float(model({**batch(), 'epoch_id': epoch})['distill_mgdwarmup_p3']))
    np.testing.assert_allclose(terms, [0.2 * terms[1], terms[1], terms[1]], rtol=1e-5)


@pytest.fixture
def few_shot_folder(tmp_path):
    """What the page's make_few_shot command writes for classes of one's own."""
    page = (ROOT / 'docs' / 'dkan.md').read_text(encoding='utf-8')
    command, = re.findall(r'^python (tools/make_few_shot.py .*my-parts.*)$', page, re.MULTILINE)
    annotations = tmp_path / 'data' / 'my-parts-coco' / 'annotations'
    annotations.mkdir(parents=True)
    for part, images in (('train', 15), ('val', 3), ('test', 3)):
        (annotations / f'{part}.json').write_text(json.dumps({
            'categories': [{'id': k + 1, 'name': name}
                           for k, name in enumerate(('dent', 'scratch', 'stain'))],
            'images': [{'id': k, 'file_name': f'{part}{k}.png', 'width': 64, 'height': 64}
                       for k in range(images)],
            'annotations': [{'id': k, 'image_id': k, 'category_id': k % 3 + 1, 'iscrowd': 0,
                             'bbox': [8, 8, 40, 40], 'area': 1600} for k in range(images)]}))
    tool, *flags = command.split()
    subprocess.run([sys.executable, ROOT / tool, *flags], cwd=tmp_path, check=True)
    return tmp_path / flags[flags.index('--output') + 1]


def test_the_classes_of_ones_own_go_from_base_detector_to_dkan(few_shot_folder, tmp_path):
    folder, run = few_shot_folder, 'faster_rcnn_nano_fpn_my_parts'
    page = (ROOT / 'docs' / 'dkan.md').read_text(encoding='utf-8')
    named = set(re.findall(rf'{run}_\w+\.yml', page))
    assert named == {path.name for path in folder.glob('faster_rcnn_*.yml')}

    def built(stage, **options):
        path = str(folder / f'{run}_{stage}.yml')
        cfg = load_run_config(path, options)
        tensors = create(cfg.architecture).state_dict()
        return cfg, Detector(path, cfg.class_names, cfg.num_classes, {
            name: tensor.numpy() for name, tensor in tensors.items()})

    teacher, student = (str(tmp_path / f'{name}.pdparams') for name in ('base', 'expanded'))
    cfg, base = built('base', pretrain_weights=None)
    check_sets(cfg, 'base_train', 'base_val')
    weights = cfg.weights
    cfg, target = built('dkan')
    check_sets(cfg, '5shot_seed1', 'val')
    assert cfg.base_metrics == os.path.join(os.path.dirname(weights), 'metrics.json')
    assert cfg.freeze == ['backbone']
    assert target.class_names == [*base.class_names, 'stain']
    for path, tensors in ((teacher, base.tensors), (student, expand_head(target, base)[0])):
        paddle.save({name: paddle.to_tensor(value) for name, value in tensors.items()}, path)

    path = folder / f'{run}_dkan_distill.yml'
    assert f'pretrain_weights: {weights}.pdparams' in path.read_text(encoding='utf-8')
    slim = read_slim_config(str(path))
    cfg = load_run_config(target.source, {'pretrain_weights': student,
                                          'teacher_weights': teacher}, slim)
    paddle.seed(0)
    model = build_slim_model(cfg, slim)['model']
    classes = [paddle.zeros_like(c) + 2 for c in batch()['gt_class']]
    losses = train_step(model, gt_class=classes)
    assert [name for name in losses if name.startswith('distill_')] == [
        *(f'distill_dkan_fka_p{level}' for level in (2, 3, 4, 5)), 'distill_dkan_lka']
    assert np.isfinite(float(losses['loss']))


def check_sets(cfg, train, evaluation):
    """The sets are those that the page's make_few_shot command writes."""
    sets = 'annotations/few_shot/my_parts'
    for section, name in (('Train', train), ('Eval', evaluation), ('Test', evaluation)):
        dataset = cfg[f'{section}Dataset']
        assert (dataset['dataset_dir'], dataset['anno_path']) == (
            'data/my-parts-coco', f'{sets}/{name}.json')
