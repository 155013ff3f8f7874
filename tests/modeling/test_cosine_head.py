# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from tiny import batch
from tiny_faster_rcnn import build_detector, faster_rcnn_yaml
from vectors import each_case, relative_error

from ppdet_ext.modeling import CosineClassifier, CosineSimBBoxHead


@pytest.fixture
def build(tmp_path):
    """Builds a tiny Faster R-CNN with a cosine head; keyword arguments are the head's options."""

    def build_with(**options):
        paddle.seed(0)
        return build_detector(faster_rcnn_yaml(tmp_path, 'cosine', cosine=options))

    return build_with


@each_case('cosine_logits')
def test_parity_of_the_classifier(vector):
    weight = vector['param_fc_cls.weight']
    layer = CosineClassifier(weight.shape[1], weight.shape[0], vector.options['scale'],
                             vector.options['eps'], vector.options['learnable_scale'])
    layer.weight.set_value(weight.T.astype('float32'))
    logits = layer(vector.tensor('in_x'))
    (logits * vector.tensor('in_cotangent')).sum().backward()
    assert relative_error(logits, vector['out_scores']) < 1e-5
    expected = vector['aux_grad_weight_if_norm_were_differentiated']
    assert relative_error(layer.weight.grad.t(), expected) < 1e-5
    assert set(layer.state_dict()) == {'weight'} | (
        {'scale'} if vector.options['learnable_scale'] else set())
    if vector.options['learnable_scale']:
        assert relative_error(layer.scale.grad, vector['grad__param_scale']) < 1e-5


def test_a_forward_leaves_the_weight_alone():
    layer = CosineClassifier(4, 3)
    before = layer.weight.numpy().copy()
    layer(paddle.randn([5, 4]))
    np.testing.assert_array_equal(layer.weight.numpy(), before)


@pytest.mark.parametrize('options, columns', [
    ({}, 24), ({'cls_agnostic_bbox_reg': True, 'learnable_scale': True}, 4)])
def test_trains_and_evaluates(build, options, columns):
    model = build(**options)
    head = model.bbox_head
    assert type(head) is CosineSimBBoxHead
    assert head.bbox_delta.weight.shape == [24, columns]
    assert set(head.bbox_score.state_dict()) == {'weight'} | (
        {'scale'} if options else set())
    optimizer = paddle.optimizer.SGD(0.01, model.parameters())
    before = {name: p.numpy().copy() for name, p in head.named_parameters()}
    model.train()
    losses = model(batch())
    losses['loss'].backward()
    optimizer.step()
    assert {'loss_rpn_cls', 'loss_rpn_reg', 'loss_bbox_cls', 'loss_bbox_reg'} < set(losses)
    assert all(np.isfinite(float(value)) for value in losses.values())
    assert not [name for name, p in head.named_parameters()
                if np.array_equal(before[name], p.numpy())]
    model.eval()
    output = model(batch())
    assert output['bbox'].shape[1] == 6 and int(output['bbox_num'].sum()) == len(output['bbox'])
    assert set(np.unique(output['bbox'][:, 0].numpy())) <= {-1.0, *range(6)}


def test_logits_are_bounded_by_the_scale(build):
    model = build(scale=7.0)
    logits = []
    model.bbox_head.bbox_score.register_forward_post_hook(lambda *a: logits.append(a[2]))
    model.train()
    model(batch())
    assert 0.0 < float(logits[0].abs().max()) <= 7.0 and logits[0].shape[1] == 7
