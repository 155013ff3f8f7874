# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import paddle
import pytest
from ppdet.data.source import COCODataSet

from ppdet_ext.data.coco import coco_dataset
from ppdet_ext.metrics import ClasswiseCOCOMetric, evaluate_boxes, evaluate_saved_boxes, scalars
from ppdet_ext.utils.files import write_json
from ppdet_ext.utils.fingerprint import fingerprint

BASE, NOVEL = ['crack', 'pit'], ['scale', 'stain']
BOXES = {'crack': (10, 10, 60, 60), 'pit': (80, 80, 180, 180), 'scale': (10, 80, 70, 190)}


def few_shot_set(path, classes):
    """One image with one object of each class but stain, which has none."""
    objects = [{'class_name': name, 'bbox': BOXES[name]} for name in classes if name in BOXES]
    dataset = coco_dataset([{'file_name': '0.jpg', 'height': 200, 'width': 200}], [objects],
                           classes, 'test')
    dataset['info'].update(base_classes=BASE, novel_classes=NOVEL)
    write_json(str(path), dataset)
    return str(path)


def found(*classes, score=0.9):
    """Exact detections of these objects."""
    category = {name: k + 1 for k, name in enumerate(BASE + NOVEL)}
    return [{'image_id': 1, 'category_id': category[name], 'score': score,
             'bbox': [x1, y1, x2 - x1, y2 - y1]}
            for name, (x1, y1, x2, y2) in BOXES.items() if name in classes]


@pytest.fixture
def base_set(tmp_path):
    return few_shot_set(tmp_path / 'base_test.json', BASE)


@pytest.fixture
def all_set(tmp_path):
    return few_shot_set(tmp_path / 'test.json', BASE + NOVEL)


@pytest.fixture
def base_metrics(tmp_path, base_set):
    """File of a base detector's evaluation that finds every base object."""
    path = tmp_path / 'base' / 'metrics.json'
    path.parent.mkdir()
    write_json(str(path), evaluate_boxes(base_set, found('crack', 'pit')))
    return str(path)


def evaluated(path, detections, tmp_path, base_metrics, base_weights=None):
    metric = ClasswiseCOCOMetric(path, str(tmp_path / 'out'), base_metrics, base_weights,
                                 clsid2catid={k: k + 1 for k in range(4)})
    metric.results['bbox'] = detections
    metric.accumulate()
    return metric.summary['few_shot']


def test_groups_by_hand(all_set):
    few_shot = evaluate_boxes(all_set, found('crack', 'scale'))['few_shot']
    one = pytest.approx(1.0)
    assert few_shot == {'base': {'AP': pytest.approx(0.5), 'AP50': pytest.approx(0.5)},
                        'novel': {'AP': one, 'AP50': one},  # stain has no object and no part
                        'all': {'AP': pytest.approx(2 / 3), 'AP50': pytest.approx(2 / 3)}}


def test_all_is_the_map_that_chooses_the_best_model(all_set):
    summary = evaluate_boxes(all_set, found('crack', 'scale'))
    assert summary['few_shot']['all'] == {'AP': pytest.approx(summary['mAP']),
                                          'AP50': pytest.approx(summary['AP50'])}


def test_a_set_of_base_classes_has_no_novel_figures(base_set):
    few_shot = evaluate_boxes(base_set, found('crack'))['few_shot']
    assert set(few_shot) == {'base', 'all'} and few_shot['base'] == few_shot['all']


def test_forgetting_is_the_base_ap_before_minus_after(all_set, tmp_path, base_metrics):
    few_shot = evaluated(all_set, found('crack', 'scale'), tmp_path, base_metrics)
    assert few_shot['forgetting'] == {'AP': pytest.approx(0.5), 'AP50': pytest.approx(0.5)}
    with open(tmp_path / 'out' / 'metrics.json') as f:
        assert json.load(f)['few_shot'] == few_shot


@pytest.mark.parametrize('as_dataset', [dict, COCODataSet])
def test_saved_boxes_are_evaluated_alike(all_set, tmp_path, base_metrics, as_dataset, monkeypatch):
    expected = evaluated(all_set, found('crack', 'scale'), tmp_path, base_metrics)
    (tmp_path / 'out' / 'metrics.json').unlink()
    monkeypatch.chdir(tmp_path)  # without dataset_dir, paths are those from here
    evaluate_saved_boxes({'EvalDataset': as_dataset(anno_path='test.json'),
                          'base_metrics': base_metrics}, str(tmp_path / 'out'))
    with open(tmp_path / 'out' / 'metrics.json') as f:
        assert json.load(f)['few_shot'] == expected


def test_every_figure_becomes_a_curve(all_set, base_metrics):
    with open(base_metrics) as f:
        base = json.load(f)['classes']
    curves = scalars(evaluate_boxes(all_set, found('crack', 'scale'), base))
    assert curves['few_shot_AP/base'] == curves['few_shot_AP/forgetting'] == pytest.approx(0.5)
    assert curves['few_shot_AP50/novel'] == pytest.approx(curves['class_AP/crack'])
    assert curves['evaluation/mAP'] == pytest.approx(2 / 3)
    assert 'class_AP/stain' not in curves


def test_a_missing_base_evaluation_is_a_warning(all_set, tmp_path, caplog):
    few_shot = evaluated(all_set, found('crack'), tmp_path, str(tmp_path / 'none.json'))
    assert 'forgetting' not in few_shot
    assert 'none.json, which does not exist; tools/eval.py' in caplog.text


def test_a_base_evaluation_of_other_objects_is_a_warning(all_set, tmp_path, base_metrics, caplog):
    with open(base_metrics) as f:
        base = json.load(f)
    base['classes']['crack']['objects'] = 7
    write_json(base_metrics, base)
    assert 'forgetting' not in evaluated(all_set, found('crack'), tmp_path, base_metrics)
    assert "measured on other objects, {'crack': 7, 'pit': 1}" in caplog.text


def test_a_base_evaluation_of_other_weights_is_a_warning(all_set, tmp_path, base_metrics, caplog):
    states = {name: {'bias': np.full([2], k, 'float32')} for k, name in enumerate(('best', 'last'))}
    for name, state in states.items():
        paddle.save({'bias': paddle.to_tensor(state['bias'])}, str(tmp_path / f'{name}.pdparams'))
    with open(base_metrics) as f:
        base = json.load(f)
    write_json(base_metrics, {**base, 'fingerprint': fingerprint(states['last'])})

    def reports_forgetting(name):
        return 'forgetting' in evaluated(all_set, found('crack'), tmp_path, base_metrics,
                                         str(tmp_path / name))

    assert reports_forgetting('last.pdparams')
    assert not reports_forgetting('best')
    assert f'{base_metrics}, which was made with other weights than base_weights' in caplog.text
    assert not reports_forgetting('nowhere')
    assert 'forgetting is not reported: base_weights: weights not found: ' in caplog.text


def test_no_base_object_means_nothing_to_forget(tmp_path):
    path = few_shot_set(tmp_path / 'novel.json', BASE + NOVEL)
    with open(path) as f:
        dataset = json.load(f)
    dataset['annotations'] = [box for box in dataset['annotations'] if box['category_id'] > 2]
    write_json(path, dataset)
    classes = evaluate_boxes(path, [])['classes']
    few_shot = evaluate_boxes(path, found('scale'), classes)['few_shot']
    assert few_shot['base'] == {'AP': None, 'AP50': None} and 'forgetting' not in few_shot


@pytest.mark.parametrize('content', ['no json', '[1]', '{"mAP": 1}'])
def test_what_is_no_evaluation_is_refused(all_set, tmp_path, content):
    path = tmp_path / 'metrics.json'
    path.write_text(content)
    with pytest.raises(ValueError, match=f'base_metrics: {path} is not a metrics.json'):
        ClasswiseCOCOMetric(all_set, str(tmp_path / 'out'), str(path), clsid2catid={0: 1})
