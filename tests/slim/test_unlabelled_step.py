# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Unlabelled images in a distillation step: who sees them, and what they leave alone."""
import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create, load_config
from tiny import batch, student_yaml

from ppdet_ext.slim import distill_model
from ppdet_ext.slim.distill_model import DistillModel
from ppdet_ext.slim.terms import Term
from ppdet_ext.slim.unlabelled_step import detected_boxes

LEVELS = ['mgd_p3', 'mgd_p4', 'mgd_p5', 'mgd_p6']
# Nothing is drawn, so that values can be compared.
WHOLE = [{'loss': 'MGDFeatureLoss', 'alpha_mgd': 0.01, 'lambda_mgd': 0.0}]


def images_of(inputs):
    """The unlabelled batch that a reader would make of the same images."""
    return {key: inputs[key] for key in ('image', 'im_shape', 'scale_factor')}


def statistics(model):
    return {name: value.numpy().copy() for name, value in model.student_model.state_dict().items()
            if name.endswith(('_mean', '_variance'))}


def gradients(model):
    found = {name: parameter.grad.numpy().copy() for name, parameter in model.named_parameters()
             if parameter.grad is not None}
    model.clear_gradients()
    return found


@pytest.fixture
def model(build):
    model = build(distill_losses=WHOLE)
    model.see_unlabelled()
    model.train()
    return model


def step(model, *options, backward=False, **extra):
    """Losses of a step from the same start, as numbers."""
    start = {name: value.clone() for name, value in model.state_dict().items()}
    paddle.seed(7)
    losses = model({**batch(), **extra})
    after = statistics(model)
    if backward:
        losses['loss'].backward()
    model.set_state_dict(start)
    return {name: float(value) for name, value in losses.items()}, after


def test_a_term_is_the_mean_over_all_images_it_sees(model):
    plain, _ = step(model)
    same, _ = step(model, unlabelled=images_of(batch()))
    for name in LEVELS:
        # The same images twice: each part has half of the value, and the sum is the plain one.
        np.testing.assert_allclose(same[f'distill_{name}'], plain[f'distill_{name}'] / 2, rtol=1e-5)
        np.testing.assert_allclose(same[f'distill_unlabelled_{name}'],
                                   plain[f'distill_{name}'] / 2, rtol=1e-5)
    np.testing.assert_allclose(same['loss'], plain['loss'], rtol=1e-5)


def test_images_of_another_number_and_size_count_by_their_share(model):
    others = batch(images=6, size=128, seed=9)
    alone = {name: value for name, value in model({**others}).items()}
    model_losses, _ = step(model, unlabelled=images_of(others))
    plain, _ = step(model)
    for name in LEVELS:
        np.testing.assert_allclose(model_losses[f'distill_{name}'],
                                   0.25 * plain[f'distill_{name}'], rtol=1e-5)
        np.testing.assert_allclose(model_losses[f'distill_unlabelled_{name}'],
                                   0.75 * float(alone[f'distill_{name}']), rtol=1e-4)
    parts = sum(value for name, value in model_losses.items() if name != 'loss')
    np.testing.assert_allclose(model_losses['loss'], parts, rtol=1e-5)


def test_the_students_own_losses_and_statistics_are_those_of_labelled_images(model):
    before = statistics(model)
    plain, after = step(model)
    seen, after_seen = step(model, unlabelled=images_of(batch(seed=9)))
    assert {name: seen[name] for name in ('loss_cls', 'loss_reg')} == {
        name: plain[name] for name in ('loss_cls', 'loss_reg')}
    assert any(not np.array_equal(before[name], after[name]) for name in before)
    assert all(np.array_equal(after[name], after_seen[name]) for name in after)


def test_the_gradient_reaches_what_the_terms_tap_and_no_more(model):
    step(model, backward=True)
    plain = gradients(model)
    step(model, backward=True, unlabelled=images_of(batch(seed=9)))
    seen = gradients(model)
    assert plain.keys() == seen.keys()
    same = {name for name in plain if np.array_equal(plain[name], seen[name])}
    assert {name for name in plain if '.head.' in name} <= same
    assert all(f'distill_losses.{name}.align.weight' not in same for name in LEVELS)
    assert any('.backbone.' in name and name not in same for name in plain)
    assert all(p.grad is None for p in model.teacher_model.parameters())


def test_without_unlabelled_images_the_names_are_the_usual_ones(model):
    assert not any('unlabelled' in name for name in step(model)[0])


def test_the_first_step_reports_them(model, log):
    step(model, unlabelled=images_of(batch(seed=9)))
    reported = [text for _, text in log if 'first step: distill_unlabelled_mgd_p' in text]
    assert len(reported) == 4 and 'raw ' in reported[0]


def test_heads_that_are_tapped_end_before_they_would_need_labels(build):
    model = build(distill_losses=[*WHOLE, {
        'loss': 'FeatureKnowledgeAlignLoss', 'name': 'logits', 'feature': 'head.retina_cls'}])
    model.see_unlabelled()
    model.train()
    losses, _ = step(model, unlabelled=images_of(batch()))
    names = [name for name in losses if name.startswith('distill_logits')]
    assert len(names) == 4
    for name in names:
        np.testing.assert_allclose(
            losses[name.replace('distill_', 'distill_unlabelled_')], losses[name], rtol=1e-5)


@pytest.mark.parametrize('slim, threshold, message', [
    ({'distill_losses': [{'loss': 'TSKDFeatureLoss'}]}, None,
     'distill_losses: TSKDFeatureLoss "tskd" needs boxes.*set "unlabelled: false" there.*or '
     'UnlabelledDataset.pseudo_boxes: true'),
    ({'slim_method': 'TSKD', 'distill_losses': [{'loss': 'MGDFeatureLoss', 'name': 'mgd'}]}, None,
     'cross_response needs labels, which .* do not have; set "unlabelled: false" there'),
    ({'slim_method': 'TSKD'}, 0.5,
     'cross_response needs labels, .* do not have, and for which the teacher\'s detections are not '
     'enough; set "unlabelled: false" there'),
    ({'distill_losses': [{'unlabelled': False}]}, None, 'every term has "unlabelled: false"'),
])
def test_a_term_that_needs_labels_is_told_so(build, slim, threshold, message):
    with pytest.raises(ValueError, match=message):
        build(**slim).see_unlabelled(threshold)


def test_a_term_of_ones_own_needs_labels_unless_it_says_otherwise(tmp_path):
    class Mean(Term):
        def connect(self, student_taps, teacher_taps):
            student_taps.add(['neck'])
            teacher_taps.add(['neck'])
            self.weights['mean'], self.logged['mean'] = 1.0, 'mean'

        def compute(self, student_taps, teacher_taps, batch):
            return {'mean': student_taps['neck'][0].mean()}

    cfg = load_config(student_yaml(tmp_path))
    term = Mean('my_section')
    model = DistillModel(create(cfg.architecture), create(cfg.architecture), [term])
    with pytest.raises(ValueError, match='my_section needs labels.*detections are not enough; set'):
        model.see_unlabelled(0.5)
    term.needs_boxes = False
    model.see_unlabelled()
    model.train()
    assert 'distill_unlabelled_mean' in model({**batch(), 'unlabelled': images_of(batch())})


def test_an_entry_may_keep_to_the_labelled_images(build):
    model = build(slim_method='TSKD', cross_response={'unlabelled': False}, distill_losses=[
        *WHOLE, {'loss': 'TSKDFeatureLoss', 'name': 'relation', 'unlabelled': False}])
    model.see_unlabelled()
    model.train()
    plain, _ = step(model)
    heads = []
    model.student_model.head.register_forward_pre_hook(lambda *_: heads.append(1))
    seen, _ = step(model, unlabelled=images_of(batch(seed=9)))
    assert len(heads) == 1, 'only of the labelled images'
    names = {name for name in seen if 'unlabelled' in name}
    assert names and all('relation' not in name and 'cls' not in name for name in names)
    for name in plain:
        if 'relation' in name or name == 'distill_tskd_cls':
            assert seen[name] == plain[name], name


def test_unlabelled_is_true_or_false(build):
    with pytest.raises(ValueError, match="mgd: unlabelled must be true or false, got 'no'"):
        build(distill_losses=[{'unlabelled': 'no'}])


def test_pseudo_boxes_take_the_place_of_boxes(build, monkeypatch):
    inputs = batch()
    asked = []

    def found(detections, threshold):
        asked.append((set(detections), threshold))
        return inputs['gt_bbox']

    monkeypatch.setattr(distill_model, 'detected_boxes', found)
    model = build(slim_method='TSKD', cross_response={'unlabelled': False})
    model.see_unlabelled(0.25)
    model.train()
    losses, _ = step(model, unlabelled=images_of(inputs))
    assert asked == [({'bbox', 'bbox_num'}, 0.25)]
    for term in ('fg', 'bg', 'ins_rea', 'pixel_rea', 'se'):
        np.testing.assert_allclose(losses[f'distill_unlabelled_tskd_{term}'],
                                   losses[f'distill_tskd_{term}'], rtol=1e-4, err_msg=term)
    assert losses['distill_tskd_fg'] > 0 and 'distill_unlabelled_tskd_cls' not in losses


def test_the_teacher_detects_in_pixels_of_the_batch(build):
    model = build(distill_losses=WHOLE)
    model.see_unlabelled(0.5)
    model.train()
    seen = []
    model.teacher_model.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    others = {**images_of(batch(images=3, size=128)), 'scale_factor': paddle.full([3, 2], 0.5)}
    model({**batch(), 'unlabelled': others})
    given = seen[-1]
    assert given['im_shape'].numpy().tolist() == [[128, 128]] * 3
    assert given['scale_factor'].numpy().tolist() == [[1, 1]] * 3


def test_confident_detections_are_dealt_out_to_their_images():
    rows = [[0, 0.9, 1, 2, 3, 4], [1, 0.4, 5, 6, 7, 8], [2, 0.5, 9, 10, 11, 12],
            [-1, -1, -1, -1, -1, -1]]
    boxes = detected_boxes({'bbox': paddle.to_tensor(rows),
                            'bbox_num': paddle.to_tensor([2, 0, 2], dtype='int32')}, 0.5)
    assert [box.numpy().tolist() for box in boxes] == [[[1, 2, 3, 4]], [], [[9, 10, 11, 12]]]
    assert [box.shape for box in boxes] == [[1, 4], [0, 4], [1, 4]]
