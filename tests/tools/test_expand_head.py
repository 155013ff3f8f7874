# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import errno
import importlib.util
import json
import pathlib

import numpy as np
import paddle
import pytest
from tiny_faster_rcnn import CLASSES, build_detector, faster_rcnn_yaml

TOOL = pathlib.Path(__file__).parents[2] / 'tools' / 'expand_head.py'
specification = importlib.util.spec_from_file_location('expand_head', TOOL)
expand_head = importlib.util.module_from_spec(specification)
specification.loader.exec_module(expand_head)


@pytest.fixture
def base(tmp_path):
    """YAML of a base detector of three classes, whose random weights lie beside it."""
    weights = str(tmp_path / 'base_weights')
    path = faster_rcnn_yaml(tmp_path, 'base', classes=3, weights=weights)
    paddle.seed(1)
    paddle.save(build_detector(path).state_dict(), f'{weights}.pdparams')
    return path


@pytest.fixture
def student(tmp_path):
    return faster_rcnn_yaml(tmp_path, 'student', cosine={},
                            pretrain_weights=str(tmp_path / 'new' / 'expanded.pdparams'))


def run(student, base, *options):
    return expand_head.main(['-c', student, '--base_config', base, *options])


def test_writes_what_the_students_config_starts_from(tmp_path, base, student, capsys):
    assert run(student, base) == 0
    printed = capsys.readouterr().out
    assert 'base: 3 classes (crazing, inclusion, patches)' in printed
    assert 'columns 0 to 2 kept, 3 to 5 new, background 6 kept' in printed
    assert 'dropped: a cosine has no bias' in printed
    known = paddle.load(str(tmp_path / 'base_weights.pdparams'), return_numpy=True)
    written = paddle.load(str(tmp_path / 'new' / 'expanded.pdparams'), return_numpy=True)
    assert set(written) == set(build_detector(student).state_dict())
    np.testing.assert_array_equal(written['bbox_head.bbox_score.weight'][:, [0, 1, 2, 6]],
                                  known['bbox_head.bbox_score.weight'])
    unchanged = [name for name in written if 'bbox_score' not in name and 'bbox_delta' not in name]
    assert all(np.array_equal(written[name], known[name]) for name in unchanged)
    assert f'{len(unchanged)} further tensors are those of the base detector' in printed


def test_the_seed_decides_the_novel_columns(tmp_path, base, student):
    weights = []
    for k, seed in enumerate(('0', '0', '1')):
        run(student, base, '--seed', seed, '--output', str(tmp_path / f'{k}'))
        weights.append(paddle.load(str(tmp_path / f'{k}.pdparams'), return_numpy=True)[
            'bbox_head.bbox_score.weight'])
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] == weights[2]).all(axis=0).tolist() == [True] * 3 + [False] * 3 + [True]


def test_combines_two_detectors(tmp_path, base, student, capsys):
    novel = faster_rcnn_yaml(tmp_path, 'novel', classes=3, cosine={}, class_names=CLASSES[3:],
                             weights=str(tmp_path / 'novel_weights'))
    paddle.save(build_detector(novel).state_dict(), str(tmp_path / 'novel_weights.pdparams'))
    run(student, base, '--method', 'combine', '--novel_config', novel)
    printed = capsys.readouterr().out
    assert '3 to 5 of the novel detector' in printed and 'learned on other features' in printed


def test_never_replaces_a_file_unasked(tmp_path, base, student):
    weights = tmp_path / 'base_weights.pdparams'
    with pytest.raises(ValueError, match='would replace the detector it is made from'):
        run(student, base, '--output', str(weights), '--overwrite')
    run(student, base)
    with pytest.raises(ValueError, match='exists; give --overwrite'):
        run(student, base)
    run(student, base, '--overwrite')


def test_a_file_that_cannot_be_written_whole_replaces_nothing(tmp_path, base, student, monkeypatch):
    run(student, base)
    before = (tmp_path / 'new' / 'expanded.pdparams').read_bytes()

    def fill_the_disk(content, path):
        pathlib.Path(path).write_bytes(b'begun')
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(paddle, 'save', fill_the_disk)
    with pytest.raises(OSError, match=r'cannot write .*expanded.pdparams \(No space left'):
        run(student, base, '--overwrite')
    assert (tmp_path / 'new' / 'expanded.pdparams').read_bytes() == before


def test_what_is_missing_is_an_error(tmp_path, base, student):
    with pytest.raises(ValueError, match='pretrain_weights of the config is None; give one with'):
        run(student, base, '-o', 'pretrain_weights=null')
    with pytest.raises(FileNotFoundError, match='weights not found: nowhere.pdparams'):
        run(student, base, '--base_weights', 'nowhere')
    for options in (['--method', 'combine'], ['--novel_config', base]):
        with pytest.raises(SystemExit):
            run(student, base, *options)


def test_weights_trained_on_the_classes_in_another_order_are_refused(tmp_path, base, student):
    (tmp_path / 'train_command.json').write_text(json.dumps({'class_names': CLASSES[2::-1]}))
    with pytest.raises(ValueError, match='trained on the classes patches, inclusion, crazing .*the '
                                         'same in another order'):
        run(student, base)


def test_without_class_names_those_of_the_data_set_count(tmp_path, student, capsys):
    (tmp_path / 'base.json').write_text(json.dumps({'images': [], 'annotations': [], 'categories': [
        {'id': k, 'name': name} for k, name in enumerate(CLASSES[:3])]}))
    unnamed = faster_rcnn_yaml(tmp_path, 'unnamed', classes=3, class_names=None, TrainDataset={
        'dataset_dir': str(tmp_path), 'anno_path': 'base.json'})
    paddle.save(build_detector(unnamed).state_dict(), str(tmp_path / 'unnamed.pdparams'))
    run(student, unnamed, '--base_weights', str(tmp_path / 'unnamed'))
    assert 'base: 3 classes (crazing, inclusion, patches)' in capsys.readouterr().out


def test_options_of_the_base_detector(base, student, capsys):
    with pytest.raises(ValueError, match='begin with crazing, inclusion, patches; base classes'):
        run(student, base, '--base_opt', 'epoch=1', '--base_opt', 'class_names=[a, b, c]')


def test_a_base_detector_of_other_classes_is_refused(tmp_path, base, student):
    other = faster_rcnn_yaml(tmp_path, 'other', classes=3, class_names=CLASSES[3:],
                             weights=str(tmp_path / 'base_weights'))
    with pytest.raises(ValueError, match='begin with crazing, inclusion, patches; base classes'):
        run(student, other)
    assert not (tmp_path / 'new').exists()
