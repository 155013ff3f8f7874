# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import ppdet_ext  # noqa: F401, isort: skip, it must come before anything that imports paddle

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import paddle
import pytest
from ppdet.core.workspace import create, global_config
from tiny import student_yaml

from ppdet_ext.config.load import clear_config
from ppdet_ext.config.scope import isolated_config

ROOT = Path(__file__).resolve().parents[1]
HELPERS = ROOT / 'tests' / 'helpers'

# A shell starts what runs in the background with Ctrl-C ignored, which processes of tests inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Files of long tests come first, so that no process of several waits for one at the end."""
    items.sort(key=lambda item: not {'tools', 'demo', 'configs'} & set(item.path.parts))


@pytest.fixture(autouse=True)
def fresh_config():
    """Every test starts from ppdet's global configuration as importing it left it."""
    clear_config()
    names = set(global_config)
    yield
    for name in set(global_config) - names:  # what the test has registered
        del global_config[name]


@pytest.fixture
def log():
    """Level and message of what the engine's logger says; it does not propagate."""
    messages = []

    class Keeper(logging.Handler):
        def emit(self, record):
            messages.append((record.levelname, record.getMessage()))

    logger, keeper = logging.getLogger('ppdet.engine'), Keeper()
    logger.addHandler(keeper)
    yield messages
    logger.removeHandler(keeper)


@pytest.fixture
def teacher_yaml(tmp_path):
    """A teacher's YAML, with random weights in teacher.pdparams beside it."""
    path = student_yaml(tmp_path, 'teacher', channels=24, epoch=77, num_classes=6)
    with isolated_config(path) as cfg:
        paddle.seed(1)
        paddle.save(create(cfg.architecture).state_dict(), str(tmp_path / 'teacher.pdparams'))
    return path


@pytest.fixture(scope='session')
def run_python():
    """Run Python on some arguments, in a process of its own that may import ppdet_ext."""

    def run(*arguments, **environment):
        settled = {key: value for key, value in os.environ.items() if key != 'OMP_NUM_THREADS'}
        settled['PYTHONPATH'] = os.pathsep.join(
            [str(ROOT), str(HELPERS), settled.get('PYTHONPATH', '')])
        return subprocess.run([sys.executable, *arguments], env={**settled, **environment},
                              capture_output=True, text=True, timeout=600)

    return run
