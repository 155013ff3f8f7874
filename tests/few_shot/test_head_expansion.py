# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from ppdet_ext.few_shot.head_expansion import Detector, differing_features, expand_head

NAMES = ['a', 'b', 'c', 'd', 'e']
SCORE, DELTA = 'bbox_head.bbox_score.', 'bbox_head.bbox_delta.'


def detector(classes, first=0, cosine=False, agnostic=False, seed=0, **tensors):
    """A detector of some of NAMES with random tensors; None leaves one out."""
    rng = np.random.default_rng(seed)
    regressors = 1 if agnostic else classes
    shapes = {'neck.weight': [4, 4], f'{SCORE}weight': [4, classes + 1],
              f'{SCORE}bias': [classes + 1], f'{DELTA}weight': [4, 4 * regressors],
              f'{DELTA}bias': [4 * regressors]}
    values = {name: rng.normal(size=shape).astype('float32') for name, shape in shapes.items()}
    if cosine:
        del values[f'{SCORE}bias']
    values.update(tensors)
    return Detector(f'{classes} classes', NAMES[first:first + classes], classes,
                    {name: value for name, value in values.items() if value is not None})


def test_base_and_background_are_bit_exact_and_the_novel_classes_random():
    base, target = detector(2, seed=1), detector(5, seed=2)
    tensors, changes = expand_head(target, base)
    assert set(tensors) == set(target.tensors)
    for part in ('weight', 'bias'):
        score, delta = tensors[f'{SCORE}{part}'], tensors[f'{DELTA}{part}']
        np.testing.assert_array_equal(score[..., :2], base.tensors[f'{SCORE}{part}'][..., :2])
        np.testing.assert_array_equal(score[..., 5], base.tensors[f'{SCORE}{part}'][..., 2])
        np.testing.assert_array_equal(score[..., 2:5], target.tensors[f'{SCORE}{part}'][..., 2:5])
        np.testing.assert_array_equal(delta[..., :8], base.tensors[f'{DELTA}{part}'])
        np.testing.assert_array_equal(delta[..., 8:], target.tensors[f'{DELTA}{part}'][..., 8:])
    np.testing.assert_array_equal(tensors['neck.weight'], base.tensors['neck.weight'])
    assert {change.tensor: change[1:] for change in changes}[f'{SCORE}weight'] == (
        '4 x 3', '4 x 6', 'columns 0 to 1 kept, 2 to 4 new, background 5 kept')
    assert {change.tensor: change[1:] for change in changes}[f'{DELTA}bias'] == (
        '8', '20', 'columns 0 to 7 kept, 8 to 19 new')


def test_a_linear_head_becomes_a_cosine_head_without_bias():
    base = detector(2, seed=1)
    target = detector(5, cosine=True, **{f'{SCORE}scale': np.array([20.0], 'float32')})
    tensors, changes = expand_head(target, base)
    assert set(tensors) == set(target.tensors) and tensors[f'{SCORE}scale'][0] == 20.0
    np.testing.assert_array_equal(tensors[f'{SCORE}weight'][:, [0, 1, 5]],
                                  base.tensors[f'{SCORE}weight'])
    what = {change.tensor: change.what for change in changes}
    assert what[f'{SCORE}bias'] == 'dropped: a cosine has no bias'
    assert what[f'{SCORE}scale'] == 'new'


def test_a_class_agnostic_regressor_is_taken_over_whole():
    base, target = detector(2, agnostic=True, seed=1), detector(5, agnostic=True)
    tensors, changes = expand_head(target, base)
    np.testing.assert_array_equal(tensors[f'{DELTA}weight'], base.tensors[f'{DELTA}weight'])
    assert {change.tensor for change in changes} == {f'{SCORE}weight', f'{SCORE}bias'}


def test_removal_leaves_the_last_layers_out():
    base = detector(2, seed=1)
    tensors, changes = expand_head(detector(2, first=2, cosine=True), base, 'remove')
    assert set(tensors) == {'neck.weight'} and len(changes) == 4
    np.testing.assert_array_equal(tensors['neck.weight'], base.tensors['neck.weight'])


def test_combination_takes_the_novel_columns_of_the_second_detector():
    base, novel = detector(2, seed=1), detector(3, first=2, seed=3)
    target = detector(5, cosine=True)
    tensors, _ = expand_head(target, base, 'combine', novel)
    score = tensors[f'{SCORE}weight']
    np.testing.assert_array_equal(score[:, [0, 1, 5]], base.tensors[f'{SCORE}weight'])
    np.testing.assert_array_equal(score[:, 2:5], novel.tensors[f'{SCORE}weight'][:, :3])
    np.testing.assert_array_equal(tensors[f'{DELTA}weight'], np.concatenate(
        [part.tensors[f'{DELTA}weight'] for part in (base, novel)], axis=1))
    np.testing.assert_array_equal(tensors['neck.weight'], base.tensors['neck.weight'])
    assert differing_features(tensors, novel) == ['neck.weight']
    same = detector(3, first=2, seed=3, **{'neck.weight': base.tensors['neck.weight']})
    assert differing_features(tensors, same) == []


def test_the_given_tensors_are_left_alone():
    base, target = detector(2, seed=1), detector(5)
    before = {name: tensor.copy() for name, tensor in target.tensors.items()}
    expand_head(target, base)
    assert all(np.array_equal(target.tensors[name], before[name]) for name in before)


@pytest.mark.parametrize('target, base, message', [
    (detector(2), detector(2), 'has 2 classes, 2 classes 2: there is no novel class; '
     'give the YAML of all classes with -c'),
    (detector(5), detector(2, first=1), 'detects b, c, but the class_names of 5 classes begin with '
     'a, b; base'),
    (detector(5), detector(2)._replace(num_classes=3, class_names=None),
     'classifies 2 classes, its config says 3; give the config it was trained with'),
    (detector(5), detector(2, **{'neck.weight': None}),
     '1 of its tensors are missing, first neck.weight; give weights and YAMLs'),
    (detector(5), detector(2, **{f'{SCORE}weight': None}), 'a Faster .*; give the weights of'),
    (detector(5), detector(2, **{'head.weight': np.zeros(3)}), 'it has 1 tensors that this'),
    (detector(5), detector(2, **{'neck.weight': np.zeros([3, 4])}),
     'neck.weight is 3 x 4, expected 4 x 4'),
    (detector(5), detector(2, **{f'{SCORE}weight': np.zeros([8, 3])}),
     'bbox_score.weight is 8 x 3, expected 4 x 3'),
    (detector(5), detector(2, agnostic=True), 'bbox_delta.weight is 4 x 4, expected 4 x 8'),
    (detector(5, agnostic=True), detector(2), 'bbox_delta.weight is 4 x 8, expected 4 x 4'),
    (detector(5), detector(2, cosine=True), 'tensors are missing, first bbox_head.bbox_score.bias'),
    (detector(5, cosine=True), detector(2, **{f'{SCORE}scale': np.ones(1)}),
     'that this detector does not have, first bbox_head.bbox_score.scale'),
])
def test_what_does_not_fit_is_an_error(target, base, message):
    with pytest.raises(ValueError, match=message):
        expand_head(target, base)


@pytest.mark.parametrize('novel, message', [
    (detector(2, first=2), '5 classes has 3 more than 2 classes; give a detector of the novel'),
    (detector(3, first=1), 'detects b, c, d, but the class_names of 5 classes end with c, d, e'),
    (detector(3, first=2, cosine=True), 'it has no bbox_head.bbox_score.bias; give weights'),
    (detector(3, first=2, **{'neck.weight': None}), 'it has no neck.weight; give weights'),
    (detector(3, first=2, **{'neck.weight': np.zeros([4, 5])}), 'is 4 x 5, expected .*; give'),
    (None, 'for combine, which needs one'),
])
def test_a_novel_detector_that_does_not_fit_is_an_error(novel, message):
    with pytest.raises(ValueError, match=message):
        expand_head(detector(5), detector(2), 'combine', novel)
