# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What PaddleDetection and pycocotools would trip over or mistake in a COCO file is named."""
import json
import os

import pytest

from ppdet_ext.data.coco_file import category_names, detection_fault, read_coco, takes_part


def content():
    return {
        'categories': [{'id': 3, 'name': 'crack'}, {'id': 5, 'name': 'pit'}],
        'images': [{'id': k, 'file_name': f'{k}.jpg', 'width': 60, 'height': 40} for k in (7, 9)],
        'annotations': [{'id': k, 'image_id': 7, 'category_id': 3, 'bbox': [50, 10.5, 20, 20],
                         'area': 400, 'iscrowd': 0} for k in (0, 1)]}


def read(tmp_path, record):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(record))
    return read_coco(str(path))


def faults(tmp_path, record):
    return read(tmp_path, record).faults


def changed(kind, **values):
    """A file whose first record of a kind is changed; the value "no" removes the key."""
    record = content()
    record[kind][0].update(values)
    record[kind][0] = {key: value for key, value in record[kind][0].items() if value != 'no'}
    return record


def test_sound_file(tmp_path):
    found = read(tmp_path, content())
    assert found.faults == [] and found.is_annotated
    assert (found.images, found.categories, found.annotations) == tuple(
        content()[kind] for kind in ('images', 'categories', 'annotations'))


def test_a_file_of_images_alone_is_sound(tmp_path):
    record = content()
    record.pop('annotations')
    found = read(tmp_path, record)
    assert (found.faults, found.annotations, found.is_annotated) == ([], [], False)


@pytest.mark.parametrize('values', [
    {'bbox': [0, 0, 0, 0]}, {'bbox': [60, 40, 0, 5]}, {'bbox': [-5, -5, 900, 900]},
    {'iscrowd': True}, {'track_id': -1}, {'area': 0}, {'area': 0.5}, {'id': -2**63 + 1},
    {'segmentation': {'counts': [1], 'size': [1, 1]}, 'ignore': 1}])
def test_unusual_but_sound_annotations(tmp_path, values):
    assert faults(tmp_path, changed('annotations', **values)) == []


@pytest.mark.parametrize('kind, values, expected', [
    ('annotations', {'id': 'no'}, 'id is missing, expected an integer'),
    ('annotations', {'id': [1]}, 'id must be an integer, got [1]'),
    ('annotations', {'id': '1'}, "id must be an integer, got '1'"),
    ('annotations', {'id': None}, 'id must be an integer, got None'),
    ('annotations', {'id': 2**63}, 'id must be an integer, got 9223372036854775808'),
    ('annotations', {'image_id': 'no'}, 'image_id is missing, expected an integer'),
    ('annotations', {'image_id': 8}, 'image_id 8 is not among the images'),
    ('annotations', {'category_id': {}}, 'category_id must be an integer, got {}'),
    ('annotations', {'category_id': 4}, 'category_id 4 is not among the categories'),
    ('annotations', {'area': 'no'}, 'area is missing, expected a number of square'),
    ('annotations', {'area': -1}, 'area must be a number of square pixels, at least 0, got -1'),
    ('annotations', {'area': float('nan')}, 'area must be a number of square pixels, at least 0, '
                                            'got nan'),
    ('annotations', {'iscrowd': 'no'}, 'iscrowd is missing, expected 0 or 1'),
    ('annotations', {'iscrowd': '0'}, "iscrowd must be 0 or 1, got '0'"),
    ('annotations', {'iscrowd': 2}, 'iscrowd must be 0 or 1, got 2'),
    ('annotations', {'track_id': None}, 'track_id must be a 32-bit integer, got None'),
    ('annotations', {'track_id': 2**31}, 'track_id must be a 32-bit integer, got 2147483648'),
    ('annotations', {'bbox': 'no'}, 'bbox is missing, expected x, y, width, height in pixels'),
    ('annotations', {'bbox': {}}, 'bbox must be x, y, width, height in pixels, got {}'),
    ('annotations', {'bbox': [1, 2, 3]}, 'in pixels, got [1, 2, 3]'),
    ('annotations', {'bbox': [1, 2, 3, None]}, 'in pixels, got [1, 2, 3, None]'),
    ('annotations', {'bbox': [1, 2, 3, '4']}, "in pixels, got [1, 2, 3, '4']"),
    ('annotations', {'bbox': [1, 2, 3, True]}, 'in pixels, got [1, 2, 3, True]'),
    ('annotations', {'bbox': [1, 2, 3, float('nan')]}, 'in pixels, got [1, 2, 3, nan]'),
    ('annotations', {'bbox': [1, 2, 3, float('inf')]}, 'in pixels, got [1, 2, 3, inf]'),
    ('annotations', {'bbox': [1, 2, 3, 10**400]}, 'in pixels, got [1, 2, 3, 1000'),
    ('annotations', {'bbox': [1, 2, 3, -4]}, 'has a negative size, [1, 2, 3, -4]'),
    ('annotations', {'bbox': [60, 2, 3, 4]}, 'bbox [60, 2, 3, 4] lies outside its image 7.jpg of '
                                            '60x40 pixels'),
    ('annotations', {'bbox': [1, -4, 3, 4]}, 'bbox [1, -4, 3, 4] lies outside its image'),
    ('images', {'id': 7.0}, 'id must be an integer, got 7.0'),
    ('images', {'width': 'no'}, 'width is missing, expected a number of pixels above 0'),
    ('images', {'width': None}, 'width must be a number of pixels above 0, got None'),
    ('images', {'height': 0}, 'height must be a number of pixels above 0, got 0'),
    ('images', {'file_name': None}, 'file_name must be the name of a file, got None'),
    ('images', {'file_name': 3}, 'file_name must be the name of a file, got 3'),
    ('categories', {'id': 'no'}, 'id is missing, expected an integer'),
    ('categories', {'id': True}, 'id must be an integer, got True'),
    ('categories', {'name': 'no'}, 'name is missing, expected the name of a class'),
    ('categories', {'name': ' '}, "name must be the name of a class, got ' '"),
])
def test_fault_of_a_record(tmp_path, kind, values, expected):
    first = faults(tmp_path, changed(kind, **values))[0]
    assert first.startswith(f'{kind}[0]: ') and expected in first


@pytest.mark.parametrize('kind, values, expected', [
    ('images', {'id': 9}, 'images: id 9 appears 2 times'),
    ('categories', {'id': 5}, 'categories: id 5 appears 2 times'),
    ('categories', {'name': 'pit'}, 'categories: name pit appears 2 times'),
    ('annotations', {'id': 1}, 'annotations: id 1 appears 2 times'),
])
def test_what_occurs_twice(tmp_path, kind, values, expected):
    assert expected in faults(tmp_path, changed(kind, **values))


def test_faulty_annotations_are_left_out(tmp_path):
    found = read(tmp_path, changed('annotations', image_id=8))
    assert [box['id'] for box in found.annotations] == [1]
    assert found.faults == ['annotations[0]: image_id 8 is not among the images']


def test_annotations_wait_for_sound_images(tmp_path):
    found = read(tmp_path, changed('images', width=0))
    assert [image['id'] for image in found.images] == [9] and found.annotations == []
    assert len(found.faults) == 1


@pytest.mark.parametrize('text, reason', [
    ('', r'a.json is not JSON \(Expecting value'),
    ('[]', r'a.json is not a COCO annotation file \(no list "images"\)'),
    ('{"images": [], "categories": {}}', r'\(no list "categories"\)'),
    ('{"images": [], "categories": null}', r'\(no list "categories"\)'),
    ('{"images": [], "categories": [], "annotations": null}', r'\(no list "annotations"\)'),
    ('[' * 100000 + ']' * 100000, r'a.json is not JSON \(.*recursion'),
    (b'{"a": "\xe9"}', r"a.json is not text in UTF-8 \('utf-8' codec can't decode"),
])
def test_a_file_that_is_none(tmp_path, text, reason):
    path = tmp_path / 'a.json'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=reason):
        read_coco(str(path))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'a.json')
    with pytest.raises(OSError, match='is a pipe or a device, expected a file: .*a.json'):
        read_coco(str(tmp_path / 'a.json'))


@pytest.mark.parametrize('values, load_crowd, taken', [
    ({}, False, True), ({'area': 0}, False, False), ({'bbox': [1, 1, 5, 0]}, False, False),
    ({'ignore': 1}, False, False), ({'iscrowd': 1}, False, False), ({'iscrowd': 1}, True, True)])
def test_which_boxes_take_part(values, load_crowd, taken):
    assert takes_part(changed('annotations', **values)['annotations'][0], load_crowd) is taken


SOUND_DETECTION = {'image_id': 9, 'category_id': 5, 'bbox': [1, 2, 0, -0.5], 'score': 0}


def test_sound_detections(tmp_path):
    assert detection_fault([], read(tmp_path, content())) is None
    assert detection_fault([SOUND_DETECTION] * 2, read(tmp_path, content())) is None


@pytest.mark.parametrize('values, expected', [
    ({'image_id': 8}, 'image_id 8 is not among the images'),
    ({'image_id': [9]}, 'image_id must be an integer, got [9]'),
    ({'category_id': 4}, 'category_id 4 is not among the categories'),
    ({'bbox': None}, 'bbox must be x, y, width, height in pixels, got None'),
    ({'bbox': [1, 2, 3, 'x']}, "bbox must be x, y, width, height in pixels, got [1, 2, 3, 'x']"),
    ({'score': float('nan')}, 'score must be a number, got nan'),
    ({'score': None}, 'score must be a number, got None'),
])
def test_faulty_detections(tmp_path, values, expected):
    detections = [SOUND_DETECTION, {**SOUND_DETECTION, **values}]
    assert detection_fault(detections, read(tmp_path, content())) == f'[1]: {expected}'


@pytest.mark.parametrize('record', [3, [], None])
def test_detections_that_are_none(tmp_path, record):
    assert detection_fault([record], read(tmp_path, content())).startswith(
        '[0]: expected a dictionary, got')


def test_categories_may_stand_alone(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps({'categories': content()['categories']}))
    category_names(str(path))
    path.write_text(json.dumps({'categories': [{'id': 1}]}))
    with pytest.raises(ValueError, match=r'a.json, categories\[0\]: name is missing'):
        category_names(str(path))
