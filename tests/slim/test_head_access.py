# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Adapters against what the heads themselves compute; heads of the shipped configs."""
import os

import numpy as np
import paddle
import pytest
from paddle import nn
from ppdet.core.workspace import create, load_config
from tiny import CONFIGS

from ppdet_ext.slim.batch import Batch
from ppdet_ext.slim.feature_tap import FeatureTap
from ppdet_ext.slim.head_access import find_head_adapter, head_adapters, head_families

HEADS = {'RetinaHead': 'retinanet/retinanet_r18_fpn_neu_det.yml',
         'FCOSHead': 'fcos/fcos_r18_fpn_neu_det.yml', 'GFLHead': 'gfl/gfl_r18_fpn_neu_det.yml'}
STRIDES = [8, 16, 32, 64]
CONVOLUTIONS = 4
SIZE = 64


class Detector(nn.Layer):
    """A head behind a neck that does nothing."""

    def __init__(self, head):
        super().__init__()
        self.neck = nn.Identity()
        self.head = head

    def forward(self, inputs):
        return self.head(self.neck(inputs['features']))


def build_detector(name):
    load_config(os.path.join(CONFIGS, HEADS[name]))
    paddle.seed(3)
    detector = Detector(create(name))
    for parameter in detector.parameters():  # predictors start so small that all boxes are alike
        if parameter.ndim > 1:
            parameter.set_value(paddle.randn(parameter.shape) / np.sqrt(parameter[0].size))
    detector.eval()
    return detector


def features(images=2):
    rng = np.random.default_rng(0)
    return [paddle.to_tensor(rng.normal(size=[images, 256, SIZE // s, SIZE // s]), 'float32')
            for s in STRIDES]


@pytest.fixture(params=HEADS)
def detector(request):
    return build_detector(request.param)


def recorded(detector, names, inputs):
    tap = FeatureTap(detector, names)
    tap.run({'features': inputs})
    return [tap[name] for name in names]


def test_heads_of_two_families_are_refused_and_the_neck_is_named():
    pair = build_detector('RetinaHead'), build_detector('GFLHead')
    with pytest.raises(ValueError, match='CrossKDLoss: the student has a RetinaHead, the teacher a '
                                         'GFLHead; both .*Take losses of the neck alone'):
        head_adapters(*pair, 'CrossKDLoss')


def test_every_family_has_an_adapter_and_no_other():
    assert head_families() == sorted(HEADS)
    assert find_head_adapter(Detector(nn.Identity())) is None


@pytest.mark.parametrize('index', range(CONVOLUTIONS + 1))
def test_the_rest_of_the_head_answers_as_the_whole_head(detector, index):
    adapter = find_head_adapter(detector)
    assert adapter.depth == CONVOLUTIONS
    class_features, box_features, scores, boxes = recorded(
        detector, [*adapter.feature_names(index), *adapter.predictor_names()], features())
    assert len(scores) == len(boxes) == len(STRIDES)
    for level in range(len(STRIDES)):
        answer = adapter.respond(class_features[level], box_features[level], index)
        np.testing.assert_allclose(answer[0].numpy(), scores[level].numpy(), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(answer[1].numpy(), boxes[level].numpy(), rtol=1e-4, atol=1e-4)


def decoded(detector, inputs):
    """list of ndarray: the adapter's boxes of every level."""
    adapter = find_head_adapter(detector)
    scores, boxes = recorded(detector, adapter.predictor_names(), inputs)
    priors = adapter.priors(scores)
    return [adapter.boxes(boxes[k], priors[k], k).numpy() for k in range(len(STRIDES))]


def test_retinanet_boxes_are_the_heads_own():
    detector = build_detector('RetinaHead')
    outputs = detector({'features': features(1)})
    anchors = detector.head.anchor_generator(outputs[0])
    detector.head.nms_pre = None
    own, _ = detector.head.get_bboxes_single(
        anchors, [s[0].transpose([1, 2, 0]) for s in outputs[0]],
        [b[0].transpose([1, 2, 0]) for b in outputs[1]], None, None, rescale=False)
    np.testing.assert_allclose(np.concatenate(decoded(detector, features(1))), own.numpy(),
                               rtol=1e-4, atol=1e-3)


def test_fcos_boxes_are_the_heads_own():
    detector = build_detector('FCOSHead')
    locations, _, distances, _ = detector({'features': features()})
    for level, boxes in enumerate(decoded(detector, features())):
        sides = distances[level].transpose([0, 2, 3, 1]).reshape([2, -1, 4]).numpy()
        points = locations[level].numpy()
        own = np.concatenate([points - sides[..., :2], points + sides[..., 2:]], axis=2)
        np.testing.assert_allclose(boxes, own.reshape(-1, 4), rtol=1e-4, atol=1e-3)


def test_gfl_boxes_are_the_heads_own():
    detector = build_detector('GFLHead')
    _, own = detector({'features': features()})
    for level, boxes in enumerate(decoded(detector, features())):
        np.testing.assert_allclose(boxes, own[level].reshape([-1, 4]).numpy(), rtol=1e-4,
                                   atol=1e-3)


def test_logits_are_in_the_order_of_the_boxes():
    detector = build_detector('RetinaHead')
    adapter = find_head_adapter(detector)
    scores = recorded(detector, adapter.predictor_names()[:1], features())[0][0]
    rows = adapter.logits(scores)
    anchors, classes = detector.head.anchor_generator.num_anchors, detector.head.num_classes
    assert rows.shape == [2 * 8 * 8 * anchors, classes]
    np.testing.assert_array_equal(rows[(1 * 64 + 3 * 8 + 5) * anchors + 2].numpy(),
                                  scores[1, 2 * classes:3 * classes, 3, 5].numpy())


def priors_of(detector, images):
    scores = [paddle.zeros([images, 6 * 9, SIZE // s, SIZE // s]) for s in STRIDES]
    return find_head_adapter(detector).priors(scores)


def test_retinanet_counts_by_its_own_assignment():
    detector = build_detector('RetinaHead')
    boxes = [paddle.to_tensor([[4., 4., 40., 44.], [20., 8., 60., 60.]]), paddle.zeros([0, 4])]
    priors = priors_of(detector, 2)
    weights, divisor = find_head_adapter(detector).assign(Batch({'gt_bbox': boxes}), priors)
    _, labels = detector.head.bbox_assigner(paddle.concat(priors), boxes[0])
    labels = labels.numpy().flatten()
    assert {-1, 0, 1} <= set(labels)
    assert float(divisor) == (labels == 1).sum()
    first = np.concatenate([w.numpy().reshape(2, -1)[0] for w in weights])
    np.testing.assert_array_equal(first, labels != -1)
    assert all((w.numpy().reshape(2, -1)[1] == 1).all() for w in weights), 'all is background'


def test_fcos_divides_by_the_centerness_of_its_targets():
    detector = build_detector('FCOSHead')
    inputs = {}
    for k, s in enumerate(STRIDES):
        inputs[f'labels{k}'] = paddle.zeros([2, SIZE // s, SIZE // s, 1], dtype='int32')
        inputs[f'centerness{k}'] = paddle.full([2, SIZE // s, SIZE // s, 1], 0.5)
    adapter, priors = find_head_adapter(detector), priors_of(detector, 2)
    weights, divisor = adapter.assign(Batch(inputs), priors)
    assert weights is None and float(divisor) == 0.0, 'no object'
    inputs['labels0'][0, 2, 3] = 4
    inputs['labels0'][1, :2, :3] = 1
    assert float(adapter.assign(Batch(inputs), priors)[1]) == 3.5


def test_gfl_takes_the_weights_of_its_targets():
    detector = build_detector('GFLHead')
    cells = sum((SIZE // s)**2 for s in STRIDES)
    weights = np.arange(2 * cells, dtype='float32').reshape(2, cells) % 3
    inputs = {'label_weights': paddle.to_tensor(weights), 'pos_num': paddle.to_tensor([3, 1])}
    parts, divisor = find_head_adapter(detector).assign(Batch(inputs), priors_of(detector, 2))
    assert float(divisor) == 4.0
    np.testing.assert_array_equal(parts[0].numpy(), weights[:, :64].flatten())
    np.testing.assert_array_equal(parts[1].numpy(), weights[:, 64:80].flatten())


@pytest.mark.parametrize('option', [{'dgqp_module': 'DGQP'},
                                    {'loss_class': {'name': 'QualityFocalLoss',
                                                    'use_sigmoid': False}}])
def test_refuses_a_gfl_head_whose_scores_it_does_not_know(option):
    cfg = load_config(os.path.join(CONFIGS, HEADS['GFLHead']))
    cfg['GFLHead'].update(option)
    with pytest.raises(ValueError, match='GFLHead with sigmoid scores and without dgqp_module'):
        find_head_adapter(Detector(create('GFLHead')))
