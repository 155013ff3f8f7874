# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import four_images as four
import pytest

from ppdet_ext.report.matching import match
from ppdet_ext.report.operating_points import (
    Rule,
    cheapest,
    choose,
    choose_by_class,
    image_decisions,
    image_scores,
    image_sweep,
    outcome,
    sweep,
    wilson,
)


@pytest.fixture
def truth(tmp_path):
    return four.truth_of(tmp_path)


@pytest.fixture
def counts(truth):
    return sweep(match(truth, four.detections_of(truth)))


@pytest.mark.parametrize('budget, threshold, recall', [
    (0, 0.7001, 2 / 5),  # 0.9 and 0.8 are right, 0.7 is the first false alarm
    (0.25, 0.5001, 3 / 5),  # one in four images: 0.7, and 0.6 is right
    (0.5, 0.4001, 3 / 5),
    (1, 0.2001, 3 / 5),
    (1.25, 0, 4 / 5),
])
def test_threshold_of_a_false_alarm_budget(counts, budget, threshold, recall):
    assert choose(counts, Rule(false_alarms=budget)) == threshold
    found = outcome(counts, threshold)
    assert found['recall'] == recall and found['false_alarms'] <= budget


@pytest.mark.parametrize('miss, threshold', [(0.6, 0.8), (0.5, 0.6), (0.4, 0.6), (0.2, 0.1),
                                             (0.1, None), (0, None)])
def test_threshold_of_a_share_missed(counts, miss, threshold):
    assert choose(counts, Rule(miss=miss)) == threshold


def test_thresholds_by_class(counts):
    # 0.5 an image are two false alarms, one for each class.
    assert choose_by_class(counts, Rule(false_alarms=0.5), 0.4) == [0.5001, 0]
    assert choose_by_class(counts, Rule(miss=0.5), 0.4) == [0.8, 0.6]
    # One of three scratches is never found.
    assert choose_by_class(counts, Rule(miss=0.2), 0.4) == [None, 0.1]
    found = outcome(counts, [0.5001, 0])
    assert (found['found'], found['objects'], found['false_alarms']) == (4, 5, 2 / 4)
    assert found['recall_by_class'] == [2 / 3, 1]
    assert found['false_alarms_by_class'] == [0.25, 0.25]
    assert found['precision'] == 4 / 6


def test_a_class_without_boxes_keeps_its_part_of_the_false_alarms(tmp_path):
    truth = four.truth_of(tmp_path, boxes=four.BOXES[:1])
    counts = sweep(match(truth, four.detections_of(truth)))
    # One for each class: of scratches 0.9 is right and 0.8 wrong, patches are wrong from 0.6.
    rule = Rule(false_alarms=0.5)
    assert choose_by_class(counts, rule, 0.1) == [0.7001, 0.3001]
    assert choose_by_class(counts, rule, 0.65) == [0.7001, 0.65]
    assert choose_by_class(counts, Rule(miss=0), 0.1) == [0.9, 0.1]
    found = outcome(counts, [0.7001, 0.3001])
    assert found['false_alarms'] == 0.5 and found['recall_by_class'] == [1, None]


def test_a_class_whose_false_alarms_all_have_the_highest_score(tmp_path):
    truth = four.truth_of(tmp_path, boxes=four.BOXES[:1])
    counts = sweep(match(truth, four.detections_of(truth, [four.detection(1, 2, 0, 1.0)])))
    assert choose_by_class(counts, Rule(false_alarms=0), 0.5) == [0, None]


def test_nothing_detected(truth):
    counts = sweep(match(truth, four.detections_of(truth, [])))
    assert choose(counts, Rule(false_alarms=0.5)) == 0
    assert choose(counts, Rule(miss=0.5)) is None
    assert outcome(counts, 0) == {
        'found': 0, 'objects': 5, 'recall': 0, 'false_alarms': 0, 'precision': None,
        'recall_by_class': [0, 0], 'false_alarms_by_class': [0, 0]}


def test_image_decisions(truth):
    scores = image_scores(truth, four.detections_of(truth))
    # Highest scores: 0.9, 0.8, 0.6, and 0.3 of the sound image.
    assert image_decisions(scores, 0.6) == {'defective': 3, 'sound': 1, 'escapes': 0,
                                            'overkills': 0}
    assert image_decisions(scores, 0.7)['escapes'] == 1
    assert image_decisions(scores, 0.3)['overkills'] == 1
    # Of scratches alone: 0.9, 0.8, 0.2, none.
    assert image_decisions(scores, [0.2, 1])['escapes'] == 0
    assert image_decisions(scores, [0.3, 1])['escapes'] == 1
    escapes, overkills = image_sweep(scores)
    assert [escapes[k] for k in (0, 6000, 6001, 9000, 9001)] == [0, 0, 1, 2, 3]
    assert [overkills[k] for k in (0, 3000, 3001)] == [1, 1, 0]
    assert cheapest(scores, 10, 1) == 0.3001  # no escape, no overkill


def test_an_image_without_detections_passes_at_any_threshold(truth):
    scores = image_scores(truth, four.detections_of(truth, []))
    assert image_decisions(scores, 0) == {'defective': 3, 'sound': 1, 'escapes': 3, 'overkills': 0}
    assert [kind[0] for kind in image_sweep(scores)] == [3, 0]
    # An escape costs less than an overkill: 0.9 and 0.8 rejected or not, the sound one passes.
    scores = image_scores(truth, four.detections_of(truth, [four.detection(3, 1, 0, 0.5),
                                                            four.detection(0, 1, 0, 0.4)]))
    assert cheapest(scores, 1, 2) == 0.5001 and cheapest(scores, 2, 1) == 0


def test_wilson():
    # (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n) of p = 1/10, n = 10.
    assert wilson(1, 10) == pytest.approx([0.0178762, 0.4041500], abs=1e-6)
    assert wilson(0, 10)[0] == 0 and wilson(0, 0) is None
