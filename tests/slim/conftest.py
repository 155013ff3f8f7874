# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle
import pytest
from ppdet.core.workspace import load_config
from tiny import slim_yaml, student_yaml

from ppdet_ext.slim import build_slim_model


@pytest.fixture
def build(tmp_path, teacher_yaml):
    """Builds a model, MGD unless told; keyword arguments are keys of the slim YAML."""

    def build_model(student=None, **slim):
        cfg = load_config(student or student_yaml(tmp_path))
        paddle.seed(0)
        return build_slim_model(cfg, slim_yaml(tmp_path, teacher_yaml, **slim))['model']

    return build_model
