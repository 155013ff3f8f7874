# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import four_images as four
import numpy as np
import pytest

from ppdet_ext.metrics import evaluate_boxes
from ppdet_ext.report.matching import match
from ppdet_ext.report.precision import average_precision, precision_curves
from ppdet_ext.utils.files import read_json


def matches_of(folder, records=four.DETECTIONS, **changes):
    truth = four.truth_of(folder, **changes)
    return match(truth, four.detections_of(truth, records))


def test_each_box_is_found_once_by_its_class(tmp_path):
    matches = matches_of(tmp_path)
    assert matches.found[0].tolist() == [True, True, False, True, False, False, False, False, True]
    assert matches.boxes.tolist() == [0, 2, -1, 4, -1, -1, -1, -1, 1]
    assert not matches.ignored.any()
    assert matches.objects.tolist() == [[1, 2, 0, 0], [1, 0, 1, 0]]
    assert [rank.tolist() for rank in matches.ranks] == [[0, 1, 2, 4, 5, 7], [3, 6, 8]]


def test_precision_by_hand(tmp_path):
    # Scratches: right, right, then only wrong ones: precision 1 up to recall 2/3, 67 of 101
    # recalls. Patches: right, wrong, right: 1 up to recall 1/2, then 2/3.
    matches = matches_of(tmp_path)
    precision = average_precision(matches)[0, :, 0]
    assert precision == pytest.approx([67 / 101, (51 + 50 * 2 / 3) / 101])
    assert precision_curves(matches)[1, [0, 50, 51, 100]] == pytest.approx([1, 1, 2 / 3, 2 / 3])


def test_a_detection_on_a_crowd_does_not_count(tmp_path):
    content = four.content()
    content['annotations'][1]['iscrowd'] = 1
    truth = four.read_truth(four.write_json(tmp_path / 'crowd.json', content))
    matches = match(truth, four.detections_of(truth))
    assert matches.ignored[0].tolist() == 8 * [False] + [True]
    assert matches.objects.sum() == 4 and not matches.found[:, 8].any()


def test_nothing_detected_and_a_class_without_boxes(tmp_path):
    matches = matches_of(tmp_path, [], boxes=four.BOXES[:1])
    precision = average_precision(matches)[0]
    assert (precision[0] == 0).all() and np.isnan(precision[1]).all()


@pytest.mark.parametrize('seed', range(3))
def test_precision_is_that_of_pycocotools(seed, tmp_path):
    truth, records = four.random_set(tmp_path, seed)
    precision = average_precision(match(truth, four.detections_of(truth, records)))[0]
    expected = evaluate_boxes(truth.path, records)
    assert precision.mean() == pytest.approx(expected['mAP'], abs=1e-12)
    assert precision[:, 0] == pytest.approx([c['AP50'] for c in expected['classes'].values()])


def test_equal_scores_are_ordered_by_the_ids_of_the_images(tmp_path):
    truth, records = four.random_set(tmp_path, 0)
    content = read_json(truth.path)
    content['images'].reverse()
    truth = four.read_truth(four.write_json(tmp_path / 'reversed.json', content))
    records = [{**record, 'score': round(record['score'], 1)} for record in records]
    precision = average_precision(match(truth, four.detections_of(truth, records)))
    expected = evaluate_boxes(truth.path, records)
    assert precision.mean() == pytest.approx(expected['mAP'], abs=1e-12)


def test_precision_of_samples_is_that_of_repeated_images(tmp_path):
    truth, records = four.random_set(tmp_path, 3, images=8)
    matches = match(truth, four.detections_of(truth, records))
    weights = np.array([[1] * 8, [2] * 8, [2, 0, 3, 1, 0, 1, 1, 0]])
    once, twice, sample = average_precision(matches, weights)
    assert twice == pytest.approx(once)

    # The third sample as a data set of its own.
    content = truth.content
    copies = [(image, copy) for image, times in enumerate(weights[2]) for copy in range(times)]
    ids = {pair: 10 + number for number, pair in enumerate(copies)}
    images = [{**content.images[0], 'id': number, 'file_name': str(number)}
              for number in ids.values()]
    boxes = [{**box, 'image_id': ids[pair]} for pair in copies for box in content.annotations
             if box['image_id'] == 10 + pair[0]]
    path = four.write_json(tmp_path / 'sample.json', {
        'images': images, 'categories': content.categories,
        'annotations': [{**box, 'id': number + 1} for number, box in enumerate(boxes)]})
    found = [{**record, 'image_id': ids[pair]} for pair in copies for record in records
             if record['image_id'] == 10 + pair[0]]
    assert np.nanmean(sample) == pytest.approx(evaluate_boxes(path, found)['mAP'], abs=1e-9)


def test_detections_of_another_data_set(tmp_path):
    truth = four.truth_of(tmp_path)
    with pytest.raises(ValueError, match=r'bbox.json, \[0\]: image_id 15 is not among .*truth.json'
                                         r'; it is of another data set'):
        four.detections_of(truth, [four.detection(5, 1, 0, 0.5)])
