# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What is measured of exported models, and of the eager ones that they were made of."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import four_images as four
import numpy as np
import paddle
import pytest
from PIL import Image
from tool_runs import imported

from deploy import Detector, benchmark
from deploy.coco import detect_labelled
from deploy.images import read_image
from ppdet_ext.deploy import speed
from ppdet_ext.engine.eager_runtime import EagerPaddle

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def in_this_process(monkeypatch):
    """Measures without a process for each runtime, which would import Paddle again."""
    monkeypatch.setattr(benchmark, 'measure_alone', benchmark._measure_here)
    monkeypatch.setattr(benchmark.cv2, 'setNumThreads', lambda count: None)


def test_the_eager_model_is_a_runtime(exported, steel):
    folder = str(exported('retinanet') / 'inference' / 'retinanet')
    image = read_image(str(steel / 'images' / sorted(os.listdir(steel / 'images'))[0]))
    eager, other = (Detector(folder, runtime).detect(image) for runtime in (EagerPaddle, 'paddle'))
    assert len(eager) and np.abs(eager - other).max() < 0.01
    assert EagerPaddle.files(folder, 'float32')[0].endswith('retinanet.pdparams')


def test_other_weights_than_those_that_were_exported(exported, tmp_path):
    folder = exported('retinanet') / 'inference' / 'retinanet'
    card = json.loads((folder / 'model_card.json').read_text())
    card['weights']['sha256'] = 'of other weights'
    (tmp_path / 'model_card.json').write_text(json.dumps(card))
    with pytest.raises(ValueError, match='has changed since .* was exported; export it again'):
        EagerPaddle(str(tmp_path), 'float32', 1)


@pytest.fixture
def own_boxes(exported, steel, tmp_path):
    """str: annotations of the test images, the boxes that the eager model finds."""
    annotations = steel / 'annotations' / 'test.json'
    detector = Detector(str(exported('retinanet') / 'inference' / 'retinanet'), EagerPaddle)
    found = detect_labelled(detector, str(annotations), str(steel / 'images'))
    labels = [{**box, 'id': number, 'iscrowd': 0, 'area': box['bbox'][2] * box['bbox'][3]}
              for number, box in enumerate(found, 1)]
    path = tmp_path / 'own_boxes.json'
    path.write_text(json.dumps({
        **json.loads(annotations.read_text()),
        'annotations': [label for label in labels if label['area'] > 0]}))  # not clipped to nothing
    return str(path)


def test_everything_is_in_one_table_and_one_picture(exported, steel, own_boxes, tmp_path,
                                                    in_this_process, capsys):
    folder = str(exported('retinanet') / 'inference' / 'retinanet')
    imported('benchmark_deploy').main([
        '--model_dir', folder, '--image_dir', str(steel / 'images'), '--anno_path', own_boxes,
        '--cpu_threads', '1', '--repeats', '1', '--bfloat16', '--output_dir', str(tmp_path)])
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    assert [(row['runtime'], row['precision']) for row in results['measurements']] == [
        ('eager', 'float32'), ('paddle', 'float32'), ('onnxruntime', 'float32'),
        ('openvino', 'float32'), ('openvino', 'bfloat16')]
    for row in results['measurements']:
        assert row['threads'] == 1 and row['file'] > 0 and row['memory'] > 10
        stages = [row[name]['median'] for name in benchmark.STAGES]
        assert min(stages) > 0 and row['whole']['p95'] >= row['whole']['median'] > max(stages)
    eager, *others, coarse = [row['map'] for row in results['measurements']]
    assert eager > 50 and others == [pytest.approx(eager, abs=0.1)] * 3 and coarse > 10
    state = paddle.load(str(exported('retinanet') / 'retinanet.pdparams'))
    model, = results['models'].values()
    assert model['parameters'] == sum(
        value.size for name, value in state.items() if not name.endswith(('._mean', '._variance')))
    table = (tmp_path / 'benchmark.md').read_text()
    assert table in capsys.readouterr().out and table.count('| retinanet |') == 6
    with Image.open(tmp_path / 'benchmark.png') as picture:
        assert picture.size[0] > 500


@pytest.fixture
def model(tmp_path):
    """Folder of an exported model's card."""
    card = {'format_version': 1, 'name': 'student', 'classes': four.NAMES,
            'colors': [[0, 0, 0]] * 2, 'input': {'height': 8, 'width': 8}, 'preprocess': [],
            'nms': None, 'files': {}}
    four.write_json(tmp_path / 'model' / 'model_card.json', card)
    return str(tmp_path / 'model')


def damaged(path):
    path.write_bytes(b'cut off')


@pytest.mark.parametrize('content, change, message', [
    (None, pathlib.Path.exists, 'there is no file .*truth.json; give the COCO annotations'),
    (four.content(names=['dent', 'pit']), pathlib.Path.exists, 'has the classes dent, pit, the'),
    (four.content(), pathlib.Path.unlink, '1 of the 4 images that .* do not exist, first .*3.png'),
    (four.content(), damaged, '3.png is not an image that can be read'),
    (four.content([]), pathlib.Path.exists, 'truth.json has no box to evaluate'),
    (four.content([(9, 1, 0)]), pathlib.Path.exists, 'truth.json, .*image_id')])
def test_what_cannot_be_evaluated_is_not_measured(model, tmp_path, content, change, message,
                                                  monkeypatch):
    monkeypatch.setattr(benchmark, 'benchmark', lambda *_: pytest.fail('it is measured'))
    four.write_images(tmp_path / 'images')
    if content:
        four.write_json(tmp_path / 'truth.json', content)
    change(tmp_path / 'images' / '3.png')
    with pytest.raises((ValueError, OSError), match=message):
        imported('benchmark_deploy').main([
            '--model_dir', model, '--image_dir', str(tmp_path / 'images'), '--anno_path',
            str(tmp_path / 'truth.json'), '--output_dir', str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


def test_an_evaluation_that_fails_loses_no_measurement_also_of_images_in_folders(
        exported, steel, tmp_path, in_this_process, monkeypatch):
    content = json.loads((steel / 'annotations' / 'test.json').read_text())
    for number, image in enumerate(content['images']):
        name = f'camera{number % 2}/{image["file_name"]}'
        (tmp_path / 'images' / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(steel / 'images' / image['file_name'], tmp_path / 'images' / name)
        image['file_name'] = name
    path = four.write_json(tmp_path / 'truth.json', content)

    def out_of_space(*_):
        raise OSError('no space left')

    monkeypatch.setattr(speed, 'mean_average_precision', out_of_space)
    with pytest.raises(OSError, match='no space left'):
        imported('benchmark_deploy').main([
            '--model_dir', str(exported('retinanet') / 'inference' / 'retinanet'), '--image_dir',
            str(tmp_path / 'images'), '--anno_path', path, '--cpu_threads', '1', '--repeats', '1',
            '--no_eager', '--output_dir', str(tmp_path)])
    results = json.loads((tmp_path / 'benchmark.json').read_text())
    assert len(results['measurements']) == (tmp_path / 'benchmark.md').read_text().count(
        '| retinanet | ') - 1 == 3


def test_a_runtime_is_measured_in_a_process_of_its_own(exported, steel, tmp_path):
    folder = exported('retinanet') / 'inference' / 'retinanet'
    alone = tmp_path / 'model'
    alone.mkdir()
    for name in ('model_card.json', 'model.onnx'):
        (alone / name).write_bytes((folder / name).read_bytes())
    done = subprocess.run(
        [sys.executable, '-m', 'deploy.benchmark', '--model_dir', str(alone), '--image_dir',
         str(steel / 'images'), '--cpu_threads', '1', '--repeats', '1', '--output',
         str(tmp_path / 'speed.json')], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    measurement, = json.loads((tmp_path / 'speed.json').read_text())['measurements']
    assert (measurement['runtime'], measurement['precision']) == ('onnxruntime', 'float32')
    assert measurement['memory'] > 30
    assert done.stderr.count('left out: ') == 4  # Paddle, OpenVINO, and INT8 of both
