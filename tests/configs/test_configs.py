# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Every shipped YAML loads, builds and says what the tables in configs/README*.md say."""
import functools
import glob
import os
import re

import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create
from tiny import CONFIGS

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.scope import isolated_config
from ppdet_ext.config.yaml_file import read_yaml
from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.slim import build_slim_model, distill_methods, prepare_reader, read_slim_config

CONFIGS = os.path.abspath(CONFIGS)
FOLDERS = ('nano', 'lite', 'retinanet', 'fcos', 'gfl', 'faster_rcnn', 'picodet', 'ppyoloe')
READMES = ('README.md', 'README_cn.md')


def shipped(pattern):
    return sorted(os.path.relpath(path, CONFIGS)
                  for path in glob.glob(os.path.join(CONFIGS, pattern), recursive=True))


DETECTORS = [path for folder in FOLDERS for path in shipped(f'{folder}/*.yml')]
MGD = shipped('slim/distill/*_mgd_distill.yml')
TSKD = shipped('slim/distill/*_tskd_distill.yml')
DKAN = shipped('slim/distill/*_dkan_distill.yml')
OF_HEADS = ('_crosskd_distill.yml', '_ld_distill.yml')  # they compare no maps of the neck
OTHERS = sorted(set(shipped('slim/distill/*.yml')) - {*MGD, *TSKD, *DKAN})


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def table_row(readme, path):
    """Cells of the one row of a README's tables that begins with the file."""
    with open(os.path.join(CONFIGS, readme), encoding='utf-8') as f:
        rows = [line for line in f if line.startswith(f'| `{path}` |')]
    assert len(rows) == 1, f'{readme} has {len(rows)} rows for {path}'
    return [cell.strip() for cell in rows[0].strip().strip('|').split('|')]


def test_every_folder_has_detectors():
    assert {os.path.dirname(path) for path in DETECTORS} == set(FOLDERS)
    assert len(MGD) >= len(FOLDERS), 'each detector family has its MGD pair'
    heads = {os.path.basename(path).split('_')[0] for path in TSKD}
    assert heads == {'retinanet', 'fcos', 'gfl'}, 'so has each family with a head adapter'
    shown = {read_yaml(os.path.join(CONFIGS, path))['slim_method'] for path in OTHERS}
    assert shown == set(distill_methods()) - {'MGD', 'TSKD', 'DKAN', 'PPYOLOEDistill'}


@pytest.mark.parametrize('path', shipped('**/*.yml'))
def test_bases_are_where_they_belong(path):
    folder = os.path.dirname(os.path.join(CONFIGS, path))
    for base in read_yaml(os.path.join(CONFIGS, path)).get('_BASE_', []):
        file = os.path.normpath(os.path.join(folder, base))
        assert not os.path.isabs(base) and file.startswith(CONFIGS + os.sep)
        assert os.path.isfile(file), file
        if os.path.basename(os.path.dirname(file)) == '_base_':
            owner = os.path.dirname(os.path.dirname(file))
            assert folder in (owner, os.path.dirname(file)) or owner == CONFIGS, (
                f'{base}: what several folders use is in configs/_base_')


@pytest.mark.parametrize('path', DETECTORS)
def test_detector_builds_as_described(path):
    with isolated_config(os.path.join(CONFIGS, path)):
        cfg = load_run_config(os.path.join(CONFIGS, path), {})
        assert cfg.num_classes == 6
        assert cfg.weights == f'output/{stem(path)}/best_model'
        assert cfg.TrainDataset['dataset_dir'] == 'data/NEU-DET-COCO'
        sizes = {options['target_size'][0] for reader in (cfg.EvalReader, cfg.TestReader)
                 for transform in reader['sample_transforms']
                 for options in transform.values() if 'target_size' in options}
        assert len(sizes) == 1, 'evaluated and used at one size'
        size = sizes.pop()
        assert cfg.get('eval_size', [size, size]) == [size, size]
        assert cfg.LearningRate['schedulers'][0].get('max_epochs', cfg.epoch) >= cfg.epoch
        batch, epochs = cfg.TrainReader['batch_size'], cfg.epoch
        model = create(cfg.architecture)
    millions = sum(np.prod(p.shape) for p in model.parameters() if not p.stop_gradient) / 1e6
    for readme in READMES:
        assert table_row(readme, path)[2:] == [
            str(size), str(batch), str(epochs), f'{millions:.1f} M'], readme


@pytest.mark.parametrize('path', shipped('datasets/*_coco.yml'))
def test_data_sets_have_the_six_classes(path):
    content = read_yaml(os.path.join(CONFIGS, path))
    assert content['class_names'] == list(NEU_DET_CLASSES)
    assert content['num_classes'] == len(NEU_DET_CLASSES)
    folders = {content[name]['dataset_dir'] for name in content if name.endswith('Dataset')}
    assert len(folders) == 1 and folders.pop().startswith('data/')


def plain(value):
    """A comparable copy of a piece of configuration."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def without_kept_boxes(cfg):
    """The configuration without what a method may add to the training reader."""
    cfg = plain(cfg)
    reader = cfg['TrainReader']
    reader['batch_transforms'] = [entry for entry in reader.get('batch_transforms') or []
                                  if 'KeepGTBox' not in entry]
    for entry in reader['batch_transforms']:
        entry.get('Gt2GFLTarget', {}).pop('compute_vlr_region', None)
    return cfg


def channels_of(model):
    """list of int: of the levels of a detector's neck."""
    return [shape.channels for shape in model.neck.out_shape]


def in_words(numbers):
    """'256' where all levels have as many, '384, 192, 96' otherwise, in the order of levels."""
    return ', '.join(str(n) for n in (numbers[:1] if len(set(numbers)) == 1 else numbers))


@pytest.mark.parametrize('path', MGD + TSKD + OTHERS)
def test_pair_builds_and_leaves_the_student_alone(tmp_path, path):
    slim_path = os.path.join(CONFIGS, path)
    slim = read_slim_config(slim_path)
    with open(slim_path, encoding='utf-8') as f:
        student = re.search(r'-c configs/(\S+)', f.read()).group(1)
    assert student in DETECTORS, 'the command in the comment names a shipped student'

    weights = str(tmp_path / 'teacher.pdparams')
    with isolated_config(slim_path) as cfg:
        assert slim.content['pretrain_weights'] == f'{cfg.weights}.pdparams'
        assert cfg.num_classes == 6
        paddle.save(create(cfg.architecture).state_dict(), weights)

    student, options = os.path.join(CONFIGS, student), {
        'pretrain_weights': None, 'teacher_weights': weights}
    before = without_kept_boxes(load_run_config(student, options))
    assert {'epoch', 'LearningRate', 'TrainDataset', 'num_classes', 'save_dir'} < set(before)
    cfg = load_run_config(student, options, slim, [functools.partial(prepare_reader, slim)])
    before['filename'] = stem(path)  # the run is named after the slim YAML
    assert without_kept_boxes({key: cfg[key] for key in before}) == before
    cfg = build_slim_model(cfg, slim)

    models = cfg.model.teacher_model, cfg.model.student_model
    levels = [layer for layer in cfg.model.distill_losses.values()
              if hasattr(layer, 'student_channels')]
    assert len(levels) == len(models[1].neck.out_shape) or path.endswith(OF_HEADS)
    assert [[layer.teacher_channels, layer.student_channels] for layer in levels] == [
        list(channels) for channels in zip(*map(channels_of, models))][:len(levels)]
    layers = set(cfg.model.distill_losses.keys())
    assert ('cross_response' in layers) == ('cross_response' in slim.content)
    assert ('crosskd' in layers) == path.endswith('_crosskd_distill.yml')
    words = ' -> '.join(in_words(channels_of(model)) for model in models)
    for readme in READMES:
        assert table_row(readme, path)[-1] == words
