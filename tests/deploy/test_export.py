# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Every family leaves as a folder that finds the boxes of the eager model."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import cv2
import pytest
from families import family_yaml
from tool_runs import imported

from deploy import Detector
from ppdet_ext.data.synthetic_steel import render_image
from ppdet_ext.deploy import candidates, export

ROOT = pathlib.Path(__file__).parents[2]

pytest.importorskip('paddle2onnx')
pytest.importorskip('openvino')

FORMATS = {family: 'paddle,onnx,openvino'
           for family in ('retinanet', 'fcos', 'gfl', 'picodet', 'ppyoloe')}
FORMATS['faster_rcnn'] = 'paddle'


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """A folder with a RetinaNet, its YAML, its export in all formats and a few synthetic images."""
    folder = tmp_path_factory.mktemp('exported')
    path = family_yaml(folder, 'retinanet')
    imported('export_model').main(['-c', path, '--output_dir', str(folder / 'inference'),
                                   '--format', FORMATS['retinanet']])
    (folder / 'images').mkdir()
    for index, name in enumerate(('crazing', 'patches', 'scratches')):
        cv2.imwrite(str(folder / 'images' / f'{name}.png'), render_image(1, name, index)[0])
    return folder


@pytest.mark.parametrize('family', FORMATS)
def test_every_runtime_finds_the_boxes_of_the_eager_model(family, tmp_path, exported):
    folder = exported / 'inference'
    if family != 'retinanet':
        folder = tmp_path
        imported('export_model').main(['-c', family_yaml(tmp_path, family), '--output_dir',
                                       str(folder), '--format', FORMATS[family]])
    card = json.loads((folder / family / 'model_card.json').read_text())
    runtimes = card['parity']['runtimes']
    assert len(runtimes) == FORMATS[family].count(',') + 1
    for figures in runtimes.values():
        assert figures['boxes'] > 100 and figures['unmatched'] == 0
    assert len(Detector(str(folder / family), 'paddle').classes) == 6


def test_the_copied_runner_gives_the_records_of_the_tool_without_paddle(exported, tmp_path):
    imported('infer').main([
        '-c', str(exported / 'retinanet.yml'), '--infer_dir', str(exported / 'images'),
        '--output_dir', str(tmp_path / 'tool'), '--save_results', 'true'])
    shutil.copytree(ROOT / 'deploy', tmp_path / 'line' / 'runner')
    shutil.copytree(exported / 'inference' / 'retinanet', tmp_path / 'line' / 'model')
    program = ('import runner.__main__, sys; runner.__main__.main(sys.argv[1:]); '
               'assert not {"paddle", "ppdet", "ppdet_ext"} & set(sys.modules)')
    subprocess.run(
        [sys.executable, '-c', program, '--model_dir', 'model', '--image_dir',
         str(exported / 'images'), '--output_dir', 'out', '--save_results', 'true'],
        cwd=tmp_path / 'line', check=True, env={**os.environ, 'PYTHONPATH': ''})
    expected, found = (json.loads((folder / 'results.json').read_text())
                       for folder in (tmp_path / 'tool', tmp_path / 'line' / 'out'))
    assert len(found) == len(expected) > 20
    for one, other in zip(found, expected):
        assert (one['file'], one['class_name']) == (other['file'], other['class_name'])
        assert one['score'] == pytest.approx(other['score'], abs=2e-4)
        assert one['box'] == pytest.approx(other['box'], abs=0.02)
    drawn = {path.name for path in (tmp_path / 'line' / 'out').glob('*.png')}
    assert drawn == {'crazing.png', 'patches.png', 'scratches.png'}


def test_a_file_that_finds_other_boxes_is_not_left_behind(tmp_path, monkeypatch):
    # As paddle2onnx converts a normalisation of groups.
    monkeypatch.setattr(candidates, '_group_norm', lambda norm: norm.forward)
    with pytest.raises(ValueError, match='onnx: .* boxes on 20 images differ from the .* of the '
                       'eager model by more than 0.01 pixels'):
        imported('export_model').main(['-c', family_yaml(tmp_path, 'retinanet'), '--output_dir',
                                       str(tmp_path / 'inference'), '--format', 'onnx'])
    assert list((tmp_path / 'inference').iterdir()) == []


def test_a_format_that_does_not_exist():
    with pytest.raises(ValueError, match='--format: "onxx" is not one of paddle, onnx, openvino'):
        imported('export_model').main(['-c', 'x.yml', '--format', 'onxx'])


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(export.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='--format onnx needs paddle2onnx, onnxruntime: pip'):
        export.check_formats(['onnx'])


def test_two_stages_have_no_onnx(tmp_path):
    with pytest.raises(ValueError, match='FasterRCNN cannot be exported to ONNX and OpenVINO'):
        imported('export_model').main(['-c', family_yaml(tmp_path, 'faster_rcnn'), '--output_dir',
                                       str(tmp_path / 'inference'), '--format', 'onnx'])
    assert not (tmp_path / 'inference' / 'faster_rcnn').exists()


def test_only_an_earlier_export_is_replaced(tmp_path):
    run = tmp_path / 'output' / 'retinanet'
    run.mkdir(parents=True)
    (run / 'best_model.pdparams').write_text('weights')
    with pytest.raises(ValueError, match='exists and is not an exported model'):
        imported('export_model').main(['-c', family_yaml(tmp_path, 'retinanet'), '--output_dir',
                                       str(tmp_path / 'output')])
    assert (run / 'best_model.pdparams').read_text() == 'weights'
    (run / export.CARD).write_text('{}')
    export.check_folder(str(run))
