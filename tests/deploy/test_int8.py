# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""INT8 is written, left out where it costs too much, and refused where that does not help."""
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from deploy import Detector
from deploy.images import read_image
from ppdet_ext.config.load import load_run_config
from ppdet_ext.deploy import int8, quantizer

onnx = pytest.importorskip('onnx')
pytest.importorskip('ml_dtypes')

RUNTIMES = {'onnx': 'onnxruntime', 'openvino': 'openvino'}


@pytest.fixture
def folder(exported, tmp_path):
    """A copy of an exported RetinaNet."""
    shutil.copytree(exported('retinanet') / 'inference' / 'retinanet', tmp_path / 'model')
    return tmp_path / 'model'


@pytest.fixture
def settings(steel):
    images = sorted(map(str, (steel / 'images').glob('*')))[:4]
    return int8.Int8(images, str(steel / 'annotations' / 'test.json'), str(steel / 'images'), 0.5)


def in_int8(path):
    """Number of convolutions with weights of their own that are integers."""
    graph = onnx.load(str(path)).graph
    producers = {name: node.op_type for node in graph.node for name in node.output}
    return len({node.input[1] for node in graph.node if node.op_type == 'Conv'
                and producers.get(node.input[1]) == 'DequantizeLinear'})


def test_all_convolutions_where_the_accuracy_stays(folder, settings):
    card = int8.write_int8(str(folder / 'model.onnx'), RUNTIMES, settings, str(folder))
    assert in_int8(folder / 'model_int8.onnx') == card['convolutions'] > 10
    assert card['in_float32'] == [] and card['images'] == 4 and set(card['map']) == set(
        RUNTIMES.values())
    image = read_image(settings.calibration[0])
    for runtime in RUNTIMES.values():
        detectors = [Detector(str(folder), runtime, precision) for precision in ('float32', 'int8')]
        inputs = detectors[0].preprocess(image)
        outputs = [detector.network(inputs) for detector in detectors]
        for expected, found in zip(*outputs):
            # Not after the suppression, which takes other boxes of random weights at any change.
            assert 0 < np.std(found - expected) < 0.3 * np.std(expected)
    smaller = (folder / 'model_int8.onnx').stat().st_size / (folder / 'model.onnx').stat().st_size
    assert smaller < 0.7


def test_the_most_sensitive_stay_in_float(folder, settings, monkeypatch):
    ranked = []

    def by_sensitivity(self):
        ranked.extend(reversed(self.layers))
        return ranked

    def measured(folder, runtime, precision, *places):
        if precision == 'float32':
            return 30
        few = ranked and in_int8(f'{folder}/model_int8.onnx') <= len(ranked) - 4
        return 30 if few else 29

    monkeypatch.setattr(quantizer.Quantizer, 'by_sensitivity', by_sensitivity)
    monkeypatch.setattr(int8, 'mean_average_precision', measured)
    card = int8.write_int8(str(folder / 'model.onnx'), {'onnx': 'onnxruntime'}, settings,
                           str(folder))
    assert card['in_float32'] == ranked[:4]
    assert in_int8(folder / 'model_int8.onnx') == len(ranked) - 4


def test_it_is_refused_with_the_figure(folder, settings, monkeypatch):
    losses = iter([14.4, 9.26, 12.0, 11.0, 10.0, 10.0, 10.0])
    monkeypatch.setattr(quantizer.Quantizer, 'by_sensitivity', lambda self: list(self.layers)[:9])
    monkeypatch.setattr(int8, 'mean_average_precision', lambda folder, runtime, precision, *places:
                        30 - (next(losses) if precision == 'int8' else 0))
    with pytest.raises(ValueError, match='int8 loses 9.26 points of mAP on the images of '
                       'EvalDataset, more than --max_map_drop 0.5, even with half'):
        int8.write_int8(str(folder / 'model.onnx'), {'onnx': 'onnxruntime'}, settings, str(folder))


def test_twice_as_many_at_each_attempt_up_to_half_of_them():
    layers = SimpleNamespace(by_sensitivity=lambda: list(range(11)))
    assert [len(attempt) for attempt in int8._attempts(layers)] == [0, 1, 2, 4, 5]


def test_the_layer_whose_weights_differ_in_size_is_the_most_sensitive(tmp_path):
    rng, helper, numpy_helper = np.random.default_rng(0), onnx.helper, onnx.numpy_helper
    weights = {'even': [[0, 0, 0], [1, 1, 1]], 'uneven': [[100, 0.3], [100, -0.3]]}
    constants = {name: np.array(values, 'float32')[..., None, None]
                 for name, values in weights.items()}
    constants['shape'] = np.array([1, 2, 16])
    corner = rng.uniform(0, 50, [1, 16, 2]).astype('float32')
    constants['rectangles'] = np.concatenate([corner, corner + 10], axis=2)
    nodes = [helper.make_node('Conv', ['image', 'even'], ['hidden'], name='first'),
             helper.make_node('Conv', ['hidden', 'uneven'], ['map'], name='second'),
             helper.make_node('Reshape', ['map', 'shape'], ['logits']),
             helper.make_node('Sigmoid', ['logits'], ['scores']),
             helper.make_node('Identity', ['rectangles'], ['boxes'])]
    graph = helper.make_graph(
        nodes, 'detector', [helper.make_tensor_value_info('image', 1, [1, 3, 4, 4])],
        [helper.make_tensor_value_info('boxes', 1, [1, 16, 4]),
         helper.make_tensor_value_info('scores', 1, [1, 2, 16])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 15)], ir_version=8)
    onnx.save(model, str(tmp_path / 'model.onnx'))
    nms = {'score_threshold': 0.05, 'nms_top_k': 100, 'keep_top_k': 100, 'nms_threshold': 0.5,
           'nms_eta': 1.0, 'normalized': True}
    images = [rng.normal(size=[1, 3, 4, 4]).astype('float32') for _ in range(3)]
    found = quantizer.Quantizer(str(tmp_path / 'model.onnx'), images, nms, str(tmp_path))
    assert found.layers == {'even': ['first'], 'uneven': ['second']}
    assert found.by_sensitivity() == ['uneven', 'even']


def test_the_change_of_boxes():
    expected = np.array([[0, 0.8, 0, 0, 10, 10], [1, 0.4, 0, 0, 10, 10]], 'float32')
    change = quantizer._change
    assert change(expected, expected) == 0
    assert change(expected[:0], expected) == pytest.approx(1.2), 'new boxes'
    assert change(expected, expected[:0]) == pytest.approx(1.2)
    assert change(expected[:0], expected[:0]) == 0
    assert change(expected, expected[:1]) == pytest.approx(0.4), 'of another class'
    half = np.array([[0, 0.4, 0, 0, 10, 5], [1, 0.4, 0, 0, 10, 10]], 'float32')
    assert change(expected, half) == pytest.approx((0.8 + 0.4) * (1 - 0.5 * 0.5))


def test_images_are_those_of_the_data_sets(exported, steel):
    cfg = load_run_config(str(exported('retinanet') / 'retinanet.yml'))
    found = int8.int8_of(cfg, {'paddle', 'onnx'}, 0.3)
    assert found.annotations == str(steel / 'annotations' / 'test.json')
    assert len(found.calibration) == 42 and found.max_map_drop == 0.3
    with pytest.raises(ValueError, match='--int8 is for ONNX Runtime and OpenVINO: give --format'):
        int8.int8_of(cfg, {'paddle'}, 0.5)


def test_packages_that_are_missing(monkeypatch):
    monkeypatch.setattr(int8.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='--int8 needs onnx, onnxruntime, ml_dtypes: pip install'):
        int8.int8_of({}, {'onnx'}, 0.5)
