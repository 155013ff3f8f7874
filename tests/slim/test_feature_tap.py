# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle
import pytest
from paddle import nn

from ppdet_ext.slim.feature_tap import FeatureTap


class ToyDetector(nn.Layer):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Conv2D(3, 4, 3)
        self.neck = nn.Conv2D(4, 4, 1)
        self.head = nn.Conv2D(4, 2, 1)
        self.unused = nn.Conv2D(1, 1, 1)

    def forward(self, inputs):
        features = [self.neck(self.backbone(inputs['image'])) for _ in range(2)]
        inputs['image'] = None
        return [self.head(feature) for feature in features]


@pytest.fixture
def model():
    return ToyDetector()


def inputs():
    return {'image': paddle.rand([1, 3, 8, 8])}


def test_records_every_call_while_inside_only(model):
    tap = FeatureTap(model, ['head'])
    with tap:
        outputs = model(inputs())
    assert [id(t) for t in tap['head']] == [id(t) for t in outputs]
    model(inputs())
    assert [id(t) for t in tap['head']] == [id(t) for t in outputs]


def test_starts_empty_at_every_pass(model):
    tap = FeatureTap(model, ['head'])
    for _ in range(2):
        with tap:
            model(inputs())
        assert len(tap['head']) == 2


def test_leaves_no_hook_behind_even_after_an_error(model):
    with pytest.raises(KeyError), FeatureTap(model, ['backbone', 'head']):
        model({})
    assert not model.backbone._forward_post_hooks and not model.head._forward_post_hooks


def test_run_stops_after_the_last_tapped_layer_and_keeps_no_gradient(model):
    seen = []
    model.head.register_forward_post_hook(lambda *a: seen.append('head'))
    tap = FeatureTap(model, ['neck'])
    given = inputs()
    tap.run(given)
    assert seen == []
    assert tap['neck'][0].stop_gradient
    assert given['image'] is not None, 'the batch must survive a forward that writes into it'
    assert paddle.is_grad_enabled()


class ToyHead(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(4, 2, 1)

    def forward(self, features):
        return {'scores': [self.conv(feature) for feature in features], 'count': 2}


def test_run_records_every_call_inside_the_last_child(model):
    model.head = ToyHead()
    model.forward = lambda inputs: model.head([model.backbone(inputs['image'])] * 3)
    tap = FeatureTap(model, ['backbone', 'head.conv'])
    tap.run(inputs())
    assert (len(tap['backbone']), len(tap['head.conv'])) == (1, 3)


def test_a_dictionary_gives_its_tensors_and_anything_else_an_error(model):
    model.head = ToyHead()
    model.forward = lambda inputs: model.head([model.backbone(inputs['image'])])
    tap = FeatureTap(model, ['head'])
    tap.run(inputs())
    with pytest.raises(ValueError, match='sublayer "head" returns int'):
        tap['head']
    model.head.forward = lambda features: {'scores': features}
    tap.run(inputs())
    assert [list(feature.shape) for feature in tap['head']] == [[1, 4, 6, 6]]


def test_run_says_which_layer_the_forward_never_reaches(model):
    with pytest.raises(ValueError, match='ToyDetector.forward never runs .*unused'):
        FeatureTap(model, ['neck', 'unused']).run(inputs())


def test_a_misspelt_name_lists_near_ones(model):
    with pytest.raises(ValueError, match='no sublayer "necks"; near names: neck'):
        FeatureTap(model, ['necks'])


def test_a_name_like_no_other_lists_the_children(model):
    with pytest.raises(ValueError, match='backbone, neck, head, unused'):
        FeatureTap(model, ['zzzzzzzz'])


def test_follow_stops_after_the_last_call_and_keeps_the_gradient(model):
    tap = FeatureTap(model, ['neck', 'head'])
    with tap:
        model(inputs())
    assert tap.calls() == {'neck': 2, 'head': 2}
    heads = []
    model.head.register_forward_post_hook(lambda *_: heads.append(1))
    tap.follow(inputs(), {'neck': 2})
    assert len(tap['neck']) == 2 and heads == []
    sum(feature.sum() for feature in tap['neck']).backward()
    assert float(model.backbone.weight.grad.abs().sum()) > 0
    assert not model.neck._forward_post_hooks


def test_follow_says_which_label_the_forward_needs(model):
    tap = FeatureTap(model, ['head'])
    with pytest.raises(ValueError, match="ToyDetector.forward needs 'image' of the labels before "
                                         'it reaches head'):
        tap.follow({}, {'head': 2})
