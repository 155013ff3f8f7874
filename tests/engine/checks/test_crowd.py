# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Objects that a few-shot set marks as crowd are neither learned nor background, or refused."""
import json
import os

import numpy as np
import paddle
import pytest
from PIL import Image
from ppdet.modeling.bbox_utils import bbox_overlaps
from ppdet.modeling.proposal_generator.target import generate_proposal_target, rpn_anchor_target
from tiny import CONFIGS, student_yaml
from tiny_faster_rcnn import BASE, faster_rcnn_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer
from ppdet_ext.few_shot.set_files import write_few_shot
from ppdet_ext.few_shot.sets import ClassSplit, make_few_shot

CROWD = os.path.abspath(os.path.join(CONFIGS, 'few_shot', '_base_', 'crowd.yml'))
NAMES = ['a', 'b', 'c', 'd', 'e', 'f']


@pytest.fixture
def options(tmp_path):
    """Makes a base training set with a rule, and the options of a tiny run on it."""
    for folder in ('annotations', 'images'):
        (tmp_path / folder).mkdir()
    for part in ('train', 'val', 'test'):
        name = f'{part}.png'
        Image.fromarray(np.zeros([128, 128, 3], 'uint8')).save(tmp_path / 'images' / name)
        boxes = [(1, [8, 8, 40, 40]), (2, [70, 60, 50, 56])]
        (tmp_path / 'annotations' / f'{part}.json').write_text(json.dumps({
            'categories': [{'id': k, 'name': name} for k, name in enumerate(NAMES, start=1)],
            'images': [{'id': 1, 'file_name': name, 'width': 128, 'height': 128}],
            'annotations': [{'id': k, 'image_id': 1, 'category_id': k, 'bbox': box, 'iscrowd': 0,
                             'area': box[2] * box[3]} for k, box in boxes]}))

    def make(unlabelled='crowd'):
        sets = make_few_shot(str(tmp_path), ClassSplit(('a', ), ('b', )), [], [], unlabelled)
        write_few_shot(str(tmp_path), sets)
        return {'epoch': 1, 'worker_num': 0, 'use_gpu': False, 'save_dir': str(tmp_path),
                'num_classes': 1, 'class_names': ['a'], 'pretrain_weights': None,
                'TrainReader': {'batch_size': 1},
                'TrainDataset': {'dataset_dir': str(tmp_path), 'anno_path': 'base_train.json'}}

    return make


@pytest.fixture
def faster_rcnn(tmp_path, options):
    def load(*bases, unlabelled='crowd'):
        path = faster_rcnn_yaml(tmp_path, 'faster_rcnn', _BASE_=[*BASE, *bases])
        return load_run_config(path, options(unlabelled))
    return load


def test_a_detector_that_knows_no_crowd_is_refused(tmp_path, options):
    with pytest.raises(ValueError, match='RetinaNet does not ignore crowd boxes.*drop_image'):
        Trainer(load_run_config(student_yaml(tmp_path), options()))


def test_a_faster_rcnn_that_is_not_set_up_is_refused(faster_rcnn):
    with pytest.raises(ValueError) as refused:
        Trainer(faster_rcnn())
    for part in ('base_train.json marks', 'TrainDataset.load_crowd: true',
                 'RPNHead.rpn_target_assign.ignore_thresh is -1.0: set it to 0.3',
                 'BBoxAssigner.ignore_thresh is -1.0: set it to 0.5'):
        assert part in str(refused.value)


def test_a_threshold_above_that_of_the_background_is_refused(faster_rcnn):
    cfg = faster_rcnn(CROWD).copy()
    cfg['BBoxAssigner']['ignore_thresh'] = 0.7
    with pytest.raises(ValueError, match='BBoxAssigner.ignore_thresh is 0.7: set it to 0.5'):
        Trainer(cfg)


def test_a_set_without_crowd_boxes_needs_no_setting(faster_rcnn):
    Trainer(faster_rcnn(unlabelled='background'))


@pytest.fixture
def trainer(faster_rcnn):
    return Trainer(faster_rcnn(CROWD))


@pytest.fixture
def inputs(trainer):
    batch = next(iter(trainer.loader))
    assert batch['is_crowd'][0].flatten().tolist() == [0, 1]
    return {**batch, 'epoch_id': 0}


def overlaps(boxes, inputs):
    """The IoU of boxes with the labelled box and with the crowd box."""
    return bbox_overlaps(inputs['gt_bbox'][0], boxes).numpy()


def test_no_anchor_over_a_crowd_box_is_background(trainer, inputs):
    head = trainer.model.rpn_head
    anchors = paddle.concat(head.anchor_generator(
        head.rpn_feat(trainer.model.neck(trainer.model.backbone(inputs)))))
    labelled, crowd = overlaps(anchors, inputs)
    apart = labelled < 0.1
    assert (apart & (crowd > 0.3)).sum() > 2

    def labels(ignore_thresh):
        assign = head.rpn_target_assign
        result = rpn_anchor_target(
            anchors, inputs['gt_bbox'], 10**6, assign.positive_overlap, assign.negative_overlap,
            1.0, ignore_thresh=ignore_thresh, is_crowd=inputs['is_crowd'])
        return result[0][0].numpy()

    found = labels(head.rpn_target_assign.ignore_thresh)
    assert set(found[crowd > 0.3]) == {-1}
    assert (found == 1).any() and set(found[apart & (crowd < 0.3)]) == {0}
    assert set(labels(-1.0)[apart & (crowd > 0.3)]) == {0}, 'what the setting is for'


def test_no_roi_over_a_crowd_box_is_background(trainer, inputs):
    assigner = trainer.model.bbox_head.bbox_assigner
    labelled_box, crowd_box = inputs['gt_bbox'][0]
    shift = paddle.to_tensor([3., 2., 3., 2.])
    rois = paddle.stack([labelled_box + shift, crowd_box + shift, crowd_box * 0.2])

    def sampled(ignore_thresh):
        boxes, classes, _, _, _ = generate_proposal_target(
            [rois], inputs['gt_class'], inputs['gt_bbox'], 64, 0.5, assigner.fg_thresh,
            assigner.bg_thresh, 1, ignore_thresh, inputs['is_crowd'])
        return overlaps(boxes[0], inputs)[1], classes[0].numpy()

    crowd, classes = sampled(assigner.ignore_thresh)
    assert not (crowd > 0.5).any() and sorted(classes) == [0, 0, 1]
    crowd, classes = sampled(-1.0)
    assert (classes[crowd > 0.5] == 1).sum() == 2, 'what the setting is for'


def test_it_trains(trainer, inputs):
    trainer.model.train()
    losses = trainer.model(inputs)
    losses['loss'].backward()
    assert all(np.isfinite(float(loss)) for loss in losses.values())
