# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The check shows what a data set holds, and what may spoil a training though it is not a fault."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from label_formats import objects, write_yolo
from PIL import Image
from tool_runs import TOOLS

from deploy import fonts
from ppdet_ext.data.formats import SourceOptions
from ppdet_ext.data.overview import ShownImage, describe_overview, overview, write_overview
from ppdet_ext.data.overview_pictures import LABEL, draw_samples
from ppdet_ext.data.prepare import PrepareOptions, prepare_data


@pytest.fixture
def prepared(tmp_path):
    """Prepares 20 images, of which one is there twice under another name."""
    def prepare(content=None, **options):
        source = tmp_path / 'source'
        write_yolo(source, content or objects(20))
        names = sorted(path.stem for path in (source / 'images').iterdir())
        shutil.copy(source / 'images' / f'{names[0]}.png', source / 'images' / f'{names[-1]}.png')
        prepare_data(str(source), str(tmp_path / 'set'), SourceOptions(), PrepareOptions(**options))
        return str(tmp_path / 'set')
    return prepare


def test_counts_are_those_of_the_files(prepared, tmp_path):
    folder = prepared()
    result, paths = write_overview(folder, str(tmp_path / 'check'))
    assert json.loads((tmp_path / 'check' / 'overview.json').read_text())['images'] == {
        'train': 15, 'val': 3, 'test': 2} == result['images']
    content = objects(20)
    boxes = [box for image in content.values() for box in image]
    assert sum(result['boxes'].values()) == len(boxes)
    for name in ('dent', 'scratch'):
        assert sum(result['classes'][name].values()) == sum(box[0] == name for box in boxes)
    assert sum(result['sound_images'].values()) == 4
    shorter = [min(x2 - x1, y2 - y1) for _, (x1, y1, x2, y2) in boxes]
    assert result['boxes_below_stride'][8] == round(np.mean(np.array(shorter) < 8), 4)
    assert [os.path.basename(path) for path in paths] == ['overview.json', 'overview.png',
                                                          'samples.png']
    for path in paths[1:]:
        with Image.open(path) as image:
            assert image.size[0] > 500 and len(np.unique(np.asarray(image.convert('L')))) > 2


def test_sizes_are_those_of_the_network_s_input(prepared, tmp_path):
    folder = prepared()
    plain, doubled = (write_overview(folder, str(tmp_path / 'check'), input_size=size)[0]
                      for size in (64, 128))
    assert doubled['box_sides']['50%'] == pytest.approx(2 * plain['box_sides']['50%'], abs=0.2)
    assert doubled['boxes_below_stride'][16] == plain['boxes_below_stride'][8]


def test_a_strip_is_stretched_as_the_configs_stretch_it(tmp_path):
    strip = ShownImage('train', 'a.png', 1024, 128, [('dent', 0, 0, 64, 64)])
    (tmp_path / 'images').mkdir()
    Image.new('L', (1024, 128)).save(tmp_path / 'images' / 'a.png')
    result = overview(str(tmp_path), ['dent'], [strip], input_size=128)
    assert result['boxes_below_stride'][8] == 0 and result['boxes_below_stride'][16] == 1
    assert result['box_sides']['50%'] == round((8 * 64)**0.5, 1)


def test_what_may_spoil_a_training_is_warned_of(prepared, tmp_path):
    content = {f'coil{k % 10}_{k}': boxes for k, boxes in enumerate(objects(20).values())}
    folder = prepared(content)
    result, _ = write_overview(folder, str(tmp_path / 'check'), group_by=r'(coil\d+)_')
    (first, second), = result['identical_images']
    text = describe_overview(result)
    apart = first.split('/')[0] != second.split('/')[0]
    assert ('1 image in several splits under several names' if apart else
            '1 image more than once in one split') in text
    assert result['groups_apart'] and 'groups in several splits: coil' in text
    assert 'train: fewer than 50 boxes of scratch' in text


def test_the_samples_of_a_class_are_in_its_row(prepared, tmp_path):
    folder = prepared()
    _, paths = write_overview(folder, str(tmp_path / 'check'))
    sheet = np.asarray(Image.open(paths[2])).astype(int)
    red = (sheet[..., 0] > 180) & (sheet[..., 1] < 90) & (sheet[..., 2] < 90)
    blue = (sheet[..., 2] > 150) & (sheet[..., 0] < 70)
    rows = np.array_split(np.arange(len(sheet)), 3)
    # Sound images last; images of one row hold boxes of the other class too.
    assert [bool(red[row].sum()) for row in rows] == [True, True, False]
    assert blue.sum() > 0 and blue[rows[2]].sum() == 0


@pytest.mark.parametrize('name', ['$\\no_formula$' * 9, '很长的缺陷类别名称' * 9])
def test_a_long_name_stays_beside_the_samples(tmp_path, name):
    path = str(tmp_path / 'samples.png')
    draw_samples([name], [], None, path)
    sheet = np.asarray(Image.open(path))
    assert (sheet[:, :LABEL] < 128).any() and (sheet[:, LABEL:] == 255).all()


def test_without_a_font_the_flag_of_the_tool_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fonts, 'FONTS', ())
    draw_samples(['麻坑'], [], None, str(tmp_path / 'samples.png'))
    assert 'a font with Chinese characters: --font FILE, or install' in capsys.readouterr().out


def test_the_tool_prints_writes_and_replaces(prepared, tmp_path):
    folder = prepared()
    command = [sys.executable, str(TOOLS / 'prepare_data.py'), '--output', folder]
    finished = subprocess.run([*command, '--check'], capture_output=True, text=True)
    assert finished.returncode == 0 and 'warning: ' in finished.stdout, finished.stderr
    assert sorted(os.listdir(f'{folder}-check')) == ['overview.json', 'overview.png',
                                                                 'samples.png']
    again = subprocess.run([*command, '--source', str(tmp_path / 'source'), '--overwrite'],
                           capture_output=True, text=True)
    assert again.returncode == 0, again.stderr


def test_images_of_16_bits_without_their_range(prepared, tmp_path):
    folder = prepared()
    for path in (tmp_path / 'set' / 'images').iterdir():
        Image.fromarray(np.asarray(Image.open(path)).astype('uint16') * 16).save(path)
    result, _ = write_overview(folder, str(tmp_path / 'check'))
    assert 'set image_maximum: 4095 in the config' in result['warnings'][-1]
    with open(os.path.join(folder, 'dataset.yml'), 'a') as f:
        f.write('image_maximum: 4095\n')
    result, _ = write_overview(folder, str(tmp_path / 'check'))
    assert not any('image_maximum' in text for text in result['warnings'])


def test_a_dataset_yaml_that_is_broken_is_named(prepared, tmp_path):
    folder = prepared()
    (tmp_path / 'set' / 'dataset.yml').write_text('a: [')
    with pytest.raises(ValueError, match='dataset.yml, line 1: '):
        write_overview(folder, str(tmp_path / 'check'))
