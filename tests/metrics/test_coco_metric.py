# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from ppdet.metrics.coco_utils import cocoapi_eval

from ppdet_ext.data.coco import coco_dataset
from ppdet_ext.metrics import (
    ClasswiseCOCOMetric,
    coco_metric,
    evaluate_boxes,
    evaluate_saved_boxes,
)
from ppdet_ext.utils.files import write_json


@pytest.fixture
def truth(tmp_path):
    path = str(tmp_path / 'truth.json')
    write_json(path, coco_dataset(
        [{'file_name': f'{k}.jpg', 'height': 200, 'width': 200} for k in range(2)],
        [[{'class_name': 'crack', 'bbox': (10, 10, 60, 60)}],
         [{'class_name': 'pit', 'bbox': (20, 20, 180, 190)}]], ['crack', 'pit', 'scale'], 'test'))
    return path


def detection(image, category, box, score=0.9):
    return {'image_id': image, 'category_id': category, 'bbox': box, 'score': score}


def test_figures_by_hand(truth):
    # The crack is found exactly; the pit with IoU 80 / 170 = 0.47, which counts nowhere.
    found = [detection(1, 1, [10, 10, 50, 50]), detection(2, 2, [20, 20, 160, 80])]
    summary = evaluate_boxes(truth, found)
    assert summary['classes'] == {
        'crack': {'AP': pytest.approx(1.0), 'AP50': pytest.approx(1.0), 'objects': 1},
        'pit': {'AP': 0.0, 'AP50': 0.0, 'objects': 1},
        'scale': {'AP': None, 'AP50': None, 'objects': 0}}
    assert 'few_shot' not in summary
    assert summary['mAP'] == pytest.approx(0.5)
    assert (summary['AP_medium'], summary['AP_large']) == (pytest.approx(1.0), 0.0)
    assert summary['AP_small'] is None


def test_a_box_may_have_the_id_0(truth):
    with open(truth) as f:
        content = json.load(f)
    content['annotations'][0]['id'] = 0
    write_json(truth, content)
    found = [detection(1, 1, [10, 10, 50, 50])]
    assert evaluate_boxes(truth, found)['classes']['crack']['AP'] == pytest.approx(1.0)


def test_some_of_the_images(truth):
    found = [detection(1, 1, [10, 10, 50, 50]), detection(2, 1, [20, 20, 160, 80], 0.99)]
    summary = evaluate_boxes(truth, found, image_ids=[1])
    assert summary['classes']['crack'] == {'AP': pytest.approx(1.0), 'AP50': pytest.approx(1.0),
                                           'objects': 1}
    assert summary['classes']['pit'] == {'AP': None, 'AP50': None, 'objects': 0}
    assert summary['images'] == 1
    assert evaluate_boxes(truth, found)['classes']['crack']['AP'] == pytest.approx(0.5)


def test_what_is_found_on_images_without_defects_counts_as_false(truth, tmp_path):
    sound = str(tmp_path / 'sound.json')
    with open(truth, encoding='utf-8') as f:
        content = json.load(f)
    content['images'].append({'id': 3, 'file_name': 'sound.jpg', 'height': 200, 'width': 200})
    write_json(sound, content)
    found = [detection(1, 1, [10, 10, 50, 50])]
    false = detection(3, 1, [10, 10, 50, 50], 0.99)
    assert evaluate_boxes(sound, found)['classes']['crack']['AP'] == pytest.approx(1.0)
    assert evaluate_boxes(sound, [*found, false])['classes']['crack']['AP'] == pytest.approx(0.5)


def test_agrees_with_ppdet(truth, tmp_path):
    found = [detection(1, 1, [12, 10, 50, 45]), detection(1, 1, [0, 0, 30, 30], 0.4),
             detection(2, 2, [20, 20, 160, 130])]
    path = str(tmp_path / 'bbox.json')
    write_json(path, found)
    reference = cocoapi_eval(path, 'bbox', anno_file=truth)
    summary = evaluate_boxes(truth, found)
    assert [summary['mAP'], summary['AP50'], summary['AP75']] == pytest.approx(reference[:3])


def test_no_detection_is_zero_and_not_missing(truth, tmp_path):
    metric = ClasswiseCOCOMetric(truth, str(tmp_path / 'a' / 'b'), clsid2catid={0: 1, 1: 2, 2: 3})
    metric.accumulate()
    assert metric.get_results()['bbox'][:2] == [0.0, 0.0]
    with open(tmp_path / 'a' / 'b' / 'metrics.json') as f:
        assert json.load(f)['detections'] == 0


def test_predictions_only(truth, tmp_path):
    metric = ClasswiseCOCOMetric(truth, str(tmp_path / 'out'), clsid2catid={0: 1, 1: 2, 2: 3},
                                 save_prediction_only=True)
    metric.results['bbox'] = [detection(1, 1, [1, 2, 3, 4])]
    metric.accumulate()
    assert metric.get_results() == {}
    with open(tmp_path / 'out' / 'bbox.json') as f:
        assert json.load(f) == metric.results['bbox']
    assert not (tmp_path / 'out' / 'metrics.json').exists()


def test_boxes_that_another_evaluation_wrote_meanwhile_are_not_vouched_for(truth, tmp_path,
                                                                           monkeypatch):
    metric = ClasswiseCOCOMetric(truth, str(tmp_path), clsid2catid={0: 1, 1: 2, 2: 3},
                                 fingerprint=lambda: 'of the weights')
    metric.results['bbox'] = [detection(1, 1, [10, 10, 50, 50])]
    evaluate = coco_metric.evaluate_boxes

    def evaluate_slowly(*arguments):
        write_json(str(tmp_path / 'bbox.json'), [])
        return evaluate(*arguments)

    monkeypatch.setattr(coco_metric, 'evaluate_boxes', evaluate_slowly)
    metric.accumulate()
    evaluate_saved_boxes({'EvalDataset': {'anno_path': truth}}, str(tmp_path))
    with open(tmp_path / 'metrics.json') as f:
        assert 'fingerprint' not in json.load(f)


@pytest.mark.parametrize('score, weights', [(0.9, 'of the weights'), (0.8, None)])
def test_saved_boxes_are_those_of_the_weights_until_they_change(truth, tmp_path, score, weights):
    metric = ClasswiseCOCOMetric(truth, str(tmp_path / 'out'), clsid2catid={0: 1, 1: 2, 2: 3},
                                 fingerprint=lambda: 'of the weights')
    metric.results['bbox'] = [detection(1, 1, [10, 10, 50, 50])]
    metric.accumulate()
    write_json(str(tmp_path / 'out' / 'bbox.json'), [detection(1, 1, [10, 10, 50, 50], score)])
    for _ in range(2):
        evaluate_saved_boxes({'EvalDataset': {'anno_path': truth}}, str(tmp_path / 'out'))
        with open(tmp_path / 'out' / 'metrics.json') as f:
            assert json.load(f).get('fingerprint') == weights
