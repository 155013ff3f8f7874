# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import ppdet.slim
import pytest
from ppdet.core.workspace import load_config
from tiny import slim_yaml, student_yaml, write_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.slim import (
    CWDLoss,
    FGDLoss,
    MGDDistillModel,
    build_slim_model,
    factory,
    read_slim_config,
    register_distill_method,
)


def test_ppdets_own_tools_get_this_factory():
    assert ppdet.slim.build_slim_model is build_slim_model


def test_builds_the_named_method_and_tells_the_trainer(tmp_path, teacher_yaml):
    cfg = load_config(student_yaml(tmp_path, epoch=3))
    result = build_slim_model(cfg, slim_yaml(tmp_path, teacher_yaml, name='my_run'))
    assert result is cfg
    assert isinstance(cfg['model'], MGDDistillModel)
    assert (cfg['slim'], cfg['slim_type']) == ('Distill', 'Distill')
    assert (cfg['filename'], cfg['epoch'], cfg['save_dir']) == ('my_run', 3, 'output')


def test_training_keys_of_the_slim_yaml_win_over_the_students(tmp_path, teacher_yaml):
    cfg = load_config(student_yaml(tmp_path, epoch=3))
    build_slim_model(cfg, slim_yaml(tmp_path, teacher_yaml, epoch=9,
                                    TrainReader={'batch_size': 5}))
    assert cfg['epoch'] == 9
    assert cfg['TrainReader']['batch_size'] == 5
    assert 'sample_transforms' in cfg['TrainReader'], 'sections are merged, not replaced'


def test_training_keys_are_known_before_anything_is_built(tmp_path, teacher_yaml):
    path = slim_yaml(tmp_path, teacher_yaml, seed=7, TrainReader={'batch_size': 5})
    assert read_slim_config(path).training == {'seed': 7, 'TrainReader': {'batch_size': 5}}
    assert read_slim_config(slim_yaml(tmp_path, teacher_yaml, slim_method='FGD', seed=7)) is None


def test_a_loaded_configuration_stays_as_it_is(tmp_path, teacher_yaml):
    slim = read_slim_config(slim_yaml(tmp_path, teacher_yaml, epoch=9))
    cfg = load_run_config(student_yaml(tmp_path), {}, slim)
    result = build_slim_model(cfg, slim)
    assert isinstance(result['model'], MGDDistillModel) and result['slim_type'] == 'Distill'
    assert (cfg.epoch, cfg.filename) == (9, 'mgd') and 'model' not in cfg
    with pytest.raises(TypeError, match='does not change after load_run_config'):
        build_slim_model(cfg, slim.path)  # load_run_config was to merge it


@pytest.mark.parametrize('mode', ['eval', 'test'])
def test_a_distilled_student_is_evaluated_as_itself(tmp_path, teacher_yaml, mode):
    cfg = load_config(student_yaml(tmp_path))
    assert 'model' not in build_slim_model(cfg, slim_yaml(tmp_path, teacher_yaml), mode)


def test_an_unknown_method_lists_the_known_ones(tmp_path, teacher_yaml):
    cfg = load_config(student_yaml(tmp_path))
    with pytest.raises(ValueError, match=r'unknown slim_method "MDG" \(did you mean "MGD"\?\); '
                       r'known: CWD, CanKD, CrossKD, DKAN, FGD, LD, MGD, MIMIC, PKD, PPY'):
        build_slim_model(cfg, slim_yaml(tmp_path, teacher_yaml, slim_method='MDG'))


def test_a_file_without_slim_is_refused(tmp_path):
    with pytest.raises(ValueError, match='the key "slim" is missing'):
        build_slim_model({}, write_yaml(tmp_path / 'x.yml', {'epoch': 1}))


@pytest.mark.parametrize('content', [{'slim_method': 'FGD'}, {'slim': 'PTQ', 'slim_method': None},
                                     {'slim_method': None}])
def test_the_rest_is_passed_on_to_ppdet(tmp_path, teacher_yaml, monkeypatch, content):
    calls = []
    monkeypatch.setattr(factory, 'ppdet_build_slim_model', lambda *a: calls.append(a))
    path = slim_yaml(tmp_path, teacher_yaml, **content)
    build_slim_model({}, path, 'train')
    assert calls == [({}, path, 'train')]


def test_ppdets_methods_do_not_read_teacher_weights(tmp_path, teacher_yaml):
    path = slim_yaml(tmp_path, teacher_yaml, slim_method='FGD')
    cfg = load_run_config(student_yaml(tmp_path), {'teacher_weights': 'x.pdparams'})
    with pytest.raises(ValueError, match='which does not read teacher_weights; remove it, and set'):
        build_slim_model(cfg, path)


@pytest.mark.parametrize('method, loss', [('FGD', FGDLoss), ('CWD', CWDLoss)])
def test_ppdets_names_are_built_here_where_the_yaml_lists_terms(tmp_path, teacher_yaml, method,
                                                                loss):
    path = slim_yaml(tmp_path, teacher_yaml, slim_method=method, distill_losses=[{}], seed=7)
    assert read_slim_config(path).training == {'seed': 7}
    cfg = load_config(student_yaml(tmp_path))
    build_slim_model(cfg, path)
    layers = cfg['model'].distill_losses
    assert list(layers.keys()) == [f'{method.lower()}_p{level}' for level in range(3, 7)]
    assert all(isinstance(layer, loss) for layer in layers.values())


@pytest.mark.parametrize('content, message', [
    ({'slim_method': 'FGD', 'distill_loss': 'FGDFeatureLoss'},
     "asks for the FGD of ppdet_ext, distill_loss for PaddleDetection's own; delete one"),
    ({'slim_method': 'PPYOLOEDistill'},
     'distill_losses is built by the methods of ppdet_ext, and slim_method is PPYOLOEDistill; set'),
    ({'slim_method': None}, 'slim_method is missing; set it to one of CWD, CanKD'),
])
def test_terms_beside_what_only_ppdet_reads_are_refused(tmp_path, teacher_yaml, content, message):
    path = slim_yaml(tmp_path, teacher_yaml, distill_losses=[{'loss': 'FGDLoss'}], **content)
    with pytest.raises(ValueError, match=message):
        build_slim_model(load_config(student_yaml(tmp_path)), path)


@pytest.mark.parametrize('name', ['MGD', 'FGD'])
def test_a_name_is_registered_once(name):
    with pytest.raises(ValueError, match=f'"{name}" is registered already'):
        register_distill_method(name)(type('Other', (), {}))
