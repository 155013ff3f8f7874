# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import csv
import json
import os
import pathlib

import cv2
import numpy as np
import pytest
from tiny import student_yaml

from deploy.results import save_records
from ppdet_ext.config.load import load_run_config
from ppdet_ext.inference import detections

NAMES = ['crazing', 'inclusion', 'patches', 'pitted_surface', 'rolled-in_scale', 'scratches']
RESULTS = [
    {'im_id': np.array([[0]]), 'bbox_num': np.array([2]),
     'bbox': np.array([[2, .5, 1, 2, 3, 4], [5, .83, 5, 6, 7, 8]], 'float32')},
    {'im_id': np.array([[1], [2]]), 'bbox_num': np.array([1, 1]),
     'bbox': np.array([[-1, 0, 0, 0, 0, 0], [0, .3, 1, 1, 9, 9]], 'float32')},
]


@pytest.fixture
def records():
    return detections.detection_records(RESULTS, ['a.jpg', 'b.jpg', 'c.jpg'], NAMES)


def test_one_record_a_box_best_first_without_padding(records):
    assert [(r['file'], r['class_name'], r['score'], r['box']) for r in records] == [
        ('a.jpg', 'scratches', 0.83, [5, 6, 7, 8]),
        ('a.jpg', 'patches', 0.5, [1, 2, 3, 4]),
        ('c.jpg', 'crazing', 0.3, [1, 1, 9, 9])]


@pytest.mark.parametrize('threshold, text', [
    (0.5, '2 boxes at or above 0.5, top score 0.83: scratches'),
    (0.8, '1 box at or above 0.8, top score 0.83: scratches'),
    (0.9, '0 boxes at or above 0.9, top score 0.83: scratches; try --draw_threshold 0.66'),
])
def test_says_what_was_found(records, threshold, text):
    assert detections.describe(records, threshold) == text


def test_says_so_when_there_is_no_box_at_all():
    assert detections.describe([], 0.5).startswith('no box at all')


def test_json_and_csv_hold_the_same_records(records, tmp_path):
    as_json, as_csv = save_records(records, str(tmp_path / 'new'))
    with open(as_json) as f:
        assert json.load(f) == records
    with open(as_csv, newline='', encoding='utf-8-sig') as f:
        rows = list(csv.DictReader(f))
    assert [[r['file'], r['class_name'], float(r['score']),
             [float(r[k]) for k in ('x1', 'y1', 'x2', 'y2')]] for r in rows] == [
        [r['file'], r['class_name'], r['score'], r['box']] for r in records]


def test_finds_the_images_of_a_folder(tmp_path):
    for name in ('b.PNG', 'a.jpg'):
        cv2.imwrite(str(tmp_path / name), np.zeros([4, 4, 3], 'uint8'))
    (tmp_path / 'notes.txt').write_text('x')
    assert detections.find_images(None, str(tmp_path)) == [str(tmp_path / 'a.jpg'),
                                                           str(tmp_path / 'b.PNG')]


def test_an_image_that_is_none(tmp_path):
    (tmp_path / 'a.jpg').write_text('no image')
    with pytest.raises(ValueError, match='a.jpg is not an image that can be read'):
        detections.find_images(str(tmp_path / 'a.jpg'), None)


def test_an_image_that_states_a_size_beyond_all_memory(tmp_path):
    # A BMP of 3 x 3 pixels, whose header says 65535 x 65535.
    cv2.imwrite(str(tmp_path / 'a.bmp'), np.zeros([3, 3, 3], 'uint8'))
    content = bytearray((tmp_path / 'a.bmp').read_bytes())
    content[18:26] = b'\xff\xff\x00\x00\xff\xff\x00\x00'
    (tmp_path / 'a.bmp').write_bytes(content)
    with pytest.raises(ValueError, match='a.bmp is not an image .*4294836225 pixels'):
        detections.find_images(str(tmp_path / 'a.bmp'), None)


@pytest.mark.parametrize('image, folder, error, message', [
    (None, None, ValueError, 'give --infer_img FILE or --infer_dir FOLDER'),
    ('nowhere.jpg', None, FileNotFoundError, 'image not found: nowhere.jpg'),
    (None, 'nowhere', FileNotFoundError, 'nowhere is not a folder'),
])
def test_images_that_are_not_there(image, folder, error, message):
    with pytest.raises(error, match=message):
        detections.find_images(image, folder)


def names_of(tmp_path, options=None, **dataset):
    cfg = load_run_config(student_yaml(tmp_path), {**(options or {}), 'TestDataset': {
        'dataset_dir': str(tmp_path), **dataset}}, prepare=[detections.find_labels])
    return detections.name_classes(cfg)


def test_names_come_from_the_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the config's own training set is not there
    (tmp_path / 'labels.txt').write_text('a\nb\nc\nd\ne\nf\n')
    assert names_of(tmp_path, {'class_names': None}, anno_path='labels.txt') == list('abcdef')


def test_names_come_from_the_config_where_the_data_set_is_absent(tmp_path):
    assert names_of(tmp_path) == NAMES


def test_names_for_a_data_set_as_older_yamls_write_it(tmp_path):
    path = tmp_path / 'tag.yml'
    path.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nTestDataset: !ImageFolder\n'
                    f'  anno_path: {tmp_path}/nowhere.json\n')
    cfg = load_run_config(str(path), prepare=[detections.find_labels])
    assert detections.name_classes(cfg) == NAMES
    assert cfg['TestDataset'].get_anno().endswith('label_list.txt')


def test_never_cocos_names(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'label file .*val.json does not exist, so the '
                       r'classes have no names'):
        names_of(tmp_path, {'class_names': None})


def test_another_number_of_names_than_classes(tmp_path):
    (tmp_path / 'labels.txt').write_text('a\nb\n')
    with pytest.raises(ValueError, match='names 2 classes, but num_classes is 6'):
        names_of(tmp_path, anno_path='labels.txt')


@pytest.mark.parametrize('names', [[1, 2, 3, 4, 5, 6], ['a', 'a', 'b', 'c', 'd', 'e'], 'abcdef'])
def test_class_names_that_are_none(tmp_path, names):
    with pytest.raises(ValueError, match='class_names must be a list of different names, got'):
        detections.find_labels({'TestDataset': {}, 'class_names': names})


def test_names_from_an_annotation_file_that_pycocotools_cannot_read(tmp_path):
    (tmp_path / 'a.json').write_text(json.dumps({
        'categories': [{'id': k, 'name': name} for k, name in enumerate(NAMES)],
        'annotations': [{}]}))
    with pytest.raises(ValueError, match='TestDataset: .*a.json is not a COCO .* .KeyErr'):
        names_of(tmp_path, anno_path='a.json')
    (tmp_path / 'a.json').write_text(json.dumps({
        'categories': [{'id': k, 'name': name} for k, name in enumerate(NAMES)]}))
    assert names_of(tmp_path, anno_path='a.json') == NAMES


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_an_image_is_never_replaced_by_its_drawing(tmp_path, link):
    for folder in ('in', 'out'):
        (tmp_path / folder).mkdir()
    image, other = str(tmp_path / 'in' / 'a.jpg'), str(tmp_path / 'in' / 'b.jpg')
    for path in (image, other, tmp_path / 'out' / 'b.jpg'):
        pathlib.Path(path).touch()
    detections.check_output_dir([image, other], str(tmp_path / 'out'))
    detections.check_output_dir([image, other], str(tmp_path / 'new'))
    link(other, tmp_path / 'out' / 'a.jpg')
    with pytest.raises(ValueError, match='would replace .*b.jpg, which'):
        detections.check_output_dir([image, other], str(tmp_path / 'out'))
