# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json
import multiprocessing
import os
import random
import re
from types import SimpleNamespace

import numpy as np
import paddle
import paddle.distributed as dist
import pytest
from paddle import nn
from PIL import Image
from tiny import slim_yaml, student_yaml, values

from ppdet_ext.config.load import load_run_config
from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.engine import Trainer
from ppdet_ext.engine.checks.teacher import check_teacher
from ppdet_ext.slim import build_slim_model, read_slim_config

IMAGES, SIZE, BOX = 6, 64, [8, 8, 48, 40]  # x1, y1, x2, y2 of the one box of every image
VOC_BOX = ''.join(f'<{name}>{value}</{name}>'
                  for name, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), BOX))


@pytest.fixture
def dataset(tmp_path):
    """A data set of noise: image k shows one box of class k."""
    (tmp_path / 'images').mkdir()
    rng = np.random.default_rng(0)
    for k in range(IMAGES):
        noise = rng.integers(0, 255, [SIZE, SIZE, 3], dtype='uint8')
        Image.fromarray(noise).save(tmp_path / 'images' / f'{k}.png')
    (tmp_path / 'all.json').write_text(json.dumps({
        'categories': [{'id': k + 10, 'name': NEU_DET_CLASSES[k]} for k in range(6)],
        'images': [{'id': k + 100, 'file_name': f'{k}.png', 'width': SIZE, 'height': SIZE}
                   for k in range(IMAGES)],
        'annotations': [{'id': k + 1, 'image_id': k + 100, 'category_id': k + 10, 'area': 1280,
                         'bbox': [8, 8, 40, 32], 'iscrowd': 0} for k in range(IMAGES)]}))
    return {'dataset_dir': str(tmp_path), 'image_dir': 'images', 'anno_path': 'all.json'}


@pytest.fixture
def voc_dataset(dataset, tmp_path):
    """The same as Pascal VOC."""
    for k in range(IMAGES):
        (tmp_path / f'{k}.xml').write_text(
            f'<annotation><size><width>{SIZE}</width><height>{SIZE}</height></size><object><name>'
            f'{NEU_DET_CLASSES[k]}</name><difficult>0</difficult><bndbox>{VOC_BOX}</bndbox></object>'
            f'</annotation>')
    (tmp_path / 'labels.txt').write_text(''.join(f'{name}\n' for name in NEU_DET_CLASSES))
    (tmp_path / 'list.txt').write_text(''.join(f'images/{k}.png {k}.xml\n' for k in range(IMAGES)))
    return {'name': 'VOCDataSet', 'dataset_dir': str(tmp_path), 'anno_path': 'list.txt',
            'label_list': 'labels.txt', 'image_dir': '',
            'data_fields': ['image', 'gt_bbox', 'gt_class', 'difficult']}


class Oracle(nn.Layer):
    """A teacher that knows the box of every image whose class is one of the first ones."""

    def __init__(self, classes):
        super().__init__()
        self.classes, self.seen, self.children = classes, [], set()

    def forward(self, inputs):
        classes = [int(image) - 100 for image in inputs['im_id'].numpy().flatten()]
        if 'gt_class' in inputs:  # of VOC, whose images have no such numbers
            classes = [int(found[0]) for found in inputs['gt_class']]
        self.seen += classes
        self.children |= set(multiprocessing.active_children())
        np.random.rand(), random.random(), paddle.rand([1])
        rows = [[k, 0.9, *BOX] for k in classes if k < self.classes]
        return {'bbox': paddle.to_tensor(np.array(rows, 'float32').reshape([-1, 6])),
                'bbox_num': paddle.to_tensor([int(k < self.classes) for k in classes])}


@pytest.fixture
def check(tmp_path, dataset, log):
    """Checks an oracle of some classes and returns it; the log says the rest."""

    def run(known, classes=6, data=None, **options):
        cfg = load_run_config(student_yaml(tmp_path, EvalDataset=data or dataset, worker_num=2,
                                           EvalReader={'batch_size': 4}), options).copy()
        cfg['model'] = SimpleNamespace(teacher_model=Oracle(known), teacher_classes=classes)
        log.clear()
        check_teacher(cfg)
        return cfg['model'].teacher_model

    return run


def warnings(log):
    return [text for level, text in log if level == 'WARNING']


@pytest.mark.parametrize('known, ap50, weak', [(6, 1.0, False), (3, 0.5, False), (1, 1 / 6, True),
                                               (0, 0.0, True)])
def test_the_figure_is_logged_and_a_weak_teacher_warned_of(check, log, known, ap50, weak):
    oracle = check(known)
    assert oracle.seen == list(range(IMAGES))
    assert log[0][1].startswith(f'teacher: AP50 {ap50:.3f} on 6 of 6 images of EvalDataset, ')
    assert bool(warnings(log)) == weak
    assert all(f'its AP50 of {ap50:.3f} is below 0.3 ' in text for text in warnings(log))


@pytest.mark.parametrize('minimum, weak', [(0.4, False), (0.6, True)])
def test_the_threshold_can_be_set(check, log, minimum, weak):
    check(3, check_teacher={'minimum_ap50': minimum})
    assert bool(warnings(log)) == weak


@pytest.mark.parametrize('known, ap50', [(3, 1.0), (0, 0.0)])
def test_only_the_classes_of_the_teacher_count(check, log, known, ap50):
    check(known, classes=3)
    assert log[0][1].startswith(f'teacher: AP50 {ap50:.3f} on 6 of 6 images')


@pytest.mark.parametrize('known, classes, ap50', [(6, 6, 1.0), (3, 6, 0.5), (3, 3, 1.0),
                                                  (0, 3, 0.0)])
def test_pascal_voc(check, voc_dataset, log, known, classes, ap50):
    check(known, classes, voc_dataset, metric='VOC', map_type='integral')
    assert log[0][1].startswith(f'teacher: AP50 {ap50:.3f} on 6 of 6 images')


def test_a_sample_is_the_same_every_time_and_counts_alone(check, log):
    first, second = check(6, check_teacher={'images': 2}), check(6, check_teacher={'images': 2})
    assert first.seen == second.seen and len(set(first.seen)) == 2
    assert first.seen != [0, 1], 'the first images may all be of one class'
    assert log[0][1].startswith('teacher: AP50 1.000 on 2 of 6 images')


def test_a_sample_without_the_teachers_classes(check, log):
    images = check(0, check_teacher={'images': 1}).seen
    check(0, classes=min(images), check_teacher={'images': 1})
    assert log[0][1] == ('teacher: not checked, none of its classes is in 1 images of '
                         'EvalDataset')


def test_the_random_streams_stay_and_no_process_is_started(check):
    def draws():
        return random.random(), np.random.rand(), float(paddle.rand([1]))

    results, before = [], set(multiprocessing.active_children())
    for checked in (False, True):
        random.seed(1), np.random.seed(2), paddle.seed(3)
        if checked:
            oracle = check(6, EvalReader={'sample_transforms': [
                {'Decode': {}}, {'RandomFlip': {}}, {'Permute': {}}]})
            assert len(oracle.seen) == IMAGES and oracle.children <= before
        results.append(draws())
    assert results[0] == results[1]


def test_a_teacher_that_cannot_predict_is_not_checked(check, log, monkeypatch):
    def fails(*_):
        raise ValueError('(InvalidArgument) sizes differ\nand more')

    monkeypatch.setattr('ppdet_ext.engine.checks.teacher._evaluate', fails)
    check(6)
    (level, message), = log
    assert level == 'WARNING' and message.endswith('(InvalidArgument) sizes differ')


def test_is_left_out_where_it_is_not_wanted(check, log):
    assert check(6, check_teacher=False).seen == [] and log == []


def test_a_run_without_evaluation_data(tmp_path, log):
    cfg = load_run_config(student_yaml(tmp_path)).copy()
    cfg['EvalDataset'].clear()
    cfg['model'] = SimpleNamespace(teacher_classes=6)
    check_teacher(cfg)
    assert log == [('INFO', 'teacher: not checked, there is no EvalDataset')]


@pytest.mark.parametrize('options, reason', [
    ({'EvalDataset': {'anno_path': 'gone.json'}}, 'EvalDataset: .*gone.json does not exist'),
    ({'metric': 'RBOX'}, 'metric is RBOX, not one of COCO, VOC'),
])
def test_what_is_missing_is_said_and_stops_nothing(check, log, options, reason):
    assert check(6, **options).seen == []
    message, = log
    assert message[0] == 'INFO'
    assert re.match(rf'teacher: not checked, {reason}', message[1])


def test_the_first_process_does_it_alone(check, monkeypatch, log):
    monkeypatch.setattr(dist, 'get_rank', lambda: 1)
    assert check(6).seen == [] and log == []


@pytest.mark.parametrize('value, message', [
    (3, 'check_teacher must be true, false or a mapping of images, minimum_ap50, got 3'),
    (None, 'check_teacher must be true, false or a mapping'),
    ({'image': 3}, r'check_teacher: unknown key "image" \(did you mean "images"'),
    ({'images': 0}, 'check_teacher.images must be an integer of at least 1, got 0'),
    ({'images': True}, 'check_teacher.images must be an integer of at least 1, got True'),
    ({'minimum_ap50': 30}, 'check_teacher.minimum_ap50 must be a number from 0 to 1, got 30'),
])
def test_wrong_options_are_found_at_once(tmp_path, value, message):
    with pytest.raises(ValueError, match=message):
        load_run_config(student_yaml(tmp_path), {'check_teacher': value})


def test_a_run_is_the_same_with_and_without_it(tmp_path, dataset, teacher_yaml, log):
    student = student_yaml(tmp_path, TrainDataset=dataset, EvalDataset=dataset, worker_num=0,
                           epoch=1, use_gpu=False, save_dir=str(tmp_path / 'output'), seed=0,
                           TrainReader={'batch_size': 3})
    results = []
    for wanted in (False, True):
        slim = read_slim_config(slim_yaml(tmp_path, teacher_yaml, check_teacher=wanted))
        cfg = load_run_config(student, {}, slim)
        random.seed(0), np.random.seed(0), paddle.seed(0)
        cfg = build_slim_model(cfg, slim)
        model = cfg['model']
        before = values(model.teacher_model)
        trainer = Trainer(cfg)
        assert not any(layer.training for layer in model.teacher_model.sublayers(True))
        assert all(p.stop_gradient for p in model.teacher_model.parameters())
        after = values(model.teacher_model)
        assert all(np.array_equal(value, after[name]) for name, value in before.items())
        trainer.train()
        results.append(values(model))
        assert wanted == any(text.startswith('teacher: AP50') for _, text in log)
    assert all(np.array_equal(value, results[1][name]) for name, value in results[0].items())
    assert os.listdir(tmp_path / 'output') == ['mgd'], 'no folder of its own'


def test_the_command_line_wins_over_the_slim_yaml(tmp_path, teacher_yaml):
    slim = read_slim_config(slim_yaml(tmp_path, teacher_yaml, check_teacher={'images': 7}))
    options = {'check_teacher': {'minimum_ap50': 0.5}}
    cfg = load_run_config(student_yaml(tmp_path), options, slim)
    assert cfg['check_teacher'] == {'images': 7, 'minimum_ap50': 0.5}
