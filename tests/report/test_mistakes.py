# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import four_images as four
import numpy as np
import pytest

from ppdet_ext.report.matching import match
from ppdet_ext.report.mistakes import KINDS, confusion_matrix, image_results, mistakes

TIDE_NAMES = {'place': 'Loc', 'class': 'Cls', 'double': 'Dupe', 'background': 'Bkg', 'both': 'Both',
              'missed': 'Miss'}


def analysed(truth, records, thresholds):
    matches = match(truth, four.detections_of(truth, records))
    return truth, matches, image_results(truth, matches, thresholds)


def test_kinds_by_hand(tmp_path):
    truth = four.truth_of(tmp_path)
    # At 0.15 the patch of image 0 is taken for a scratch, and the second scratch of image 1 is
    # nearest to a misplaced one: neither is missed without a trace.
    found = mistakes(*analysed(truth, four.DETECTIONS, 0.15))
    assert found == {'place': 1, 'class': 1, 'double': 1, 'background': 1, 'both': 1, 'missed': 0}
    found = mistakes(*analysed(truth, four.DETECTIONS, 0.65))
    assert found == {**dict.fromkeys(KINDS, 0), 'double': 1, 'missed': 3}
    assert mistakes(*analysed(truth, [], 0)) == {**dict.fromkeys(KINDS, 0), 'missed': 5}


def test_confusion_by_hand(tmp_path):
    truth = four.truth_of(tmp_path)
    # Scratches: 2 right, 1 not found. Patches: 1 right, 1 taken for a scratch. On background:
    # double, place and both as scratches, one patch.
    assert confusion_matrix(*analysed(truth, four.DETECTIONS, 0.15)).tolist() == [
        [2, 0, 1], [1, 1, 0], [3, 1, 0]]
    # The right patch wins over the scratch on it.
    assert confusion_matrix(*analysed(truth, four.DETECTIONS, 0)).tolist() == [
        [2, 0, 1], [0, 2, 0], [4, 1, 0]]
    assert confusion_matrix(*analysed(truth, [], 0)).tolist() == [[0, 0, 3], [0, 0, 2], [0, 0, 0]]


def test_images_at_thresholds_by_class(tmp_path):
    *_, images = analysed(four.truth_of(tmp_path), four.DETECTIONS, [0.7, 0.3])
    assert [[part.tolist() for part in image] for image in images] == [
        [[0], [], [0], [1]], [[1], [2], [2], [3]], [[3], [], [4], []], [[], [6], [], []]]


@pytest.mark.parametrize('seed', range(4))
def test_confusion_is_that_of_supervision(seed, tmp_path):
    supervision = pytest.importorskip('supervision', reason='needs Python 3.10')
    truth, records = four.random_set(tmp_path, seed)
    threshold = 0.4
    ours = confusion_matrix(*analysed(truth, records, threshold))
    found = four.detections_of(truth, records)

    def rows(boxes, *columns):
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        return np.column_stack([corners, *columns])

    images = range(len(truth.file_names))
    theirs = supervision.ConfusionMatrix.from_tensors(
        [rows(found.boxes, found.classes, found.scores)[found.images == k] for k in images],
        [rows(truth.boxes, truth.classes)[truth.images == k] for k in images],
        truth.names, conf_threshold=threshold, iou_threshold=0.5).matrix
    assert ours.sum() > 50 and (ours == theirs).all()


@pytest.mark.parametrize('seed', range(4))
def test_kinds_are_those_of_tide(seed, tmp_path):
    tidecv = pytest.importorskip('tidecv')
    truth, records = four.random_set(tmp_path, seed)
    threshold = 0.3
    ours = mistakes(*analysed(truth, records, threshold))
    found = four.detections_of(truth, records)
    boxes, detections = tidecv.Data('boxes'), tidecv.Data('detections')
    for k, name in enumerate(truth.names):
        boxes.add_class(k, name)
        detections.add_class(k, name)
    for k, name in enumerate(truth.file_names):
        boxes.add_image(k, name)
        detections.add_image(k, name)
    for image, kind, box in zip(truth.images, truth.classes, truth.boxes):
        boxes.add_ground_truth(int(image), int(kind), list(box))
    for image, kind, box, score in zip(*found):
        if score >= threshold:
            detections.add_detection(int(image), int(kind), float(score), list(box))
    run = tidecv.TIDE().evaluate(boxes, detections, mode=tidecv.TIDE.BOX)
    theirs = {error.short_name: len(found) for error, found in run.error_dict.items()}
    assert {TIDE_NAMES[kind]: count for kind, count in ours.items()} == theirs
    assert min(ours.values()) > 0
