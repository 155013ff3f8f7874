# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""From a base detector over the expanded head to a run of DKAN, on noise."""
import json
import os

import numpy as np
import paddle
import pytest
from PIL import Image
from tiny import moved, slim_yaml, values
from tiny_faster_rcnn import CLASSES, build_detector, faster_rcnn_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer
from ppdet_ext.few_shot.head_expansion import Detector, expand_head
from ppdet_ext.slim import build_slim_model, read_slim_config

IMAGES = 4


@pytest.fixture
def dataset(tmp_path):
    """Folder of a set of noise images with one box each; the last image has none."""
    (tmp_path / 'set' / 'images').mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [f'{k}.png' for k in range(IMAGES)]
    for name in names:
        noise = rng.integers(0, 255, [64, 64, 3], dtype='uint8')
        Image.fromarray(noise).save(tmp_path / 'set' / 'images' / name)
    (tmp_path / 'set' / 'all.json').write_text(json.dumps({
        'categories': [{'id': k + 1, 'name': name} for k, name in enumerate(CLASSES)],
        'images': [{'id': k, 'file_name': name, 'width': 64, 'height': 64}
                   for k, name in enumerate(names)],
        'annotations': [{'id': k, 'image_id': k, 'category_id': k + 1, 'bbox': [8, 8, 40, 40],
                         'area': 1600, 'iscrowd': 0} for k in range(IMAGES - 1)]}))
    return str(tmp_path / 'set')


@pytest.fixture
def trainer(tmp_path, dataset):
    """Makes the Trainer of a DKAN run, whose student is the expanded teacher."""
    common = {'dataset_dir': dataset, 'anno_path': 'all.json', 'allow_empty': True}
    teacher = faster_rcnn_yaml(tmp_path, 'teacher', classes=3)
    student = faster_rcnn_yaml(
        tmp_path, 'student', cosine={'learnable_scale': True}, freeze=['backbone'],
        pretrain_weights=str(tmp_path / 'student.pdparams'), epoch=2, worker_num=0,
        use_gpu=False, save_dir=str(tmp_path / 'output'), TrainDataset=common,
        EvalDataset=common, TrainReader={'batch_size': 2},
        LearningRate={'base_lr': 0.01, 'schedulers': [
            {'name': 'CosineDecay', 'max_epochs': 20},
            {'name': 'LinearWarmup', 'start_factor': 1.0, 'steps': 1}]},
        BBoxPostProcess={'nms': {'name': 'MultiClassSoftNMS', 'score_threshold': 0.0}})
    base, every = (Detector(path, None, classes, {
        name: tensor.numpy() for name, tensor in build_detector(path).state_dict().items()})
        for path, classes in ((teacher, 3), (student, 6)))
    for detector, name in ((base.tensors, 'teacher'), (expand_head(every, base)[0], 'student')):
        paddle.save({key: paddle.to_tensor(value) for key, value in detector.items()},
                    str(tmp_path / f'{name}.pdparams'))
    slim = read_slim_config(slim_yaml(tmp_path, teacher, name='dkan', slim_method='DKAN'))

    def make():
        return student, Trainer(build_slim_model(load_run_config(student, {}, slim), slim))

    return make


def test_trains_evaluates_saves_and_resumes(trainer):
    student, first = trainer()
    model = first.model
    before, teacher = values(model.student_model), values(model.teacher_model)
    first.train(validate=True)
    meters = first.status['training_staus'].meters
    terms = {name for name in meters if name.startswith('distill_')}
    assert terms == {f'distill_dkan_{name}' for name in
                     ('fka_p2', 'fka_p3', 'fka_p4', 'fka_p5', 'lka')}
    assert all(np.isfinite(meter.deque).all() for meter in meters.values())
    changed = moved(before, model.student_model)
    assert {name.split('.')[0] for name in changed} == {'neck', 'rpn_head', 'bbox_head'}
    assert 'bbox_head.bbox_score.scale' in changed
    assert moved(teacher, model.teacher_model) == set()

    folder = os.path.join(first.cfg.save_dir, 'dkan')
    with open(os.path.join(folder, 'metrics.json'), encoding='utf-8') as f:
        assert set(json.load(f)['classes']) == set(CLASSES)
    saved = paddle.load(os.path.join(folder, 'model_final.pdparams'), return_numpy=True)
    assert set(saved) == set(build_detector(student).state_dict()), 'the plain student'

    _, second = trainer()
    second.resume_weights(os.path.join(folder, '0'))
    assert second.start_epoch == 1
    assert all(np.array_equal(second.model.student_model.state_dict()[name].numpy(), value)
               for name, value in before.items() if name.startswith('backbone'))
