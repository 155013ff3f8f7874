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
TRAINED = [path for name in ('lite', 'nano', 'picodet', 'ppyoloe', 'retinanet', 'faster_rcnn')
           for path in sorted(glob.glob(os.path.join(CONFIGS, name, '*_neu_det.yml')))]


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


def test_readers_without_a_size_are_refused():
    with pytest.raises(ValueError, match='EvalReader has no Resize'):
        resized_readers({'EvalReader': {'sample_transforms': [{'Decode': {}}]}}, 640)


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


def prepared(line, **options):
    return prepare_data(str(line / 'source'), str(line / 'parts'), SourceOptions(CLASSES),
                        PrepareOptions(config=LITE, slim_config=SLIM, **options))


def test_boxes_that_vanish_are_reported_for_student_and_teacher(line):
    report, _ = prepared(line)
    for name in ('gfl_lite0_parts.yml', 'gfl_lite2_parts.yml'):
        assert (f'note: {name}: 100% of the training boxes have a side below 8 pixels, the finest '
                f'level of most detectors, when images are resized to 192 x 192 pixels; give a '
                f'larger --input_size') in report


def test_the_written_configs_take_another_size(line):
    report, (student, teacher, _) = prepared(line, input_size=640)
    assert 'a side below' not in report
    for path in (student, teacher):
        cfg = load_run_config(path)
        sizes = {tuple(transform['Resize']['target_size'])
                 for reader in ('TrainReader', 'EvalReader', 'TestReader')
                 for transform in cfg[reader]['sample_transforms'] if 'Resize' in transform}
        assert sizes == {(640, 640)}
