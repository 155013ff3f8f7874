# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The values of report.json that are made of others, by hand on four images, and by scipy."""
import itertools
import os

import four_images as four
import numpy as np
import pytest
from scipy import stats

from ppdet_ext.report.content import Settings, analyse, report_content
from ppdet_ext.report.operating_points import Rule
from ppdet_ext.report.runs import evaluate_all, find_runs
from ppdet_ext.report.words import WORDS

HALF = Rule(false_alarms=0.5)
FOUND_ALL = [*four.DETECTIONS, four.detection(1, 1, 100, 0.95)]  # the second scratch as well


def content_of(folder, truth=None, rule=HALF, **roles):
    """dict: the content of a report; roles to the detections of each seed, None without a run."""
    runs = []
    for role, seeds in roles.items():
        train = ('--slim_config', 'distill.yml') if role == 'distilled' else ()
        runs += find_runs(role, [four.write_run(folder / role / f'seed{seed}', records, seed,
                                                truth=truth, train=train)
                                 for seed, records in enumerate(seeds) if records is not None])
    evaluations = evaluate_all(runs, {}, None, str(folder / 'out'), 'no tools')
    settings = Settings(rule)
    return report_content(analyse(runs, evaluations, settings, WORDS['en']), evaluations, settings)


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    return content_of(tmp_path_factory.mktemp('plain'), student=[four.DETECTIONS])


def mean_of(summaries):
    return {name: summary['mean'] for name, summary in summaries.items()}


def test_data(plain):
    assert plain['rule'] == {'false_alarms': 0.5} and plain['validated']
    assert plain['costs'] == {'escape': 10, 'overkill': 1} and not plain['synthetic']
    test = plain['data']['test']
    assert (test['images'], test['boxes'], test['without_boxes']) == (4, 5, 1)
    assert test['by_class'] == {'scratch': 3, 'patch': 2} and test['sides'] == 5 * [10]


def test_crowds_are_not_counted_as_boxes(tmp_path):
    truth = four.content()
    for box in truth['annotations'][3:]:  # a scratch, and the patch of image 2
        box['iscrowd'] = 1
    test = content_of(tmp_path, truth, student=[four.DETECTIONS])['data']['test']
    assert (test['boxes'], test['by_class']) == (3, {'scratch': 2, 'patch': 1})
    assert test['sides'] == 3 * [10] and test['without_boxes'] == 1


def test_accuracy(plain):
    # As in test_matching; what is found is found at every IoU, and all boxes are small.
    scratch, patch = 67 / 101, (51 + 50 * 2 / 3) / 101
    model, = plain['models']
    assert mean_of(model['accuracy']) == {
        **{name: pytest.approx((scratch + patch) / 2)
           for name in ('mAP', 'AP50', 'AP75', 'AP_small')}, 'AP_medium': None, 'AP_large': None}
    assert {name: mean_of(each) for name, each in model['classes'].items()} == {
        'scratch': {'AP': pytest.approx(scratch), 'AP50': pytest.approx(scratch)},
        'patch': {'AP': pytest.approx(patch), 'AP50': pytest.approx(patch)}}
    curve = model['precision_recall']
    # Patches have a precision of 2 / 3 from a recall of 0.5, scratches none from 2 / 3.
    assert [curve['precision'][k] for k in (0, 50, 51, 67, 100)] == pytest.approx(
        [1, 1, 5 / 6, 1 / 3, 1 / 3])
    assert curve['recall'][67] == pytest.approx(0.67)


def test_operating_point(plain):
    model, = plain['models']
    # From 0.4001: 0.9, 0.8 and 0.6 are right, 0.7 and 0.5, both scratches, are wrong.
    found = model['at_threshold']
    assert mean_of({k: v for k, v in found.items() if k != 'classes'}) == {
        'recall': 3 / 5, 'false_alarms': 0.5, 'precision': 3 / 5}
    assert found['classes'] == {'scratch': {'recall': 2 / 3, 'false_alarms': 0.5},
                                'patch': {'recall': 1 / 2, 'false_alarms': 0}}
    # Scratches from 0.5001: 0.7 is wrong. All patches: that in the sound image is wrong.
    found = model['at_class_thresholds']
    assert mean_of({k: v for k, v in found.items() if k != 'classes'}) == {
        'recall': 4 / 5, 'false_alarms': 0.5, 'precision': 4 / 6}
    assert found['classes'] == {'scratch': {'recall': 2 / 3, 'false_alarms': 0.25},
                                'patch': {'recall': 1, 'false_alarms': 0.25}}
    assert model['confusion'] == [[2, 0, 1], [1, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize('rule, records, thresholds', [
    # Two of the false alarms allowed, three at the highest score; no patch is detected.
    (HALF, [four.detection(k, 1, 50, 1.0) for k in range(3)], [1, 1, 0]),
    (Rule(miss=0.2), four.DETECTIONS, [0.1, 0, 0.1]),  # a scratch is never found
])
def test_the_closest_threshold_where_none_meets_the_rule(tmp_path, rule, records, thresholds):
    model, = content_of(tmp_path, rule=rule, student=[records])['models']
    found = model['threshold']
    assert [*found['by_seed'], *found['by_class'].values()] == thresholds
    assert found['not_kept'] == ['scratch'] and found['chosen'] == bool(rule.miss)


def test_budgets(plain):
    # Wrong are 0.7, 0.5, 0.4, 0.3 and 0.2, in four images.
    found = [(entry['budget'], entry['models'][0]['thresholds'],
              entry['models'][0]['recall']['mean'], entry['models'][0]['false_alarms']['mean'])
             for entry in plain['budgets']]
    assert found == [(0.2, [0.7001], 2 / 5, 0), (0.5, [0.4001], 3 / 5, 2 / 4),
                     (1, [0.2001], 3 / 5, 4 / 4), (2, [0], 4 / 5, 5 / 4)]


def test_image_decisions(plain):
    decisions, = plain['image_decisions']
    assert {name: (found['escapes'], found['overkills'], found['cost'])
            for name, found in decisions.items()} == {
        'threshold': (0, 0, 0), 'class_thresholds': (0, 1, 1), 'cheapest': (0, 0, 0)}
    assert decisions['class_thresholds']['overkill'] == 1
    # Wilson's interval of 0 in n ends at z^2 / (n + z^2).
    z = stats.norm.ppf(0.975)**2
    assert decisions['threshold']['escape_interval'] == pytest.approx([0, z / (3 + z)])
    assert decisions['class_thresholds']['overkill_interval'] == pytest.approx([1 / (1 + z), 1])


def test_cost(plain):
    model, = plain['models']
    cost = model['cost']
    assert cost['parameters'] == 10 * 5  # statistics of a normalisation are none
    size = os.path.getsize(model['runs'][0]['weights'])
    assert cost['megabytes'] == size / 1e6 and cost['milliseconds'] is None


def all_samples(hit, boxes):
    """array: recall of each of the 256 equally likely samples of four images."""
    return np.array([sum(hit[k] for k in drawn) / max(sum(boxes[k] for k in drawn), 1e-9)
                     for drawn in itertools.product(range(4), repeat=4) if set(drawn) != {3}])


def test_bootstrap_is_that_of_all_samples(tmp_path):
    content = content_of(tmp_path, student=[four.DETECTIONS], distilled=[FOUND_ALL])
    boxes = [2, 2, 1, 0]
    student, distilled = all_samples([1, 1, 1, 0], boxes), all_samples([1, 2, 1, 0], boxes)
    for found, samples in ((content['models'][0]['bootstrap']['recall'], student),
                           (content['models'][1]['bootstrap']['recall'], distilled),
                           (content['gains'][0]['recall']['bootstrap'], distilled - student)):
        assert found == pytest.approx(np.percentile(samples, [2.5, 97.5]), abs=0.05)


def test_seeds_against_scipy(tmp_path):
    worse = four.DETECTIONS[1:]
    content = content_of(tmp_path, student=[four.DETECTIONS, four.DETECTIONS, worse],
                         distilled=[FOUND_ALL, four.DETECTIONS, FOUND_ALL])
    student, distilled = (model['at_threshold']['recall'] for model in content['models'])
    # Without the best detection the doubled one is still found twice: 2 of 5.
    assert student['by_seed'] == [3 / 5, 3 / 5, 2 / 5] and distilled['by_seed'] == [
        4 / 5, 3 / 5, 4 / 5]
    assert student['mean'] == pytest.approx(8 / 15)
    assert student['deviation'] == pytest.approx(np.std(student['by_seed'], ddof=1))
    gain = content['gains'][0]
    for name in ('mAP', 'AP50', 'recall'):
        one, other = ((model['at_threshold'] if name == 'recall' else model['accuracy'])[name]
                      ['by_seed'] for model in content['models'][::-1])
        test = stats.ttest_1samp(np.subtract(one, other), 0).confidence_interval(0.95)
        assert gain[name]['mean'] == pytest.approx((test.low + test.high) / 2)
        assert gain[name]['half_width'] == pytest.approx((test.high - test.low) / 2)
        assert gain[name]['pairs'] == 3


def test_only_common_seeds_are_compared(tmp_path):
    # Seed 0 has the same detections in both, and the student's seed 1 none.
    content = content_of(tmp_path, student=[four.DETECTIONS, []], distilled=[four.DETECTIONS])
    gain, = content['gains']
    assert set(gain['classes'].values()) == {0}
    for name in ('mAP', 'AP50', 'recall'):
        assert gain[name] == {'mean': 0, 'half_width': None, 'pairs': 1, 'bootstrap': [0, 0]}
    assert content['models'][1]['bootstrap']['mAP'][0] < content['models'][1]['bootstrap']['mAP'][1]


def test_nothing_is_compared_without_a_common_seed(tmp_path):
    gain, = content_of(tmp_path, student=[four.DETECTIONS, None],
                       distilled=[None, FOUND_ALL])['gains']
    assert set(gain['classes'].values()) == {None}
    assert gain['mAP'] == {'mean': None, 'half_width': None, 'pairs': 0, 'bootstrap': None}


def test_base_and_novel_classes(tmp_path):
    truth = four.content(info={'base_classes': ['scratch'], 'novel_classes': ['patch'],
                               'source': 'Synthetic steel'})
    content = content_of(tmp_path, truth, student=[four.DETECTIONS])
    model, = content['models']
    assert content['base_classes'] == ['scratch'] and content['synthetic']
    expected = {'base': 67 / 101, 'novel': (51 + 50 * 2 / 3) / 101}
    expected['all'] = sum(expected.values()) / 2
    assert {group: mean_of(each) for group, each in model['few_shot'].items()} == {
        group: {'AP': pytest.approx(value), 'AP50': pytest.approx(value)}
        for group, value in expected.items()}
