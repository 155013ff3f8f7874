# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import copy
import operator
import pickle
import re
from pathlib import Path

import pytest
from ppdet.core.workspace import create, global_config
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.run_config import _refuse

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cfg(tmp_path):
    return load_run_config(student_yaml(tmp_path))


@pytest.fixture(scope='module')
def loaded(tmp_path_factory):
    return load_run_config(student_yaml(tmp_path_factory.mktemp('loaded')))


@pytest.mark.parametrize('write', [
    lambda cfg: cfg.update(epoch=1), lambda cfg: cfg.__setitem__('epoch', 1),
    lambda cfg: setattr(cfg, 'epoch', 1), lambda cfg: cfg.setdefault('new', 1),
    lambda cfg: cfg.pop('epoch'), lambda cfg: cfg.__delitem__('epoch'), lambda cfg: cfg.clear(),
    lambda cfg: cfg.TrainReader.update(batch_size=1),
    lambda cfg: cfg['TrainReader'].__setitem__('batch_size', 1),
    lambda cfg: cfg['EvalDataset'].pop('anno_path'),
    lambda cfg: cfg['TrainReader']['sample_transforms'].append({'RandomFlip': {}}),
    lambda cfg: cfg['TrainReader']['sample_transforms'].sort(),
    lambda cfg: operator.iadd(cfg['TrainReader']['sample_transforms'], [{'RandomFlip': {}}]),
    lambda cfg: operator.delitem(cfg['TrainReader']['sample_transforms'], 0),
    lambda cfg: cfg['TrainReader']['sample_transforms'][0].update(Decode=None),
    lambda cfg: operator.ior(cfg['OptimizerBuilder']['optimizer'], {'momentum': 0}),
], ids=range(16))
def test_a_loaded_configuration_is_read_only(loaded, write):
    before = plain(loaded)
    with pytest.raises(TypeError, match='does not change after load_run_config: set the key with'):
        write(loaded)
    assert plain(loaded) == before


def plain(value):
    """The mappings and lists of a configuration as new ones, to compare with later."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def containers(value):
    if isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


@pytest.mark.parametrize('name', [
    'fcos/fcos_r18_fpn_neu_det', 'few_shot/faster_rcnn_nano_fpn_neu_det_split1_dkan',
    'lite/gfl_lite0_neu_det', 'picodet/picodet_s_neu_det', 'ppyoloe/ppyoloe_plus_crn_s_neu_det'])
def test_no_part_of_a_configuration_can_be_written_to(name):
    """Hence in every tool: one that writes ends with the error above."""
    changes = {'__setitem__', '__delitem__', '__iadd__', '__ior__', 'append', 'clear', 'extend',
               'insert', 'pop', 'popitem', 'remove', 'setdefault', 'sort', 'update'}
    for part in containers(load_run_config(str(ROOT / 'configs' / f'{name}.yml'))):
        assert all(getattr(type(part), change) is _refuse for change in changes & set(dir(part)))


def test_a_deep_copy_is_of_plain_lists_and_mappings(loaded):
    transforms = copy.deepcopy(loaded['TrainReader']['sample_transforms'])
    assert transforms == loaded['TrainReader']['sample_transforms']
    assert {type(part) for part in containers(transforms)} == {list, dict}
    transforms[0].update(Decode=None)
    assert pickle.loads(pickle.dumps(loaded['TrainReader']['sample_transforms'])) != transforms


def test_what_is_set_in_a_copy_does_not_show(cfg):
    other = cfg.copy()
    other['epoch'], other['EvalReader']['collate_batch'] = 99, False
    assert cfg.epoch != 99 and 'collate_batch' not in cfg['EvalReader']
    assert other['EvalReader'] is global_config['EvalReader'], 'ppdet builds from its own sections'


def test_what_is_built_does_not_show(cfg):
    before = plain(cfg)
    create(cfg.architecture)
    assert plain(cfg) == before


def test_only_the_loading_of_a_configuration_merges_into_it():
    """What PaddleDetection's own slim methods merge comes from ``factory``, as it says."""
    writes = re.compile(r'merge_config\(|global_config(\[[^]]*\] = |\.(update|setdefault))')
    found = {str(path.relative_to(ROOT)) for folder in ('ppdet_ext', 'tools')
             for path in (ROOT / folder).rglob('*.py') if writes.search(path.read_text('utf-8'))}
    assert found == {'ppdet_ext/config/load.py', 'ppdet_ext/config/scope.py',
                     'ppdet_ext/engine/benchmark.py', 'ppdet_ext/slim/factory.py'}
