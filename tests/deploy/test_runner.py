# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The runner prepares images and suppresses boxes as PaddleDetection does."""
import json
import os
import pathlib
import types

import cv2
import numpy as np
import paddle
import pytest
from matplotlib import font_manager
from ppdet.data.transform import operators
from ppdet.modeling.layers import MultiClassNMS

from deploy import Detector, fonts
from deploy.__main__ import main
from deploy.card import CARD
from deploy.preprocess import Preprocess
from deploy.results import draw, drawn_names, save_records
from deploy.runtimes import open_runtime
from deploy.suppression import suppress
from deploy.thresholds import keep_from, read_thresholds
from ppdet_ext.inference import thresholds

LATIN = font_manager.findfont('DejaVu Sans')  # without Chinese

NMS = {'score_threshold': 0.1, 'nms_top_k': 60, 'keep_top_k': 40, 'nms_threshold': 0.5,
       'nms_eta': 1.0, 'normalized': True}

MODEL = {'format_version': 1, 'name': 'student', 'classes': ['crack', 'pit'],
         'colors': [[0, 0, 0], [9, 9, 9]], 'input': {'height': 8, 'width': 8}, 'preprocess': [],
         'nms': NMS, 'files': {}}


@pytest.mark.parametrize('changed', [
    {}, {'keep_top_k': -1, 'nms_top_k': -1}, {'normalized': False}, {'nms_eta': 0.9},
    {'score_threshold': 2.0}, {'nms_threshold': 0.02}, {'keep_top_k': 5}])
def test_suppression_is_that_of_paddle(changed):
    nms, rng = {**NMS, **changed}, np.random.default_rng(0)
    corner = rng.uniform(0, 50, [200, 2])
    boxes = np.concatenate([corner, corner + rng.uniform(0, 30, [200, 2])], 1).astype('float32')
    boxes[::20, 2] = boxes[::20, 0]  # without area
    scores = rng.uniform(size=[3, 200]).astype('float32')
    layer = MultiClassNMS(**nms)
    expected, count, _ = layer(paddle.to_tensor(boxes[None]), paddle.to_tensor(scores[None]))
    expected = expected.numpy()[:int(count)]
    expected = expected[np.argsort(-expected[:, 1], kind='stable')]
    assert np.array_equal(suppress(boxes, scores, nms), expected)


@pytest.mark.parametrize('normalize', [
    {'mean': [0.4, 0.5, 0.6], 'std': [0.2, 0.3, 0.4], 'is_scale': True},
    {'mean': [0.0] * 3, 'std': [1.0] * 3, 'norm_type': 'none'}])
@pytest.mark.parametrize('resize', [
    {'target_size': [64, 96], 'keep_ratio': False, 'interp': 2},
    {'target_size': [64, 96], 'keep_ratio': True, 'interp': 1}])
def test_preprocessing_is_that_of_the_reader(resize, normalize, tmp_path):
    path = str(tmp_path / 'image.png')
    cv2.imwrite(path, np.random.default_rng(0).integers(0, 256, [51, 71, 3], np.uint8))
    sample = {'im_file': path}
    for operator in (operators.Decode(), operators.Resize(**resize),
                     operators.NormalizeImage(**normalize), operators.Permute()):
        sample = operator(sample)
    found = Preprocess([{'type': 'Resize', **resize}, {'type': 'NormalizeImage', **normalize}],
                       64, 96)(cv2.imread(path))
    height, width = sample['image'].shape[1:]
    assert np.array_equal(found['image'][0, :, :height, :width], sample['image'])
    assert not found['image'][0, :, height:].any() and not found['image'][0, :, :, width:].any()
    assert np.array_equal(found['scale_factor'][0], sample['scale_factor'])
    assert np.array_equal(found['im_shape'][0], sample['im_shape'])


def test_an_image_that_is_larger_than_the_input():
    with pytest.raises(ValueError, match='50 x 70 pixels after resizing, is larger than .* 32 x'):
        Preprocess([], 32, 96)(np.zeros([50, 70, 3], np.uint8))


def test_a_grey_image_needs_three_channels():
    with pytest.raises(ValueError, match=r'expected an image \[h, w, 3\] of uint8, got \[5, 7\]'):
        Preprocess([], 32, 96)(np.zeros([5, 7], np.uint8))


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=f'not an exported model: it has no {CARD}'):
        Detector(str(tmp_path))


@pytest.mark.parametrize('content, message', [
    ('{', 'is damaged'), ('{"format_version": 9}', 'expected format_version 1'),
    ('{"format_version": 1}', 'has no name, classes'),
    (json.dumps({**MODEL, 'preprocess': 'x'}), 'has no preprocess, or a wrong kind of value there'),
    (json.dumps({**MODEL, 'classes': ['pit']}), 'has 1 classes, but 2 were exported'),
    (json.dumps({**MODEL, 'preprocess': [{'type': 'Blur'}]}), 'runner knows Resize, .*, not Blur')])
def test_a_card_that_cannot_be_read(content, message, tmp_path):
    (tmp_path / CARD).write_text(content)
    with pytest.raises(ValueError, match=message):
        Detector(str(tmp_path))


@pytest.mark.parametrize('runtime, names', [
    ('onnxruntime', ['model.onnx']), ('openvino', ['model.xml', 'model.bin']),
    ('paddle', ['model.json', 'model.pdiparams'])])
def test_files_of_another_model(runtime, names, tmp_path):
    pytest.importorskip(runtime)
    (tmp_path / CARD).write_text(json.dumps({**MODEL, 'files': {names[-1]: 'of another'}}))
    for name in names:
        (tmp_path / name).write_bytes(b'cut off')
    with pytest.raises(ValueError, match=f'{names[-1]} is not the file that {CARD} was exported '
                       'with: it is cut off or from another export'):
        Detector(str(tmp_path), runtime)


def test_a_model_that_the_runtime_cannot_read(tmp_path):
    pytest.importorskip('onnxruntime')
    (tmp_path / CARD).write_text(json.dumps(MODEL))
    (tmp_path / 'model.onnx').write_bytes(b'of a later version')
    with pytest.raises(RuntimeError, match='onnxruntime cannot read the model in .* is it as new'):
        Detector(str(tmp_path))


@pytest.mark.parametrize('arguments, error, message', [
    (('tensorrt', 'x'), ValueError, '"tensorrt" is not one of paddle, onnxruntime, openvino'),
    (('paddle', 'x', 'bfloat16'), ValueError, 'paddle computes in float32, not in bfloat16'),
    (('paddle', 'x'), FileNotFoundError, 'model.json does not exist; copy the whole folder')])
def test_a_runtime_that_cannot_be_had(arguments, error, message):
    with pytest.raises(error, match=message):
        open_runtime(*arguments)


def test_a_runtime_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'onnxruntime', None)
    with pytest.raises(ImportError, match='onnxruntime is not installed .* pip install onnx'):
        open_runtime('onnxruntime', 'x')


@pytest.mark.parametrize('options, message', [
    (['--image_file', 'nowhere.png'], 'image not found: nowhere.png'),
    ([], 'no image; give --image_file FILE or --image_dir FOLDER'),
    (['--image_dir', 'nowhere'], 'nowhere is not a folder')])
def test_images_that_are_not_there(options, message, tmp_path, monkeypatch):
    monkeypatch.setattr('deploy.__main__.Detector',
                        lambda *_: types.SimpleNamespace(card={}, classes=[]))
    with pytest.raises((OSError, ValueError), match=message):
        main(['--model_dir', str(tmp_path), '--output_dir', str(tmp_path / 'out'), *options])


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_thresholds_that_another_program_saved(tmp_path, encoding):
    path = tmp_path / 'thresholds.json'
    path.write_text('{"threshold": 0.4, "classes": {"划痕": 0.7}}', encoding=encoding)
    assert read_thresholds(str(path), ['pit', '划痕']).tolist() == [0.4, 0.7]


def test_results_are_read_by_spreadsheets(tmp_path):
    record = {'file': '图.png', 'class_name': '划痕', 'score': 0.5, 'box': [1, 2, 3, 4]}
    _, path = save_records([record], str(tmp_path))
    with open(path, 'rb') as f:
        assert f.read().decode('utf-8').startswith('\ufefffile,class_name')


def test_names_of_files_in_another_encoding_do_not_lose_the_results(tmp_path):
    record = {'file': os.fsdecode('图.png'.encode('gbk')), 'class_name': 'pit', 'score': 0.5,
              'box': [1, 2, 3, 4]}
    as_json, as_csv = save_records([record], str(tmp_path))
    assert json.loads(pathlib.Path(as_json).read_text('utf-8')) == [record]
    assert ',pit,0.5,' in pathlib.Path(as_csv).read_text('utf-8')


@pytest.mark.parametrize('text', ['50', '-0.1', 'nan', 'high'])
def test_a_threshold_that_is_no_score(text, capsys):
    with pytest.raises(SystemExit):
        main(['--model_dir', 'x', '--threshold', text])
    assert f'--threshold: expected a number from 0 to 1, got "{text}"' in capsys.readouterr().err


def test_names_that_opencv_cannot_draw_are_numbered_or_drawn_with_a_font(
        tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fonts, 'FONTS', ())
    boxes = np.array([[1, 0.9, 20, 30, 60, 60]], 'float32')
    names, font = drawn_names(['pit', '划痕'])
    assert (names, font) == (['1', '2'], None)
    assert ('drawings number the classes: 1 = pit, 2 = 划痕; to draw their names, give a font with '
            'Chinese characters: --font FILE, or install one' in capsys.readouterr().out)
    assert drawn_names(['pit']) == (['pit'], None)
    drawings = []
    for chosen in ((names, font), drawn_names(['pit', 'éclat'], LATIN)):
        drawings.append(np.zeros([70, 90, 3], np.uint8))
        draw(drawings[-1], boxes, chosen[0], [[255, 0, 0]] * 2, 0.5, chosen[1])
        assert drawings[-1].any()
    assert not np.array_equal(*drawings)
    (tmp_path / 'no.ttf').write_text('x')
    with pytest.raises(ValueError, match='--font: .*no.ttf is not a font that can be read'):
        drawn_names(['划痕'], str(tmp_path / 'no.ttf'))


def test_a_font_that_lacks_the_characters_is_refused():
    with pytest.raises(ValueError, match='--font: .*DejaVuSans.ttf lacks characters of 划痕夹杂'):
        drawn_names(['划痕', '夹杂'], LATIN)


def test_a_font_of_the_system_is_taken(monkeypatch):
    monkeypatch.setattr(fonts, 'FOLDERS', (os.path.dirname(LATIN), ))
    monkeypatch.setattr(fonts, 'FONTS', ('DejaVuSans.ttf', ))
    names, font = drawn_names(['pit', 'éclat'])
    assert names == ['pit', 'éclat'] and font.path == LATIN


def test_without_pillow_the_classes_are_numbered(monkeypatch, capsys):
    monkeypatch.setattr(fonts, 'ImageFont', None)
    assert drawn_names(['划痕']) == (['1'], None)
    assert '1 = 划痕; to draw their names, install Pillow' in capsys.readouterr().out
    with pytest.raises(ImportError, match='--font: Pillow is not installed: pip install pillow'):
        drawn_names(['划痕'], LATIN)


def test_thresholds_are_those_of_the_other_tool(tmp_path):
    classes, path = ['crack', 'pit'], tmp_path / 'thresholds.json'
    path.write_text(json.dumps({'threshold': 0.4, 'classes': {'pit': 0.7}}))
    limits = read_thresholds(str(path), classes)
    assert limits.tolist() == thresholds.read_thresholds(str(path), classes) == [0.4, 0.7]
    boxes = np.array([[0, 0.5, 0, 0, 1, 1], [1, 0.5, 0, 0, 1, 1], [1, 0.7, 0, 0, 1, 1]], 'float64')
    assert np.array_equal(keep_from(boxes, limits), boxes[[0, 2]])


@pytest.mark.parametrize('content, message', [
    ('{', 'is not JSON'), ('[]', 'is not for this model, whose classes are crack, pit'),
    ('{"classes": {"dent": 0.5}}', 'is not for this model'),
    ('{"classes": {"pit": 2}, "threshold": 0.5}', 'has 2 for the class "pit", expected a number'),
    ('{"classes": {"pit": 0.5}}', 'has None for the class "crack"')])
def test_a_file_without_such_thresholds(content, message, tmp_path):
    (tmp_path / 't.json').write_text(content)
    with pytest.raises(ValueError, match=message):
        read_thresholds(str(tmp_path / 't.json'), ['crack', 'pit'])


@pytest.mark.parametrize('options, message', [
    (['--cpu_threads', '0'], 'expected a whole number of at least 1, got "0"'),
    (['--save_images', 'maybe'], 'expected true or false, got "maybe"')])
def test_values_of_flags(options, message, capsys):
    with pytest.raises(SystemExit):
        main(['--model_dir', 'x', *options])
    assert message in capsys.readouterr().err


def test_annotations_need_the_folder_of_their_images():
    with pytest.raises(ValueError, match='--anno_path: give the folder of its images with --image'):
        main(['--model_dir', 'x', '--anno_path', 'x.json'])


def test_one_image_that_cannot_be_read_ends_it_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr('deploy.__main__.Detector',
                        lambda *_: types.SimpleNamespace(card=MODEL, classes=MODEL['classes']))
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros([8, 8, 3], np.uint8))
    (tmp_path / 'b.png').write_bytes(b'x')
    with pytest.raises(ValueError, match='b.png is not an image that can be read'):
        main(['--model_dir', 'x', '--image_dir', str(tmp_path), '--output_dir',
              str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


def test_a_drawing_never_replaces_its_image(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros([8, 8, 3], np.uint8))
    with pytest.raises(ValueError, match='the drawing would replace'):
        main(['--model_dir', 'x', '--image_dir', str(tmp_path), '--output_dir', str(tmp_path)])
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) == '["a.png"]'
