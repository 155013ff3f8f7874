# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import copy

import paddle
import pytest
from ppdet.core.config.schema import SchemaDict
from ppdet.core.workspace import create, global_config, load_config
from tiny import slim_yaml, student_yaml

from ppdet_ext.slim import MGDDistillModel
from ppdet_ext.slim.config_scope import isolated_config


def _copied(value):
    if isinstance(value, SchemaDict):
        section = value.copy()
        section.update({k: copy.deepcopy(v) for k, v in value.items()})
        return section
    return value


@pytest.fixture(autouse=True)
def fresh_config():
    """Every test starts from ppdet's global configuration as importing it left it."""
    saved = {key: _copied(value) for key, value in global_config.items()}
    yield
    global_config.clear()
    global_config.update(saved)


@pytest.fixture
def teacher_yaml(tmp_path):
    """A teacher's YAML, with random weights in teacher.pdparams beside it."""
    path = student_yaml(tmp_path, 'teacher', channels=24, epoch=77, num_classes=6)
    with isolated_config(path) as cfg:
        paddle.seed(1)
        paddle.save(create(cfg.architecture).state_dict(), str(tmp_path / 'teacher.pdparams'))
    return path


@pytest.fixture
def build(tmp_path, teacher_yaml):
    """Builds an MGD model; keyword arguments are keys of the slim YAML."""

    def build_model(student=None, **slim):
        cfg = load_config(student or student_yaml(tmp_path))
        paddle.seed(0)
        return MGDDistillModel(cfg, slim_yaml(tmp_path, teacher_yaml, **slim))

    return build_model
