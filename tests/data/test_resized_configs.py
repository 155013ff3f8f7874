# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The size at which detectors see images: boxes that become too small, and configs of another."""
import glob
import os

import pytest
from label_formats import CLASSES, objects, write_yolo
from PIL import Image
from tiny import CONFIGS

from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.yaml_file import read_merged
from ppdet_ext.data.formats import SourceOptions
from ppdet_ext.data.input_size import Resizing, input_size, resized_readers, share_small
from ppdet_ext.data.prepare import PrepareOptions, prepare_data
from ppdet_ext.data.records import LabelledImage

LITE = os.path.join(CONFIGS, 'lite', 'gfl_lite0_neu_det.yml')
SLIM = os.path.join(CONFIGS, 'slim', 'distill', 'gfl_lite2_neu_det_mgd_distill.yml')
TRAINED = sorted(glob.glob(os.path.join(CONFIGS, '*', '*_neu_det.yml')))


@pytest.mark.parametrize('keep_ratio, expected', [(False, (0.5, 2.0)), (True, (0.5, 0.5))])
def test_scales_are_those_of_paddledetection(keep_ratio, expected):
    import numpy as np
    from ppdet.data.transform.operators import Resize
    assert Resizing([200, 200], keep_ratio).scales(400, 100) == expected
    sample = Resize([200, 200], keep_ratio)({'image': np.zeros((100, 400, 3), 'float32')})
    assert tuple(sample['scale_factor'][::-1]) == expected


def test_a_box_counts_by_its_shorter_side_after_resizing():
    boxes = [{'bbox': box} for box in ((0, 0, 40, 79), (10, 10, 90, 90), (0, 0, 300, 60))]
    images = [LabelledImage('a.png', 'a.png', 2000, 2000, boxes[:2], None),
              LabelledImage('b.png', 'b.png', 1000, 1000, boxes[2:], None)]
    assert share_small(images, Resizing(200, False)) == 1 / 3
    assert share_small(images, Resizing(400, False)) == 0
    assert share_small([], Resizing(200, False)) == 0


@pytest.mark.parametrize('path', TRAINED, ids=os.path.basename)
def test_every_config_resizes_to_another_size(path):
    shipped = read_merged(path)
    old, new = input_size(shipped), {**shipped, **resized_readers(shipped, 640)}
    assert (old.height, old.width) != (640, 640) == (input_size(new).height, input_size(new).width)
    text = str({key: new[key] for key in ('TrainReader', 'EvalReader', 'TestReader')})
    assert f'[{old.height}, {old.width}]' not in text


def test_sizes_that_are_drawn_and_repeated_are_changed_alike():
    shipped = read_merged(os.path.join(CONFIGS, 'picodet', 'picodet_s_neu_det.yml'))
    changed = resized_readers(shipped, 640)
    drawn = changed['TrainReader']['batch_transforms'][0]['BatchRandomResize']['target_size']
    assert drawn == [512, 576, 640, 704, 768]
    assert changed['TestReader']['inputs_def'] == {'image_shape': [1, 3, 640, 640]}
    assert changed['eval_size'] == [640, 640]


def test_pairs_of_sizes_and_transforms_in_one_entry_are_changed():
    both = {'Resize': {'target_size': [320, 320], 'keep_ratio': False}, 'Permute': {}}
    sizes = {'target_size': [[256, 256], [320, 320]], 'keep_ratio': False}
    changed = resized_readers({'TrainReader': {'batch_transforms': [{'BatchRandomResize': sizes}]},
                               'EvalReader': {'sample_transforms': [both]}}, 640)
    assert changed['EvalReader']['sample_transforms'][0]['Permute'] == {}
    assert changed['TrainReader']['batch_transforms'][0]['BatchRandomResize']['target_size'] == [
        [512, 512], [640, 640]]


RESIZE = {'Resize': {'target_size': [320, 320], 'keep_ratio': True}}


@pytest.mark.parametrize('train, evaluation, side, message', [
    ([RESIZE], [{'Decode': {}}], 640, 'its EvalReader has none'),
    ([RESIZE], [{'LetterBoxResize': {'target_size': [320, 320]}}], 640, 'have LetterBoxResize'),
    ([{'RandomResize': {'target_size': [[640, 1333]]}}], [RESIZE], 640, 'have RandomResize'),
    ([{'Mosaic': {'input_dim': [640, 640]}}], [RESIZE], 640, 'have Mosaic'),
    ([RESIZE], [RESIZE], 600, '600: expected a multiple of 32, such as 608')])
def test_sizes_that_cannot_be_changed_are_refused(train, evaluation, side, message):
    with pytest.raises(ValueError, match=message):
        resized_readers({'TrainReader': {'sample_transforms': train},
                         'EvalReader': {'sample_transforms': evaluation}}, side)


@pytest.fixture
def line(tmp_path):
    """Images of 2000 pixels with boxes of 40 to 60."""
    write_yolo(tmp_path / 'source', objects(20))
    for path in (tmp_path / 'source' / 'images').iterdir():
        with Image.open(path) as image:
            image.resize((2000, 2000)).save(path)
    for path in (tmp_path / 'source' / 'labels').iterdir():
        numbers = [text.split() for text in path.read_text().splitlines()]
        path.write_text(''.join(f'{name} 0.5 0.5 0.02 0.03\n' for name, *_ in numbers))
    return tmp_path


def prepared(line, config=LITE, slim_config=SLIM, **options):
    return prepare_data(str(line / 'source'), str(line / 'parts'), SourceOptions(CLASSES),
                        PrepareOptions(config=config, slim_config=slim_config, **options))


def test_boxes_that_vanish_are_reported_for_student_and_teacher(line):
    report, _ = prepared(line)
    for name in ('gfl_lite0_parts.yml', 'gfl_lite2_parts.yml'):
        assert (f'note: {name}: 100% of the training boxes have a side below 8 pixels, the stride '
                f'of the finest level of most detectors, when images are resized to 192 x 192 '
                f'pixels; give a larger --input_size') in report


def test_the_written_configs_take_another_size(line):
    report, (student, teacher, _) = prepared(line, input_size=640)
    assert 'a side below' not in report
    for path in (student, teacher):
        cfg = load_run_config(path)
        sizes = {tuple(transform['Resize']['target_size'])
                 for reader in ('TrainReader', 'EvalReader', 'TestReader')
                 for transform in cfg[reader]['sample_transforms'] if 'Resize' in transform}
        assert sizes == {(640, 640)}


def test_a_config_that_repeats_its_size_takes_another(line):
    path = os.path.join(CONFIGS, 'picodet', 'picodet_s_neu_det.yml')
    _, (written,) = prepared(line, path, None, input_size=640)
    cfg = load_run_config(written)
    assert cfg.eval_size == [640, 640] and cfg['TestReader']['inputs_def']['image_shape'][-1] == 640


def test_one_config_that_is_student_and_teacher_is_written_once(line):
    teacher = os.path.join(CONFIGS, 'lite', 'gfl_lite2_neu_det.yml')
    report, configs = prepared(line, teacher)
    assert [os.path.basename(path) for path in configs] == [
        'gfl_lite2_parts.yml', 'gfl_lite2_parts_mgd_distill.yml']
    assert report.count('as many steps as') == 1
