# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import pytest
from ppdet.core.workspace import global_config, load_config
from tiny import slim_yaml, student_yaml, write_yaml

from ppdet_ext.config.scope import SlimConfig, isolated_config


def settings(cfg):
    """Everything of a config that a teacher's YAML could silently replace."""
    return {key: dict(value) if isinstance(value, dict) else value for key, value in cfg.items()}


def test_the_teachers_yaml_leaves_no_trace(tmp_path, teacher_yaml):
    cfg = load_config(student_yaml(tmp_path, epoch=3, FPN={'out_channel': 16, 'norm_type': 'bn'}))
    before = settings(cfg)
    with isolated_config(teacher_yaml) as inside:
        assert inside['epoch'] == 77
        assert inside['FPN']['out_channel'] == 24
        assert 'norm_type' not in inside['FPN'], 'a key of the student must not reach the teacher'
    assert settings(cfg) == before
    assert cfg is global_config


def test_the_scope_ends_on_an_error_too(tmp_path, teacher_yaml):
    cfg = load_config(student_yaml(tmp_path, epoch=3))
    with pytest.raises(RuntimeError), isolated_config(teacher_yaml):
        raise RuntimeError
    assert cfg['epoch'] == 3


@pytest.mark.parametrize('wrong, message', [
    ({'num_clases': 6}, 'teacher.yml: "num_clases" is not a section .*mean "num_classes"'),
    ({'FPNN': {'out_channel': 8}}, 'teacher.yml: "FPNN" is not a section .*mean "FPN"'),
    ({'FPN': {'out_channels': 8}}, 'teacher.yml: FPN: unknown key "out_channels"'),
    ({'FPN': 3}, 'teacher.yml: FPN must be a section of "key: value" lines, got 3'),
])
def test_mistakes_in_a_teachers_yaml(tmp_path, wrong, message):
    slim = slim_yaml(tmp_path, student_yaml(tmp_path, 'teacher', **wrong))
    cfg = load_config(student_yaml(tmp_path, epoch=3))
    with pytest.raises(ValueError, match=message), isolated_config(slim):
        pass
    assert cfg['epoch'] == 3


def test_training_keys_are_those_of_the_file_itself(tmp_path, teacher_yaml):
    slim = SlimConfig(slim_yaml(tmp_path, teacher_yaml, epoch=5, name='my_run'))
    assert slim.training == {'epoch': 5}
    assert slim.name == 'my_run'


@pytest.mark.parametrize('content, message', [
    ({'epochs': 3}, r'"epochs" is not a key .*did you mean "epoch"'),
    ({'distill_loss': 'X'}, r'did you mean "distill_losses"'),
    ({'FPN': {'out_channel': 8}}, r'student\'s YAML \(-c\) and the teacher\'s'),
    ({'EvalReader': {'batch_size': 1}}, r'"EvalReader" belongs to the student\'s YAML \(-c\)'),
    ({'TestDataset': {}}, r'"TestDataset" belongs to the student\'s YAML .*; move it there'),
    ({'_BASE_': None}, r'no teacher'),
])
def test_mistakes_in_a_slim_yaml(tmp_path, teacher_yaml, content, message):
    with pytest.raises(ValueError, match=message):
        SlimConfig(slim_yaml(tmp_path, teacher_yaml, **content), ('distill_losses', ))


def test_broken_yaml_names_file_and_line(tmp_path):
    path = tmp_path / 'broken.yml'
    path.write_text('slim: Distill\nslim_method: [MGD\n')
    with pytest.raises(ValueError, match=r'broken.yml, line 3: '):
        SlimConfig(str(path))


def test_a_yaml_that_is_no_mapping(tmp_path):
    with pytest.raises(ValueError, match='expected "key: value" sections, got list'):
        SlimConfig(write_yaml(tmp_path / 'list.yml', ['a']))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.yml'):
        SlimConfig(str(tmp_path / 'nowhere.yml'))
