# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import copy
import re
from pathlib import Path

import pytest
from ppdet.core.workspace import create, global_config
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cfg(tmp_path):
    return load_run_config(student_yaml(tmp_path))


@pytest.mark.parametrize('write', [
    lambda cfg: cfg.update(epoch=1), lambda cfg: cfg.__setitem__('epoch', 1),
    lambda cfg: setattr(cfg, 'epoch', 1), lambda cfg: cfg.setdefault('new', 1),
    lambda cfg: cfg.pop('epoch'), lambda cfg: cfg.__delitem__('epoch'), lambda cfg: cfg.clear(),
    lambda cfg: cfg.TrainReader.update(batch_size=1),
    lambda cfg: cfg['TrainReader'].__setitem__('batch_size', 1),
    lambda cfg: cfg['EvalDataset'].pop('anno_path'),
], ids=range(10))
def test_a_loaded_configuration_is_read_only(cfg, write):
    before = copy.copy(dict(cfg)), dict(cfg['TrainReader'])
    with pytest.raises(TypeError, match='does not change after load_run_config: set the key with'):
        write(cfg)
    assert (dict(cfg), dict(cfg['TrainReader'])) == before


def test_what_is_set_in_a_copy_does_not_show(cfg):
    other = cfg.copy()
    other['epoch'], other['EvalReader']['collate_batch'] = 99, False
    assert cfg.epoch != 99 and 'collate_batch' not in cfg['EvalReader']
    assert other['EvalReader'] is global_config['EvalReader'], 'ppdet builds from its own sections'


def test_what_is_built_does_not_show(cfg):
    before = {name: dict(section) for name, section in cfg.items() if isinstance(section, dict)}
    create(cfg.architecture)
    assert before == {name: dict(section) for name, section in cfg.items()
                      if isinstance(section, dict)}


def test_only_the_loading_of_a_configuration_merges_into_it():
    """What PaddleDetection's own slim methods merge comes from ``factory``, as it says."""
    writes = re.compile(r'merge_config\(|global_config(\[[^]]*\] = |\.(update|setdefault))')
    found = {str(path.relative_to(ROOT)) for folder in ('ppdet_ext', 'tools')
             for path in (ROOT / folder).rglob('*.py') if writes.search(path.read_text('utf-8'))}
    assert found == {'ppdet_ext/config/load.py', 'ppdet_ext/config/scope.py',
                     'ppdet_ext/engine/benchmark.py', 'ppdet_ext/slim/factory.py'}
