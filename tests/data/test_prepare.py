# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Labelled images of four formats, as several tools write them, become one COCO data set."""
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from label_formats import (
    CLASSES,
    SIZE,
    WRITERS,
    coco_content,
    labelme_content,
    objects,
    voc_text,
    write_coco,
    write_images,
    write_labelme,
    write_text,
    write_voc,
    write_yolo,
    yolo_text,
)
from PIL import Image
from tool_runs import TOOLS

from ppdet_ext.data.check import check_coco_folder
from ppdet_ext.data.coco import grouped_split
from ppdet_ext.data.formats import SourceOptions, detect_format
from ppdet_ext.data.prepare import InvalidDataError, PrepareOptions, prepare_data


def load(folder):
    return {split: json.loads((folder / 'annotations' / f'{split}.json').read_text('utf-8'))
            for split in ('train', 'val', 'test')}


def boxes_of(folder):
    """dict: file name to the sorted (class name, x, y, width, height) of its boxes."""
    found = {}
    for content in load(folder).values():
        names = {c['id']: c['name'] for c in content['categories']}
        files = {image['id']: image['file_name'] for image in content['images']}
        found.update({file: [] for file in files.values()})
        for box in content['annotations']:
            found[files[box['image_id']]].append((names[box['category_id']], *box['bbox']))
    return {file: sorted(boxes) for file, boxes in found.items()}


def prepared(source, output, options=PrepareOptions(), **reading):  # noqa: B008
    report, _ = prepare_data(str(source), str(output), SourceOptions(**reading), options)
    assert check_coco_folder(str(output))[1] == []
    return report


def faults_of(source, tmp_path, **reading):
    with pytest.raises(InvalidDataError) as error:
        prepared(source, tmp_path / 'refused', **reading)
    assert not (tmp_path / 'refused').exists()
    return [str(fault) for fault in error.value.faults]


@pytest.fixture
def source(tmp_path):
    return tmp_path / 'source'


@pytest.mark.parametrize('pack', ['folder', 'zip', 'gztar'])
def test_the_same_objects_give_the_same_files(tmp_path, pack):
    content = objects(20)
    written = []
    for name, write in WRITERS.items():
        folder = tmp_path / name
        write(folder, content)
        source = str(folder) if pack == 'folder' else shutil.make_archive(str(folder), pack, folder)
        report = prepared(source, tmp_path / name / '..' / f'made_{name}' / 'steel')
        assert f'format: {name}' in report
        made = tmp_path / f'made_{name}' / 'steel'
        written.append([(made / 'annotations' / f'{split}.json').read_bytes()
                        for split in ('train', 'val', 'test')])
        assert (made / 'label_list.txt').read_text().split() == list(CLASSES)
    assert written[0] == written[1] == written[2] == written[3]
    sound = [image for boxes in content.values() if not boxes for image in [boxes]]
    assert len(sound) == 4 and sum(not boxes for boxes in boxes_of(made).values()) == 4


def test_coco_files_of_ours_are_a_source_too(tmp_path, source):
    write_voc(source, objects())
    prepared(source, tmp_path / 'first')
    (tmp_path / 'first' / 'report.txt').unlink()
    prepared(tmp_path / 'first', tmp_path / 'second')
    first, second = load(tmp_path / 'first'), load(tmp_path / 'second')
    for split in first:
        assert first[split].pop('info') and second[split].pop('info')
    assert first == second


def test_the_segmentation_is_the_box(tmp_path, source):
    write_yolo(source, objects())
    prepared(source, tmp_path / 'out')
    for content in load(tmp_path / 'out').values():
        for box in content['annotations']:
            x, y, w, h = box['bbox']
            assert box['segmentation'] == [[x, y, x + w, y, x + w, y + h, x, y + h]]


# --- what the tools write ---


def test_roboflow_yolo_with_paths_that_lead_elsewhere(tmp_path, source):
    content = objects()
    for k, (name, boxes) in enumerate(content.items()):
        part = 'valid' if k < 3 else 'test' if k == 3 else 'train'
        write_images(source / part / 'images', [name])
        write_text(source / part / 'labels' / f'{name}.txt', yolo_text(boxes))
    write_text(source / 'README.roboflow.txt', 'exported')
    write_text(source / 'data.yaml', 'train: ../train/images\nval: ../valid/images\n'
               f'test: ../test/images\nnc: 2\nnames: {list(CLASSES)}\nroboflow:\n  version: 1\n')
    report = prepared(source, tmp_path / 'out')
    assert 'split: as in the source' in report
    assert [len(c['images']) for c in load(tmp_path / 'out').values()] == [6, 3, 1]


def test_cvat_yolo_with_names_by_number_and_lists(tmp_path, source):
    content = objects()
    for name, boxes in content.items():
        part = 'val' if name < 'part.003' else 'train'
        write_images(source / 'images' / part, [name])
        write_text(source / 'labels' / part / f'{name}.txt', yolo_text(boxes))
    for part in ('train', 'val'):
        paths = [f'data/images/{part}/{name}.png' for name in content
                 if (source / 'images' / part / f'{name}.png').exists()]
        write_text(source / f'{part}.txt', '\n'.join(paths))
    write_text(source / 'data.yaml', 'path: .\ntrain: train.txt\nval: val.txt\nnames:\n'
               '  0: scratch\n  1: dent\n')
    prepared(source, tmp_path / 'out')
    assert [len(c['images']) for c in load(tmp_path / 'out').values()] == [7, 3, 0]


def test_cvat_yolo_of_darknet(tmp_path, source):
    content = objects()
    for name, boxes in content.items():
        write_images(source / 'obj_train_data', [name])
        write_text(source / 'obj_train_data' / f'{name}.txt', yolo_text(boxes))
    write_text(source / 'obj.names', 'scratch\ndent\n')
    write_text(source / 'obj.data', 'classes = 2\nnames = data/obj.names\n')
    write_text(source / 'train.txt', '\n'.join(f'data/obj_train_data/{n}.png' for n in content))
    report = prepared(source, tmp_path / 'out')
    assert 'seed 0' in report and len(boxes_of(tmp_path / 'out')) == 10


def test_label_studio_yolo(tmp_path, source):
    write_yolo(source, objects())
    (source / 'data.yaml').unlink()
    write_text(source / 'classes.txt', 'scratch\r\ndent\r\n')
    write_text(source / 'notes.json', '{"categories": [{"id": 0, "name": "scratch"}], "info": {}}')
    prepared(source, tmp_path / 'out')
    assert len(boxes_of(tmp_path / 'out')) == 10


def test_label_studio_coco_with_addresses_and_ids_from_0(tmp_path, source):
    content = objects()
    write_images(source / 'images', content)
    write_text(source / 'result.json', json.dumps(coco_content(
        content, first_id=0, file_name='/data/local-files/?d=steel/images/{}.png')))
    report = prepared(source, tmp_path / 'out')
    assert 'renumbered' in report and '10 images were listed under other paths' in report
    train = load(tmp_path / 'out')['train']
    assert [(c['id'], c['name']) for c in train['categories']] == [(1, 'scratch'), (2, 'dent')]


def test_roboflow_coco_has_a_class_for_the_group(tmp_path, source):
    content = objects()
    for part, names in (('train', list(content)[:7]), ('valid', list(content)[7:])):
        write_images(source / part, names)
        coco = coco_content({name: content[name] for name in names})
        for category in coco['categories']:
            category['supercategory'] = 'defects'
        coco['categories'].insert(0, {'id': 0, 'name': 'defects', 'supercategory': 'none'})
        write_text(source / part / '_annotations.coco.json', json.dumps(coco))
    prepared(source, tmp_path / 'out')
    made = load(tmp_path / 'out')
    assert [c['name'] for c in made['train']['categories']] == list(CLASSES)
    assert [len(c['images']) for c in made.values()] == [7, 3, 0]


def test_windows_paths_and_same_names_in_two_folders(tmp_path, source):
    content = objects(4)
    both = {f'cam{camera}\\{name}': boxes for camera in (1, 2) for name, boxes in content.items()}
    for camera in (1, 2):
        write_images(source / 'images' / f'cam{camera}', content)
    write_text(source / 'all.json', json.dumps(coco_content(
        both, file_name='D:\\exports\\images\\{}.png')))
    prepared(source, tmp_path / 'out')
    assert sorted(boxes_of(tmp_path / 'out')) == [
        f'cam{camera}/{name}.png' for camera in (1, 2) for name in content]


def test_polygons_without_a_bbox(tmp_path, source):
    content = {'a': [('dent', (2, 3, 12, 9))], 'b': [('scratch', (1, 1, 5, 6))]}
    coco = coco_content(content)
    for box in coco['annotations']:
        x, y, w, h = box.pop('bbox')
        box.pop('area'), box.pop('iscrowd')
        box['segmentation'] = [[x, y, x + w, y + 1, x + w / 2, y + h]]
    write_images(source / 'images', content)
    write_text(source / 'a.json', json.dumps(coco))
    report = prepared(source, tmp_path / 'out')
    assert '2 boxes come from polygons' in report
    assert boxes_of(tmp_path / 'out')['a.png'] == [('dent', 2, 3, 10, 6)]


def test_cvat_voc_with_lists_and_a_label_map(tmp_path, source):
    content = objects()
    write_voc(source, content)
    (source / 'classes.txt').unlink()
    write_text(source / 'labelmap.txt', '# label:color_rgb:parts:actions\nbackground:0,0,0::\n'
               'scratch:1,1,1::\ndent:2,2,2::\n')
    for part, names in (('train', list(content)[:8]), ('val', list(content)[8:])):
        write_text(source / 'ImageSets' / 'Main' / f'{part}.txt', '\n'.join(names))
    prepared(source, tmp_path / 'out')
    assert [len(c['images']) for c in load(tmp_path / 'out').values()] == [8, 2, 0]


@pytest.mark.parametrize('beside', [True, False])
def test_voc_beside_the_images_or_in_a_folder_of_any_name(tmp_path, source, beside):
    content = objects()
    write_images(source / 'fotos', content)
    for name, boxes in content.items():
        write_text(source / ('fotos' if beside else 'xml') / f'{name}.xml', voc_text(boxes))
    prepared(source, tmp_path / 'out', class_names=CLASSES)
    assert boxes_of(tmp_path / 'out') == {
        f'{name}.png': sorted((c, x1, y1, x2 - x1, y2 - y1) for c, (x1, y1, x2, y2) in boxes)
        for name, boxes in content.items()}


def test_labelme_shapes_become_their_enclosing_box(tmp_path, source):
    write_images(source, ['a', 'b'])
    content = labelme_content('..\\photos\\a.png', [])
    content['shapes'] = [
        {'label': 'dent', 'points': [[2, 3], [12, 3], [12, 9], [2, 9]], 'shape_type': 'rectangle'},
        {'label': 'dent', 'points': [[20.5, 3], [30, 6.25], [25, 9]], 'shape_type': 'polygon'},
        {'label': ' scratch\u200b', 'points': [[9, 9], [4, 4]], 'shape_type': 'rectangle'},
        {'label': 'scratch', 'points': [[-0.4, 1], [5, 48.3]], 'shape_type': 'rectangle'},
    ]
    write_text(source / 'a.json', json.dumps(content))
    write_text(source / 'b.json', json.dumps(labelme_content('b.png', [])))
    report = prepared(source, tmp_path / 'out', class_names=CLASSES)
    assert '2 polygons, masks and boxes of four points became their enclosing box' in report
    assert boxes_of(tmp_path / 'out')['a.png'] == sorted([
        ('dent', 2, 3, 10, 6), ('dent', 20.5, 3, 9.5, 6), ('scratch', 4, 4, 5, 5),
        ('scratch', 0, 1, 5, 47)])


@pytest.mark.parametrize('kind', ['circle', 'line', 'point', 'linestrip'])
def test_other_shapes_of_labelme_are_faults(tmp_path, source, kind):
    write_labelme(source, objects(2))
    path = source / 'part.000.json'
    content = json.loads(path.read_text())
    content['shapes'][0].update(shape_type=kind)
    path.write_text(json.dumps(content))
    fault, = faults_of(source, tmp_path)
    assert fault.startswith(f'part.000.json: shapes[0]: a {kind} of the class dent has no box')


def test_yolo_lines_of_all_kinds(tmp_path, source):
    write_images(source / 'images', ['a', 'b'])
    write_text(source / 'classes.txt', 'scratch\ndent\n')
    write_text(source / 'labels' / 'a.txt', '1 0.5 0.5 0.25 0.25\r\n\r\n   \r\n'
               '0 0.5 0.5 0.25 0.25 0.93\r\n'                       # a score
               '1 0.125 0.25 0.25 0.25 0.25 0.5 0.125 0.5\n'       # a rotated box
               '1 0.5 0.5 0.75 0.5 0.625 0.75\n')                  # a polygon
    write_text(source / 'labels' / 'b.txt', '')
    report = prepared(source, tmp_path / 'out')
    assert '1 boxes have a score' in report and '2 polygons and rotated boxes' in report
    assert boxes_of(tmp_path / 'out')['a.png'] == sorted([
        ('dent', 24, 18, 16, 12), ('scratch', 24, 18, 16, 12), ('dent', 8, 12, 8, 12),
        ('dent', 32, 24, 16, 12)])


@pytest.mark.parametrize('numbers', [2, 3])
def test_keypoints_of_yolo_are_left_out(tmp_path, source, numbers):
    write_images(source / 'images', ['a', 'b'])
    points = ' '.join(['0.1', '0.9', '2'][:numbers] * 3)
    write_text(source / 'data.yaml', f'names: [dent]\nkpt_shape: [3, {numbers}]\n')
    write_text(source / 'labels' / 'a.txt', f'0 0.5 0.5 0.25 0.25 {points}\n')
    write_text(source / 'labels' / 'b.txt', '0 0.5 0.5 0.25 0.25\n')
    assert '1 boxes have keypoints, which are left out' in prepared(source, tmp_path / 'out')
    box = ('dent', 24, 18, 16, 12)
    assert boxes_of(tmp_path / 'out') == {'a.png': [box], 'b.png': [box]}


def test_a_shape_of_keypoints_that_is_none(tmp_path, source):
    write_yolo(source, objects(3))
    write_text(source / 'data.yaml', 'names: [dent, scratch]\nkpt_shape: 17\n')
    with pytest.raises(ValueError, match='data.yaml: kpt_shape is the number of keypoints and of'):
        prepared(source, tmp_path / 'out')


@pytest.mark.parametrize('line, message', [
    ('2 0.5 0.5 0.2 0.2', 'class 2, but there are 2 classes, counted from 0: scratch, dent'),
    ('0.5 0.5 0.5 0.2 0.2', 'the class must be an integer of at least 0, got 0.5'),
    ('0 0.5 0.5 0.2', 'expected a class, x, y, width, height, or a class and points x, y, got 4'),
    ('dent 0.5 0.5 0.2 0.2', 'expected a class number, x, y, width and height, separated by '
     'blanks, got "dent 0.5 0.5 0.2 0.2"'),
    ('0 0.5 0.5 nan 0.2', 'expected numbers, got'),
    ('0 12 20 8 8', '[12.0, 20.0, 8.0, 8.0] are pixels; YOLO uses fractions'),
    ('0 0.9 0.5 0.4 0.2', 'box [44.8, 19.2, 70.4, 28.8] (x1, y1, x2, y2) is outside the image'),
    ('0 0.5 0.5 0 0.2', 'box [0.5, 0.5, 0.0, 0.2] (x, y, width, height) has no positive size'),
    ('0 0.5 0.5 -0.1 0.2', '[0.5, 0.5, -0.1, 0.2] are not within the image'),
])
def test_faults_of_yolo_name_file_and_line(tmp_path, source, line, message):
    write_yolo(source, objects(3))
    write_text(source / 'labels' / 'part.000.txt', f'\n0 0.5 0.5 0.2 0.2\n{line}\n')
    fault, = faults_of(source, tmp_path)
    assert fault.startswith(os.path.join('labels', 'part.000.txt') + ':3: ' + message), fault


@pytest.mark.parametrize('text, message', [
    ('names: [a, a]', 'expected different names of classes'),
    ('names: {0: a, 2: b}', r'names count from 0 without a gap, got \[0, 2\]'),
    ('names: []', r'names must be a list of the classes, got \[\]'),
    ('nc: 3\nnames: [a, b]', 'nc is 3, but there are 2 names: a, b'),
])
def test_faults_of_data_yaml(tmp_path, source, text, message):
    write_yolo(source, objects(2))
    write_text(source / 'data.yaml', text)
    with pytest.raises(ValueError, match=f'data.yaml: {message}'):
        prepared(source, tmp_path / 'out')


# --- unlabelled and faulty ---


@pytest.mark.parametrize('name', WRITERS)
def test_an_image_without_label_is_a_fault_or_sound(tmp_path, source, name):
    WRITERS[name](source, objects(6))
    folder = next(path.parent for path in source.rglob('*.png'))
    write_images(folder, ['unlabelled'])
    fault, = faults_of(source, tmp_path)
    assert 'unlabelled.png' in fault and '--unlabelled sound' in fault
    prepared(source, tmp_path / 'out', unlabelled_sound=True)
    assert boxes_of(tmp_path / 'out')['unlabelled.png'] == []


@pytest.mark.parametrize('name', WRITERS)
def test_a_label_without_image_is_a_fault(tmp_path, source, name):
    WRITERS[name](source, objects(6))
    next(source.rglob('part.000.png')).unlink()
    fault, = faults_of(source, tmp_path)
    assert 'part.000' in fault and 'no' in fault and 'image' in fault


@pytest.mark.parametrize('name, damage', [
    ('voc', lambda text: text.replace('</annotation>', '')),
    ('labelme', lambda text: text[:-1]),
    ('coco', lambda text: text.replace('"width": 64', '"width": 0', 1)),
])
def test_a_label_that_cannot_be_read_never_makes_a_sound_image(tmp_path, source, name, damage):
    WRITERS[name](source, objects(6))
    path = next(p for suffix in ('xml', 'json') for p in sorted(source.rglob(f'*.{suffix}')))
    path.write_text(damage(path.read_text()))
    options = PrepareOptions(skip_invalid=True)
    prepared(source, tmp_path / 'out', options, unlabelled_sound=True)
    assert len(boxes_of(tmp_path / 'out')) == 5
    assert 'part.000.png' not in boxes_of(tmp_path / 'out')


def test_an_image_of_coco_that_loses_its_only_box_is_left_out(tmp_path, source):
    write_coco(source, objects(6))
    path = source / 'annotations' / 'instances_default.json'
    content = json.loads(path.read_text())
    assert [a['image_id'] for a in content['annotations']].count(0) == 1
    content['annotations'][0]['bbox'] = [1, 2, 3]
    path.write_text(json.dumps(content))
    assert len(faults_of(source, tmp_path)) == 1
    prepared(source, tmp_path / 'out', PrepareOptions(skip_invalid=True))
    assert 'part.000.png' not in boxes_of(tmp_path / 'out')


def test_an_image_that_two_files_list_is_a_fault(tmp_path, source):
    write_coco(source, objects(6))
    shutil.copy(source / 'annotations' / 'instances_default.json', source / 'more.json')
    faults = faults_of(source, tmp_path)
    assert len(faults) == 6 and all('is listed twice' in fault for fault in faults)


@pytest.mark.parametrize('name', WRITERS)
def test_a_stated_size_must_be_the_image_s(tmp_path, source, name):
    if name == 'yolo':
        return  # it states none
    WRITERS[name](source, objects(6))
    next(source.rglob('part.000.png')).unlink()
    folder = next(path.parent for path in source.rglob('*.png'))
    Image.new('L', (32, 48)).save(folder / 'part.000.png')
    assert any('64x48, the image is 32x48' in fault for fault in faults_of(source, tmp_path))


def test_faults_of_all_images_are_in_one_report(tmp_path, source):
    write_yolo(source, objects(8))
    write_text(source / 'labels' / 'part.000.txt', '7 0.5 0.5 0.1 0.1\nx\n')
    write_text(source / 'labels' / 'part.005.txt', '0 3 3 3 3\n')
    (source / 'labels' / 'part.006.txt').unlink()
    (source / 'images' / 'part.007.png').write_bytes(b'no image')
    assert len(faults_of(source, tmp_path)) == 5


# --- order of the classes ---


@pytest.mark.parametrize('name', ['voc', 'labelme'])
def test_without_an_order_of_the_classes_the_names_are_shown(tmp_path, source, name):
    WRITERS[name](source, objects(6))
    for path in source.glob('*.txt'):
        path.unlink()
    with pytest.raises(ValueError, match=r'nothing states the order of the classes, dent \(\d '
                                         r'boxes\), scratch .*--classes dent,scratch'):
        prepared(source, tmp_path / 'out')


@pytest.mark.parametrize('name', WRITERS)
def test_the_order_given_wins(tmp_path, source, name):
    WRITERS[name](source, objects(6))
    prepared(source, tmp_path / 'a')
    prepared(source, tmp_path / 'b', class_names=('dent', 'scratch'))
    assert boxes_of(tmp_path / 'a') == boxes_of(tmp_path / 'b')
    made = load(tmp_path / 'b')['train']
    assert [(c['id'], c['name']) for c in made['categories']] == [(1, 'dent'), (2, 'scratch')]


@pytest.mark.parametrize('name', WRITERS)
def test_a_class_that_is_not_among_those_given_is_a_fault(tmp_path, source, name):
    WRITERS[name](source, objects(2))
    faults = faults_of(source, tmp_path, class_names=('scratch', ))
    assert faults and all('unknown class "dent", expected one of scratch' in f for f in faults)


def test_coco_files_with_other_classes_are_refused(tmp_path, source):
    content = objects(4)
    for part, classes in (('train', CLASSES), ('val', CLASSES[::-1])):
        write_images(source / part, [f'{part}.{name}' for name in content])
        write_text(source / f'{part}.json', json.dumps(coco_content(
            {f'{part}.{name}': boxes for name, boxes in content.items()}, classes)))
    with pytest.raises(ValueError, match='train.json has the classes scratch, dent, .*val.json '
                                         'has dent, scratch'):
        prepared(source, tmp_path / 'out')


# --- splits ---


def test_groups_stay_together(tmp_path, source):
    content = {f'coil{coil}_{k}': [(CLASSES[coil % 2], (1, 1, 9, 9))]
               for coil in range(20) for k in range(3)}
    write_yolo(source, content)
    report = prepared(source, tmp_path / 'out', PrepareOptions(group_by=r'(coil\d+)_'))
    assert '20 groups' in report
    coils = [{image['file_name'].split('_')[0] for image in c['images']}
             for c in load(tmp_path / 'out').values()]
    assert sum(map(len, coils)) == 20 and [len(c) for c in coils] == [14, 4, 2]


@pytest.mark.parametrize('images', [3, 7, 41])
def test_two_groups_leave_none_of_them_out_of_train(images):
    divided = grouped_split(['dent'] * 2 * images, ['a'] * images + ['b'] * images, 0)
    assert [len(indices) for indices in divided.values()] == [images, images, 0]


def test_images_of_no_split_are_reported(tmp_path, source):
    content = objects(12)
    for k, name in enumerate(content):
        part = ('train', 'val', 'test', 'others')[k % 4]
        write_images(source / 'images' / part, [name])
        write_text(source / 'labels' / part / f'{name}.txt', yolo_text(content[name]))
    write_text(source / 'classes.txt', '\n'.join(CLASSES))
    report = prepared(source, tmp_path / 'out')
    assert 'split: as in the source (--split new draws another); 3 images without a ' \
           'split went to train' in report


def test_a_group_that_does_not_occur_is_named(tmp_path, source):
    write_yolo(source, objects(4))
    with pytest.raises(ValueError, match='--group-by coil: does not occur in the names of 4 '
                                         'images, first part.000.png'):
        prepared(source, tmp_path / 'out', PrepareOptions(group_by='coil'))


def test_groups_that_a_kept_division_tears_apart_are_reported(tmp_path, source):
    for part in ('train', 'val', 'test'):
        for name in (f'coil1_{part}', f'other_{part}'):
            write_images(source / 'images' / part, [name])
            write_text(source / 'labels' / part / f'{name}.txt', yolo_text(objects(1)['part.000']))
    write_text(source / 'classes.txt', '\n'.join(CLASSES))
    report = prepared(source, tmp_path / 'out', PrepareOptions(group_by=r'(coil\d+)_'))
    assert 'note: 1 group in several splits, first coil1; --split new keeps the images' in report


def test_an_image_in_two_splits_under_two_names_is_reported(tmp_path, source):
    for part, shade in (('train', 40), ('val', 80), ('test', 120)):
        for name in (f'{part}_0', f'{part}_1'):
            path = source / 'images' / part / f'{name}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new('L', (64, 48), shade + int(name[-1])).save(path)
            write_text(source / 'labels' / part / f'{name}.txt', yolo_text(objects(1)['part.000']))
    write_text(source / 'classes.txt', '\n'.join(CLASSES))
    assert 'several names' not in prepared(source, tmp_path / 'apart')
    images = source / 'images'
    shutil.copy(images / 'train' / 'train_1.png', images / 'val' / 'val_0.png')
    assert ('note: 1 image in several splits under several names, first train/train_1.png = '
            'val/val_0.png: evaluation would see') in prepared(source, tmp_path / 'twice')


@pytest.mark.parametrize('kept, drawn, sizes', [('test', 'val', [15, 5, 4]),
                                                ('val', 'test', [18, 4, 2])])
def test_a_division_is_kept_unless_a_new_one_is_wanted(tmp_path, source, kept, drawn, sizes):
    content = objects(24)
    for k, name in enumerate(content):
        part = kept if k < 4 else 'train'
        write_images(source / 'images' / part, [name])
        write_text(source / 'labels' / part / f'{name}.txt', yolo_text(content[name]))
    write_text(source / 'classes.txt', '\n'.join(CLASSES))
    report = prepared(source, tmp_path / 'kept')
    made = load(tmp_path / 'kept')
    assert f'split: {kept} as in the source; {drawn} drawn from its train, seed 0\n' in report
    assert [len(made[split]['images']) for split in ('train', 'val', 'test')] == sizes
    assert {i['file_name'] for i in made[kept]['images']} == {f'part.00{k}.png' for k in range(4)}
    assert 'seed 5' in prepared(source, tmp_path / 'new', PrepareOptions(split='new', seed=5))


def test_the_same_name_in_two_splits_gets_a_folder(tmp_path, source):
    for k, part in enumerate(('train', 'val')):
        write_images(source / part / 'images', [f'x{k}', '1'])
        for name in (f'x{k}', '1'):
            write_text(source / part / 'labels' / f'{name}.txt', '0 0.5 0.5 0.5 0.5\n')
    write_text(source / 'classes.txt', '\n'.join(CLASSES))
    prepared(source, tmp_path / 'out')
    assert sorted(boxes_of(tmp_path / 'out')) == ['train/1.png', 'val/1.png', 'x0.png', 'x1.png']


# --- formats, options, files ---


@pytest.mark.parametrize('name', WRITERS)
def test_the_format_is_detected(source, name):
    WRITERS[name](source, objects(3))
    assert detect_format(str(source)) == name


def test_no_format_and_several_formats_are_named(source, tmp_path):
    write_images(source, ['a'])
    with pytest.raises(ValueError, match='a known format .voc: one XML file per image'):
        prepared(source, tmp_path / 'out')
    write_voc(source, objects(2))
    write_labelme(source / 'more', {'x': [('dent', (1, 1, 9, 9))]})
    with pytest.raises(ValueError, match='several formats, voc .*labelme .*--format'):
        prepared(source, tmp_path / 'out')


def test_files_that_are_left_out_are_named(source, tmp_path):
    write_yolo(source, objects(3))
    (source / 'images' / 'x.heic').write_text('x')
    report = prepared(source, tmp_path / 'out')
    assert 'note: 1 file left out, neither image nor label: x.heic' in report


@pytest.mark.parametrize('where', ['.', 'source'])
def test_output_may_not_hold_or_double_the_source(tmp_path, source, where):
    write_yolo(source, objects(3))
    with pytest.raises(FileExistsError, match='would replace the source'):
        prepared(source, tmp_path / where, PrepareOptions(overwrite=True))
    prepared(source, source / 'made')
    with pytest.raises(FileExistsError, match='lies in the source'):
        prepared(source, source / 'made', PrepareOptions(overwrite=True))


def test_sixteen_bits_are_copied_and_their_range_is_stated(tmp_path, source):
    write_yolo(source, objects(3))
    for k, path in enumerate(sorted((source / 'images').glob('*.png'))):
        pixels = np.asarray(Image.open(path)).astype('uint16') * (16 if k else 8)
        Image.fromarray(pixels).save(path)
    report = prepared(source, tmp_path / 'out')
    assert 'grey values: 16 bits per channel in the files, 0 to 4095 in use' in report
    content = yaml.safe_load((tmp_path / 'out' / 'dataset.yml').read_text())
    assert content['image_maximum'] == 4095
    path = source / 'images' / 'part.000.png'
    assert (tmp_path / 'out' / 'images' / 'part.000.png').read_bytes() == path.read_bytes()


def test_floating_point_images_are_faults(tmp_path, source):
    write_yolo(source, objects(3))
    Image.fromarray(np.zeros(SIZE[::-1], 'float32')).save(source / 'images' / 'f.tif')
    write_text(source / 'labels' / 'f.txt', '')
    fault, = faults_of(source, tmp_path)
    assert 'grey values of 32 bits, expected 8 or 16' in fault


# --- the tool ---


def run_tool(*arguments, cwd, **environment):
    return subprocess.run([sys.executable, str(TOOLS / 'prepare_data.py'), *map(str, arguments)],
                          cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, **environment})


def test_the_tool_prepares_checks_and_writes_configs_without_paddle(tmp_path, source):
    write_coco(source, objects(20))
    (tmp_path / 'paddle.py').write_text('raise SystemError("imported Paddle")')
    configs = TOOLS.parent / 'configs'
    finished = run_tool(
        '--source', source, '--output', 'data/parts', '--config',
        configs / 'nano/retinanet_nano_s_neu_det.yml', '--slim_config',
        configs / 'slim/distill/retinanet_nano_l_neu_det_mgd_distill.yml', '--check',
        cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert finished.returncode == 0, finished.stderr
    assert 'ok: train 15 images' in finished.stdout
    assert sorted(p.name for p in (tmp_path / 'data' / 'parts').glob('*.yml')) == [
        'dataset.yml', 'retinanet_nano_l_parts.yml', 'retinanet_nano_l_parts_mgd_distill.yml',
        'retinanet_nano_s_parts.yml']


def test_a_config_that_does_not_exist_is_noticed_before_images_are_copied(tmp_path, source):
    write_coco(source, objects(20))
    finished = run_tool('--source', source, '--output', 'out', '--config', 'lite/gfl.yml',
                        cwd=tmp_path)
    assert finished.returncode == 1 and not (tmp_path / 'out').exists()
    assert finished.stderr.startswith('error: lite/gfl.yml: there is no such config')
    assert 'copying' not in finished.stdout


def test_the_tool_lists_every_fault(tmp_path, source):
    write_yolo(source, objects(3))
    write_text(source / 'labels' / 'part.000.txt', 'x\n9 1 1 1 1\n')
    finished = run_tool('--source', source, '--output', 'out', cwd=tmp_path)
    assert finished.returncode == 1 and finished.stdout.count('part.000.txt:') == 2
    assert finished.stderr.startswith('error: 2 faults in 1 file,') and not (
        tmp_path / 'out').exists()


def test_names_that_the_console_cannot_show(tmp_path, source):
    write_voc(source, {'a': [('划痕', (1, 1, 9, 9))], 'b': []})
    write_text(source / 'classes.txt', '划痕')
    finished = run_tool('--source', source, '--output', 'out', cwd=tmp_path,
                        PYTHONIOENCODING='ascii', PYTHONUTF8='0')
    assert finished.returncode == 0, finished.stderr
    assert '\\u5212\\u75d5' in finished.stdout
