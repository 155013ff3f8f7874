# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""From labelled images of 16 bits, some of them sound, to a distilled student, with no editor."""
import json
import os

import numpy as np
import paddle
import pytest
import yaml
from label_formats import CLASSES, objects, write_yolo
from PIL import Image
from tiny import slim_yaml, student_yaml
from tool_runs import imported

from ppdet_ext.data.prepare import PrepareOptions, prepare_data


@pytest.fixture
def road(tmp_path, monkeypatch):
    """A prepared data set of TIFF files in data/parts, with the YAMLs for its runs."""
    monkeypatch.chdir(tmp_path)
    source = tmp_path / 'source'
    write_yolo(source, objects(20))
    for path in sorted((source / 'images').iterdir()):
        pixels = np.asarray(Image.open(path)).astype('uint16') * 16
        Image.fromarray(pixels).save(path.with_suffix('.tif'))
        path.unlink()
    common = dict(epoch=1, snapshot_epoch=1, worker_num=0, use_gpu=False, check_teacher=False,
                  pretrain_weights=None)
    student = student_yaml(tmp_path, 'student_neu_det', **common)
    teacher = student_yaml(tmp_path, 'teacher_neu_det', channels=24, **common)
    slim = slim_yaml(tmp_path, os.path.basename(teacher), 'teacher_neu_det_mgd')
    _, configs = prepare_data(str(source), 'data/parts',
                              options=PrepareOptions(config=student, slim_config=slim))
    return configs


def run(tool, *arguments):
    with paddle.utils.unique_name.guard():
        assert imported(tool).main(list(arguments)) == 0


def test_the_whole_road(road, tmp_path, capsys):
    student, teacher, slim = road
    assert [os.path.basename(path) for path in road] == [
        'student_parts.yml', 'teacher_parts.yml', 'teacher_parts_mgd.yml']
    run('train', '-c', teacher, '-o', 'epoch=1')
    (tmp_path / 'output' / 'teacher_parts' / 'model_final.pdparams').rename(
        tmp_path / 'output' / 'teacher_parts' / 'best_model.pdparams')
    run('train', '-c', student, '--slim_config', slim, '--eval', '-o', 'epoch=1')
    trained = json.loads((tmp_path / 'output' / 'teacher_parts_mgd' / 'metrics.json').read_text())
    described = yaml.safe_load((tmp_path / 'data' / 'parts' / 'dataset.yml').read_text())
    split = json.loads((tmp_path / 'data' / 'parts' / 'annotations' / 'val.json').read_text())
    labelled = {box['image_id'] for box in split['annotations']}
    assert described['EvalDataset']['allow_empty'] == (len(labelled) < len(split['images']))
    # Sound images are evaluated too: what is detected on them counts.
    assert trained['images'] == len(split['images'])
    assert list(trained['classes']) == list(CLASSES)
    weights = '-o', 'weights=output/teacher_parts_mgd/model_final'
    run('eval', '-c', student, *weights)
    assert os.path.exists('output/teacher_parts_mgd/eval_command.json')
    assert not os.path.exists('output/student_parts'), 'that of the student alone'
    capsys.readouterr()
    run('infer', '-c', student, *weights, '--infer_dir', 'data/parts/images', '--output_dir',
        'drawn', '--draw_threshold', '0.0', '--save_results', 'true')
    assert len(os.listdir('drawn')) == 20 + 2
    for name in ('part.000.tif', 'part.004.tif'):
        seen = np.asarray(Image.open(f'data/parts/images/{name}')) // 16
        shown = np.asarray(Image.open(f'drawn/{name}').convert('L'))
        assert abs(np.median(shown) - np.median(seen)) < 5, 'the picture, not a white one'


def test_sound_images_take_part_in_training(road):
    from ppdet.core.workspace import create

    from ppdet_ext.config.load import load_run_config
    load_run_config(road[0])
    dataset = create('TrainDataset')()
    dataset.parse_dataset()
    empty = [record for record in dataset.roidbs if len(record['gt_bbox']) == 0]
    assert len(dataset.roidbs) == 15 and empty
