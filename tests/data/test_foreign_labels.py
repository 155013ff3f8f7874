# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Labels as other programs and systems leave them are read right, or refused by name."""
import json
import os
import pathlib
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from label_formats import (
    CLASSES,
    SIZE,
    WRITERS,
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
from pycocotools import mask

from ppdet_ext.data.formats import SourceOptions, detect_format, read_source
from ppdet_ext.data.prepare import InvalidDataError, PrepareOptions, prepare_data

CONTENT = objects(4)
TOOLS = pathlib.Path(__file__).parents[2] / 'tools'


def read(folder, name, **options):
    return read_source(str(folder), name, SourceOptions(**options))


def boxes_of(source):
    """dict: name without suffix to the sorted (class name, box) of an image."""
    return {image.name.rpartition('.')[0]: sorted(
        (box['class_name'], tuple(box['bbox'])) for box in image.boxes) for image in source.images}


EXPECTED = {name: sorted(boxes) for name, boxes in CONTENT.items()}


def coco_edited(folder, change):
    write_coco(folder, CONTENT)
    path = folder / 'annotations' / 'instances_default.json'
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return read(folder, 'coco')


# --- text ---

ENCODINGS = {'mark': 'utf-8-sig', 'wide': 'utf-16', 'windows': 'utf-8'}


@pytest.mark.parametrize('encoding', ENCODINGS)
@pytest.mark.parametrize('name', WRITERS)
def test_labels_of_other_encodings_and_line_ends(tmp_path, name, encoding):
    WRITERS[name](tmp_path, CONTENT)
    for path in sorted(tmp_path.rglob('*')):
        if path.suffix in ('.xml', '.txt', '.json', '.yaml'):
            text = path.read_text('utf-8').replace('\n', '\r\n')
            path.write_bytes(text.encode(ENCODINGS[encoding]))
    source = read(tmp_path, name)
    assert source.faults == [] and source.class_names == CLASSES
    assert boxes_of(source) == EXPECTED


def test_names_of_classes_in_a_yaml_of_another_encoding(tmp_path):
    write_yolo(tmp_path, CONTENT)
    write_text(tmp_path / 'data.yaml', 'names: [划痕, 凹坑]\n', 'gb18030')
    with pytest.raises(ValueError, match='data.yaml is not text in UTF-8 .*names: .划痕, 凹坑'):
        read(tmp_path, 'yolo')
    assert read(tmp_path, 'yolo', encoding='gb18030').class_names == ('划痕', '凹坑')


def test_a_yaml_that_is_broken_is_named(tmp_path):
    write_yolo(tmp_path, CONTENT)
    write_text(tmp_path / 'data.yaml', 'path: "D:\\data"\nnames: [scratch, dent]\n')
    with pytest.raises(ValueError, match="data.yaml, line 1: found unknown escape character 'd'; "
                                         'between double quotes a backslash begins'):
        read(tmp_path, 'yolo')


# --- classes ---

@pytest.mark.parametrize('name, first, second', [
    ('yolo', 'data.yaml', 'old.yaml'), ('yolo', 'data.yaml', 'labels/classes.txt'),
    ('voc', 'classes.txt', 'label_list.txt'), ('labelme', 'labels.txt', 'old/classes.txt')])
def test_two_files_that_state_another_order_are_both_named(tmp_path, name, first, second):
    WRITERS[name](tmp_path, CONTENT)
    text = 'names: [dent, scratch]\n' if second.endswith('yaml') else 'dent\nscratch\n'
    write_text(tmp_path / second, text)
    with pytest.raises(ValueError) as error:
        read(tmp_path, name)
    assert first in str(error.value) and second in str(error.value)
    assert 'has the classes' in str(error.value) and 'remove the one' in str(error.value)
    write_text(tmp_path / second, text.replace('dent', 'x').replace('scratch', 'dent').replace(
        'x', 'scratch'))
    assert boxes_of(read(tmp_path, name)) == EXPECTED


@pytest.mark.parametrize('twin', ['Scratch', 'ｓｃｒａｔｃｈ', 'scratch '])
def test_a_class_that_is_spelt_otherwise(tmp_path, twin):
    write_voc(tmp_path / 'voc', CONTENT)
    path = tmp_path / 'voc' / 'Annotations' / 'part.001.xml'
    path.write_text(path.read_text('utf-8').replace('scratch', twin), 'utf-8')
    messages = [str(fault) for fault in read(tmp_path / 'voc', 'voc').faults]
    assert messages == ([] if twin == 'scratch ' else [
        f'Annotations/part.001.xml:5: unknown class "{twin}", expected one of scratch, dent; write '
        f'it as scratch'])
    report, _ = prepare_data(str(tmp_path / 'voc'), str(tmp_path / 'out'), SourceOptions(
        class_names=('scratch', 'dent', twin) if messages else CLASSES))
    assert ('note: the classes scratch and ' in report) == bool(messages)


# --- names of files ---

def renamed(folder, form):
    for path in sorted(folder.iterdir()):
        path.rename(path.with_name(form(path.name)))


@pytest.mark.parametrize('form', [
    str.upper, lambda name: unicodedata.normalize('NFD', name.replace('part', 'pärt'))])
def test_images_and_labels_whose_names_differ_in_case_or_form(tmp_path, form):
    write_yolo(tmp_path, CONTENT)
    renamed(tmp_path / 'images', lambda name: unicodedata.normalize('NFC', form(name)))
    if form is not str.upper:
        renamed(tmp_path / 'labels', form)
    source = read(tmp_path, 'yolo')
    assert source.faults == []
    assert list(boxes_of(source).values()) == list(EXPECTED.values())


def test_names_that_differ_in_case_only_keep_their_own_labels(tmp_path):
    write_yolo(tmp_path, {'a': [], 'A': CONTENT['part.001'], 'b': CONTENT['part.000']})
    assert boxes_of(read(tmp_path, 'yolo')) == {'a': [], 'A': EXPECTED['part.001'],
                                                'b': EXPECTED['part.000']}


def test_a_label_file_is_not_used_twice(tmp_path):
    write_yolo(tmp_path, CONTENT)
    Image.new('L', SIZE).save(tmp_path / 'images' / 'part.000.jpg')
    (tmp_path / 'val').mkdir()
    Image.new('L', SIZE).save(tmp_path / 'val' / 'part.001.png')
    source = read(tmp_path, 'yolo')
    assert [str(fault) for fault in source.faults] == [
        'images/part.000.jpg: one of 2 images for the label file labels/part.000.txt',
        'images/part.000.png: one of 2 images for the label file labels/part.000.txt',
        'val/part.001.png: there is no label file (.txt) of this name; if such images show no '
        'defect, give --unlabelled sound']
    assert len(source.images) == 3


def test_images_that_were_converted_after_the_labels_were_made(tmp_path):
    source = coco_edited(tmp_path, lambda content: [
        image.update(file_name=image['file_name'].replace('.png', '.jpg'))
        for image in content['images']])
    assert source.faults == [] and boxes_of(source) == EXPECTED


def test_images_of_an_unknown_suffix_are_named_beside_the_faults(tmp_path):
    write_voc(tmp_path / 'voc', CONTENT)
    path = tmp_path / 'voc' / 'JPEGImages' / 'part.000.png'
    path.rename(path.with_suffix('.jfif'))
    with pytest.raises(InvalidDataError, match='neither image nor label: part.000.jfif'):
        prepare_data(str(tmp_path / 'voc'), str(tmp_path / 'out'))


@pytest.mark.parametrize('name, form', [('voc', '{}'), ('yolo', 'images/{}.png')])
def test_an_image_in_the_lists_of_two_splits_is_in_one(tmp_path, name, form):
    WRITERS[name](tmp_path, CONTENT)
    (tmp_path / 'data.yaml').unlink(missing_ok=True)
    lines = [form.format(image) for image in CONTENT]
    folder = tmp_path / 'ImageSets' / 'Main' if name == 'voc' else tmp_path
    write_text(folder / 'train.txt', '\n'.join(lines[:3]))
    write_text(folder / 'val.txt', '\n'.join(lines[2:]))
    source = read(tmp_path, name, class_names=CLASSES)
    assert [image.split for image in source.images] == ['train', 'train', 'train', 'val']
    assert source.notes == [
        '1 images are in the lists of several splits; the first one counts']


# --- COCO ---

def without_bbox(form):
    def change(content):
        for box in content['annotations']:
            x, y, w, h = map(int, box.pop('bbox'))
            pixels = np.zeros(SIZE[::-1], 'uint8', order='F')
            pixels[y:y + h, x:x + w] = 1
            box['segmentation'] = form(pixels)
    return change


def compressed(pixels):
    runs = mask.encode(pixels)
    return {'size': runs['size'], 'counts': runs['counts'].decode()}


def uncompressed(pixels):
    values = pixels.flatten(order='F').tolist()
    starts = [0, *np.flatnonzero(np.diff(values)) + 1, len(values)]
    return {'size': list(pixels.shape), 'counts': [int(n) for n in np.diff(starts)]}


@pytest.mark.parametrize('form', [compressed, uncompressed])
def test_masks_become_the_box_around_them(tmp_path, form):
    source = coco_edited(tmp_path, without_bbox(form))
    assert source.faults == [] and boxes_of(source) == EXPECTED
    assert source.notes == [f'{sum(map(len, CONTENT.values()))} boxes come from polygons or masks, '
                            f'as there is no bbox']


@pytest.mark.parametrize('runs', [{}, {'size': [4]}, {'size': [48, 64], 'counts': 7},
                                  {'size': [48, 64], 'counts': [48 * 64]}, {'size': 'ab'}])
def test_masks_that_are_none(tmp_path, runs):
    source = coco_edited(tmp_path, without_bbox(lambda _: runs))
    assert len(source.faults) == sum(map(len, CONTENT.values()))
    assert 'bbox is missing' in source.faults[0].message


def changed(kind, **values):
    def change(content):
        for record in content[kind]:
            for key, value in values.items():
                record.pop(key) if value is None else record.update({key: value})
    return change


@pytest.mark.parametrize('change, notes', [
    (changed('images', width=None, height=None),
     ['4 images have no size in the file; it was read from the image']),
    (changed('images', width=0, height=0),
     ['4 images have no size in the file; it was read from the image']),
    (changed('annotations', id=1), ['1 files have box ids that appear twice; renumbered']),
    (changed('annotations', id=None, area=None, iscrowd=None), []),
    (changed('annotations', area=-1), []),
], ids=['no size', 'size 0', 'same ids', 'only what is needed', 'area'])
def test_what_follows_from_the_rest_is_filled_in(tmp_path, change, notes):
    source = coco_edited(tmp_path, change)
    assert source.faults == [] and source.notes == notes
    assert boxes_of(source) == EXPECTED


def test_a_synthetic_source_stays_synthetic(tmp_path):
    coco_edited(tmp_path / 'coco', lambda content: content.update(
        info={'description': 'Synthetic steel'}))
    prepare_data(str(tmp_path / 'coco'), str(tmp_path / 'out'))
    info = json.loads((tmp_path / 'out' / 'annotations' / 'train.json').read_text())['info']
    assert info['description'].endswith('train: Synthetic steel')


def test_corners_instead_of_width_and_height_are_suspected(tmp_path):
    def corners(content):
        for box in content['annotations']:
            x, y, w, h = box['bbox']
            box['bbox'] = [x, y, x + w, y + h]
    source = coco_edited(tmp_path, corners)
    assert 'may be x1, y1, x2, y2, where COCO has x, y, width, height' in source.faults[0].message


@pytest.mark.parametrize('spoil, lost', [
    (lambda content: content['images'][0].update(width=-1), ['part.000']),
    (lambda content: content['images'][1].update(id=0), ['part.000', 'part.001']),
    (lambda content: content['categories'].append({'id': 'x', 'name': 'y'}), []),
], ids=['image', 'ids', 'category'])
def test_one_faulty_record_does_not_take_the_others_with_it(tmp_path, spoil, lost):
    source = coco_edited(tmp_path / 'coco', spoil)
    expected = {name: boxes for name, boxes in EXPECTED.items() if name not in lost}
    assert len(source.faults) == 1 and boxes_of(source) == expected
    prepare_data(str(tmp_path / 'coco'), str(tmp_path / 'out'),
                 options=PrepareOptions(skip_invalid=True))


def as_text(content):
    for record in (*content['images'], *content['annotations'], *content['categories']):
        record.update({key: str(value) for key, value in record.items()
                       if key in ('id', 'image_id', 'category_id', 'width', 'height')})
    for box in content['annotations']:
        box['bbox'] = list(map(str, box['bbox']))


def named_images(content):
    for image in content['images']:
        image['id'] = f'a3f-{image["id"]}'
    for box in content['annotations']:
        box['image_id'] = f'a3f-{box["image_id"]}'


def floats(content):
    for box in content['annotations']:
        box.update(image_id=float(box['image_id']), category_id=float(box['category_id']))


@pytest.mark.parametrize('change, notes', [
    (as_text, {'1 files have ids that are not integers; renumbered',
               '14 numbers were written as text'}),
    (named_images, {'1 files have ids that are not integers; renumbered'}),
    (floats, {'1 files have ids that are not integers; renumbered'}),
], ids=['text', 'names', 'floats'])
def test_ids_and_numbers_of_other_kinds(tmp_path, change, notes):
    source = coco_edited(tmp_path, change)
    assert not source.faults and boxes_of(source) == EXPECTED
    assert set(source.notes) == notes and source.class_names == CLASSES


# --- files of other tools ---


@pytest.mark.parametrize('name, text', [
    ('annotations.xml', '<annotations><version>1.1</version><image id="0" name="a.png"/>'
                        '</annotations>'),
    ('project-1.json', '[{"image": "/data/upload/1/a.png", "label": []}]'),
    ('labels.csv', 'dent,5,5,20,20,a.png,64,48\n'),
    ('labels.zip', b'PK\x05\x06' + bytes(18)),
], ids=['CVAT', 'Label Studio', 'table', 'archive'])
def test_labels_of_no_known_format_are_named(tmp_path, name, text):
    write_images(tmp_path, ['a'])
    write_text(tmp_path / name, text)
    with pytest.raises(ValueError, match=f'no labels of a known format .*, but {name}; export'):
        detect_format(str(tmp_path))


def test_a_file_of_cvat_is_no_annotation_of_voc(tmp_path):
    write_images(tmp_path, ['a'])
    write_text(tmp_path / 'a.xml', '<annotations/>')
    fault, = read(tmp_path, 'voc', class_names=CLASSES).faults
    assert str(fault).startswith('a.xml:1: is not a Pascal VOC annotation: expected <annotation>, '
                                 'got <annotations>; export')


@pytest.mark.parametrize('name', WRITERS)
def test_labels_without_any_image(tmp_path, name):
    WRITERS[name](tmp_path, CONTENT)
    for path in tmp_path.rglob('*.png'):
        path.rename(path.with_suffix('.gif'))
    with pytest.raises(ValueError, match=r'holds no image \(.jpg .*\); put the images there too'):
        read(tmp_path, name)


def test_numbers_without_names_are_listed_in_their_order(tmp_path):
    write_images(tmp_path, ['a'])
    write_text(tmp_path / 'a.txt', '11 0.5 0.5 0.2 0.2\n2 0.5 0.5 0.1 0.1\n')
    with pytest.raises(ValueError, match='names in this order: --classes 0,1,2,3,4,5,6,7,8,9,10,'
                                         '11$'):
        read(tmp_path, 'yolo')


@pytest.mark.parametrize('name, text, message', [
    ('classes.txt', 'dent,scratch\n', 'one class name per line, got all on one, "dent,scratch"'),
    ('classes.txt', 'dent\n\nscratch\n', 'different class names, one per line'),
    ('data.yaml', 'names: [no, dent]\n', 'YAML reads one of the names as False'),
    ('data.yaml', 'names: [1.0, dent]\n', 'YAML reads one of the names as 1.0'),
    ('data.yaml', 'names:\n  0: dent\n  1: scratch\n  1: hole\n',
     'data.yaml, line 4: "1" appears twice, first on line 3; remove one of the two'),
    ('data.yaml', 'names: dent\n', "names must be a list of the classes, got 'dent'; write"),
    ('data.yaml', 'names:\n\t- dent\n', 'data.yaml, line 2: .*; indent with blanks instead'),
])
def test_lists_of_classes_that_read_otherwise_than_meant(tmp_path, name, text, message):
    write_images(tmp_path, ['a'])
    write_text(tmp_path / 'a.txt', '0 0.5 0.5 0.2 0.2\n')
    write_text(tmp_path / name, text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, 'yolo')


def test_file_names_in_the_encoding_of_windows(tmp_path):
    # As tools of Linux unpack them.
    source, output = tmp_path / 'source', tmp_path / 'out'
    folder = os.fsencode(source) + b'/' + '图片'.encode('gbk')
    os.makedirs(folder)
    write_yolo(source, CONTENT)
    for path in [*source.rglob('part*')]:
        os.rename(path, folder + b'/' + path.name.replace('part', '钢板').encode('gbk'))
    report, _ = prepare_data(str(source), str(output))
    assert 'left out: 0 images' in report
    assert sorted(os.listdir(output / 'images')) == [
        f'钢板.{k:03d}.png' for k in range(4)]


@pytest.mark.parametrize('image, label', [
    ('images/{}/0.png', 'labels/{}/0.txt'), ('{}/images/0.png', '{}/labels/0.txt'),
    ('JPEGImages/{}/0.png', 'Annotations/{}/0.xml'), ('{}/images/0.png', '{}/xml/0.xml'),
    ('{}/0.png', '{}/0.json')])
def test_images_of_one_name_in_several_folders(tmp_path, image, label):
    source, output = tmp_path / 'source', tmp_path / 'out'
    boxes = {f'camera{k}': [('dent', (5, 5, 20 + k, 30))] for k in range(3)}
    for k, (camera, content) in enumerate(boxes.items()):
        path = source / image.format(camera)
        write_images(path.parent, ['0'])
        Image.fromarray(np.full(SIZE[::-1], k, 'uint8')).save(path)
        write_text(source / label.format(camera), {
            '.txt': yolo_text, '.xml': voc_text,
            '.json': lambda boxes: json.dumps(labelme_content('0.png', boxes)),
        }[os.path.splitext(label)[1]](content))
    if image.startswith('JPEGImages'):
        write_text(source / 'ImageSets' / 'Main' / 'train.txt', 'camera0/0\ncamera2/0\n')
        write_text(source / 'ImageSets' / 'Main' / 'val.txt', 'camera1/0\n')
    prepare_data(str(source), str(output), SourceOptions(class_names=CLASSES))
    found = {}
    for split in ('train', 'val', 'test'):
        content = json.loads((output / 'annotations' / f'{split}.json').read_text())
        names = {record['id']: record['file_name'] for record in content['images']}
        found.update({names[box['image_id']]: box['bbox'] for box in content['annotations']})
        if image.startswith('JPEGImages'):
            assert sorted(names.values()) == {
                'train': ['camera0/0.png', 'camera2/0.png'], 'val': ['camera1/0.png'],
                'test': []}[split]
    assert found == {f'camera{k}/0.png': [5, 5, 15 + k, 25] for k in range(3)}


# --- what tools add ---

@pytest.mark.parametrize('name, folder, suffix', [
    ('yolo', 'labels', '.txt'), ('voc', 'Annotations', '.xml'), ('labelme', '', '.json')])
@pytest.mark.parametrize('image, label', [
    ('{}.png', '{}.png{}'), ('{}.png', '1a2b3c4d-{}{}'), ('1a2b3c4d-{}.png', '{}{}'),
    ('no 7 {}.png', 'no%207%20{}{}')],
    ids=['suffix of the image', 'upload of the label', 'upload of the image', 'escapes'])
def test_names_to_which_a_tool_has_added_something(tmp_path, name, folder, suffix, image, label):
    WRITERS[name](tmp_path, CONTENT)
    for path in sorted(tmp_path.rglob('part*.png')):
        path.rename(path.with_name(image.format(path.stem)))
    for path in sorted((tmp_path / folder).glob(f'part*{suffix}')):
        if name == 'labelme':
            path.write_text(path.read_text().replace(f'{path.stem}.png', ''))
        path.rename(path.with_name(label.format(path.stem, suffix)))
    source = read(tmp_path, name)
    assert source.faults == []
    assert list(boxes_of(source).values()) == list(EXPECTED.values())


def test_dates_before_names_are_not_taken_for_uploads(tmp_path):
    write_yolo(tmp_path, {'20240101-a': CONTENT['part.000']})
    (tmp_path / 'images' / '20240101-a.png').rename(tmp_path / 'images' / '20240102-a.png')
    assert len(read(tmp_path, 'yolo').faults) == 2


@pytest.mark.parametrize('address', [
    's3://bucket/parts/{}?sig=ab/cd', 'https://store/parts/{}?sv=2020&sig=x', 'parts/{}',
    '/data/local-files/?d=parts/{}'])
def test_addresses_of_images(tmp_path, address):
    source = coco_edited(tmp_path, lambda content: [
        image.update(file_name=address.format(image['file_name'].replace('.', '%2E', 1)))
        for image in content['images']])
    assert source.faults == [] and boxes_of(source) == EXPECTED


def turned(content):
    for box in content['annotations']:
        box['attributes'] = {'occluded': False, 'rotation': 90.0}


def test_boxes_that_cvat_turns_by_an_attribute(tmp_path):
    write_coco(tmp_path / 'coco', {'a': [('dent', (10, 20, 30, 26)), ('dent', (0, 10, 20, 20))]})
    path = tmp_path / 'coco' / 'annotations' / 'instances_default.json'
    content = json.loads(path.read_text())
    turned(content)
    path.write_text(json.dumps(content))
    write_voc(tmp_path / 'voc', {'a': [('dent', (10, 20, 30, 26)), ('dent', (0, 10, 20, 20))]})
    path = tmp_path / 'voc' / 'Annotations' / 'a.xml'
    path.write_text(path.read_text().replace(
        '</object>', '<attributes><attribute><name>rotation</name><value>90.0</value></attribute>'
                     '</attributes></object>'))
    for name in ('coco', 'voc'):
        source = read(tmp_path / name, name)
        assert source.faults == []
        assert boxes_of(source) == {'a': [('dent', (5, 5, 15, 25)), ('dent', (17, 13, 23, 33))]}
        assert source.notes == ['2 rotated boxes became their enclosing box']


def test_a_box_that_is_turned_sticks_out_of_the_image(tmp_path):
    source = coco_edited(tmp_path / 'coco', lambda content: [
        box.update(bbox=[0, 20, 40, 2], attributes={'rotation': 90})
        for box in content['annotations']])
    assert source.faults == []
    assert source.images[0].boxes[0]['bbox'] == (19, 1, 21, 41)
    source = coco_edited(tmp_path / 'beyond', lambda content: [
        box.update(bbox=[0, 4, 40, 2], attributes={'rotation': 90})
        for box in content['annotations']])
    assert source.images[0].boxes[0]['bbox'] == (19, 0, 21, 25)


def test_rotated_boxes_of_labelme_and_yolo_are_clipped_too(tmp_path):
    corners = [[-3, 10], [5, 2], [13, 10], [5, 18]]
    write_images(tmp_path / 'labelme', ['a'])
    write_text(tmp_path / 'labelme' / 'a.json', json.dumps({'imagePath': 'a.png', 'shapes': [
        {'label': 'dent', 'shape_type': 'rotation', 'points': corners}]}))
    write_text(tmp_path / 'labelme' / 'labels.txt', 'dent\n')
    write_images(tmp_path / 'yolo', ['a'])
    write_text(tmp_path / 'yolo' / 'a.txt', ' '.join(
        ['0', *(f'{x / SIZE[0]} {y / SIZE[1]}' for x, y in corners)]))
    write_text(tmp_path / 'yolo' / 'classes.txt', 'dent\n')
    for name in ('labelme', 'yolo'):
        source = read(tmp_path / name, name)
        assert source.faults == []
        assert boxes_of(source) == {'a': [('dent', (0, 2, 13, 18))]}


def test_polygons_of_one_group_are_one_object(tmp_path):
    write_images(tmp_path, ['a'])
    parts = [{'label': 'dent', 'shape_type': 'polygon', 'group_id': group, 'points': points}
             for group, points in ((1, [[5, 5], [15, 5], [15, 15]]),
                                   (None, [[1, 1], [4, 1], [4, 4]]),
                                   (1, [[20, 20], [30, 20], [30, 30]]))]
    write_text(tmp_path / 'a.json', json.dumps({'shapes': parts, 'imagePath': 'a.png'}))
    source = read(tmp_path, 'labelme', class_names=CLASSES)
    assert boxes_of(source) == {'a': [('dent', (1, 1, 4, 4)), ('dent', (5, 5, 30, 30))]}
    assert source.notes[0] == (
        '1 polygons were joined to another of the same group_id, as parts of one object')


@pytest.mark.parametrize('name', WRITERS)
def test_repeated_boxes_are_kept_and_counted(tmp_path, name):
    doubled = {image: boxes * 2 for image, boxes in CONTENT.items()}
    WRITERS[name](tmp_path, doubled)
    source = read(tmp_path, name)
    assert source.faults == []
    assert boxes_of(source) == {image: sorted(boxes * 2) for image, boxes in EXPECTED.items()}
    note, = source.notes
    assert note.startswith(f'{sum(map(len, CONTENT.values()))} boxes repeat another of the same')


# --- splits ---

@pytest.mark.parametrize('name, image, label', [
    ('yolo', 'images/{}', 'labels/{}'), ('voc', 'images/{}', 'xml/{}'), ('labelme', '{}', '{}')])
def test_folders_of_splits_with_a_year(tmp_path, name, image, label):
    WRITERS[name](tmp_path / 'flat', CONTENT)
    for k, path in enumerate(sorted((tmp_path / 'flat').rglob('part*'), key=lambda p: p.stem)):
        form = image if path.suffix == '.png' else label
        folder = tmp_path / 'source' / form.format('train2017' if k < 6 else 'val2017')
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    write_text(tmp_path / 'source' / 'classes.txt', '\n'.join(CLASSES))
    source = read(tmp_path / 'source', name)
    assert source.faults == []
    assert [image.split for image in source.images] == ['train', 'train', 'train', 'val']


@pytest.mark.parametrize('lists, expected', [
    (('trainval', 'test'), ['train', 'train', 'train', 'test']),
    (('autosplit_train', 'autosplit_val'), ['train', 'train', 'train', 'val']),
])
@pytest.mark.parametrize('name', ['voc', 'yolo'])
def test_lists_of_other_names(tmp_path, name, lists, expected):
    WRITERS[name](tmp_path, CONTENT)
    if name == 'yolo':
        write_text(tmp_path / 'data.yaml', f'names: {list(CLASSES)}')
    lines = [f'./images/{image}.png' for image in CONTENT]
    for split, part in zip(lists, (lines[:3], lines[3:])):
        write_text(tmp_path / f'{split}.txt', '\n'.join(part))
    source = read(tmp_path, name)
    assert source.faults == []
    assert [image.split for image in source.images] == expected


def test_a_list_of_train_and_val_does_not_replace_theirs(tmp_path):
    write_voc(tmp_path, CONTENT)
    for split, part in (('train', [0, 1, 2]), ('trainval', [0, 1, 2, 3]), ('val', [3])):
        write_text(tmp_path / 'ImageSets' / 'Main' / f'{split}.txt',
                   '\n'.join(f'part.{k:03d}' for k in part))
    source = read(tmp_path, 'voc')
    assert [image.split for image in source.images] == ['train', 'train', 'train', 'val']
    assert source.notes == []


def test_the_rest_is_train_where_only_test_is_listed(tmp_path):
    write_voc(tmp_path / 'voc', objects(10))
    write_text(tmp_path / 'voc' / 'ImageSets' / 'Main' / 'test.txt', 'part.000\npart.001')
    report, _ = prepare_data(str(tmp_path / 'voc'), str(tmp_path / 'out'))
    content = json.loads((tmp_path / 'out' / 'annotations' / 'test.json').read_text())
    assert [image['file_name'] for image in content['images']] == ['part.000.png', 'part.001.png']
    assert 'split: test as in the source' in report


# --- files that hold no labels, or cannot be read ---

@pytest.mark.parametrize('name, file, text', [
    ('yolo', 'LICENSE.txt', 'MIT\n\nfree\n'), ('labelme', 'project.json', '{"a": 1}')])
def test_other_files_beside_the_images(tmp_path, name, file, text):
    WRITERS[name](tmp_path, CONTENT)
    write_text(tmp_path / file, text)
    source = read(tmp_path, name)
    assert source.faults == [] and boxes_of(source) == EXPECTED
    assert source.notes == ['1 files beside the images hold no labels and were left out']


def test_a_broken_coco_file_beside_a_sound_one_is_a_fault(tmp_path):
    write_coco(tmp_path, CONTENT)
    write_text(tmp_path / 'annotations' / 'instances_train.json', '{"images": [')
    # Its images would count as sound.
    source = read(tmp_path, 'coco', unlabelled_sound=True)
    assert [str(fault) for fault in source.faults] == [
        'annotations/instances_train.json: is not JSON (Expecting value: line 1 column 13 '
        '(char 12))']


def test_an_image_that_is_only_in_its_label_file(tmp_path):
    write_images(tmp_path, ['a', 'b'])
    for name in 'ab':
        write_text(tmp_path / f'{name}.json', json.dumps(
            {**labelme_content(f'{name}.png', []), 'imageData': 'iVBORw0KGgo='}))
    (tmp_path / 'a.png').unlink()
    source = read(tmp_path, 'labelme', class_names=CLASSES)
    assert [str(fault) for fault in source.faults] == [
        "a.json: there is no image named 'a.png'; imageData holds it: write it to a file, "
        'as labelme_export_json does']


def crowds(content):
    for box in content['annotations']:
        box['iscrowd'] = 1


def test_masks_that_are_all_crowds_are_refused(tmp_path):
    source = coco_edited(tmp_path / 'coco', crowds)
    assert source.notes == [f'{sum(map(len, CONTENT.values()))} boxes are crowds (iscrowd or '
                            'ignore), which training and evaluation leave out']
    with pytest.raises(ValueError, match='all boxes are crowds .* set iscrowd to 0'):
        prepare_data(str(tmp_path / 'coco'), str(tmp_path / 'out'))
    assert not (tmp_path / 'out').exists()


def test_fractions_where_pixels_are_expected(tmp_path):
    source = coco_edited(tmp_path / 'coco', lambda content: [
        box.update(bbox=[0.1, 0.2, 0.3, 0.4]) for box in content['annotations']])
    assert 'are they fractions of width and height? Pixels are' in source.faults[0].message
    write_labelme(tmp_path / 'labelme', {'a': [('dent', (0.1, 0.2, 0.3, 0.4))]})
    assert 'lie within the first pixel' in read(tmp_path / 'labelme', 'labelme').faults[0].message


@pytest.mark.parametrize('name', ['voc', 'labelme', 'coco'])
def test_an_image_that_its_exif_turns(tmp_path, name):
    WRITERS[name](tmp_path, CONTENT)
    for path in sorted(tmp_path.rglob('*.png')):
        exif = Image.Exif()
        exif[274] = 6
        Image.open(path).save(path.with_suffix('.jpg'), exif=exif)
        path.unlink()
    source = read(tmp_path, name)
    assert len(source.faults) == len(CONTENT)
    assert all('exchanged, as by a tool that does not turn an image by its EXIF' in fault.message
               for fault in source.faults)


# --- names of the classes ---

@pytest.mark.parametrize('file', ['predefined_classes.txt', 'labels.txt', 'parts.names'])
def test_lists_of_classes_of_other_names(tmp_path, file):
    write_yolo(tmp_path, CONTENT)
    (tmp_path / 'data.yaml').unlink()
    write_text(tmp_path / file, '\n'.join(CLASSES))
    source = read(tmp_path, 'yolo')
    assert source.faults == [] and boxes_of(source) == EXPECTED


def test_a_list_that_a_tool_offers_does_not_contradict_the_list_of_the_labels(tmp_path):
    write_yolo(tmp_path, CONTENT)
    write_text(tmp_path / 'predefined_classes.txt', 'dog\nperson\n')
    assert boxes_of(read(tmp_path, 'yolo')) == EXPECTED


@pytest.mark.parametrize('text', ['0: dent\n1: scratch\n', '1 dent\n2 scratch\n', '0,dent\n1,pit'])
def test_numbers_before_the_names_of_classes(tmp_path, text):
    write_yolo(tmp_path, CONTENT)
    write_text(tmp_path / 'classes.txt', text)
    with pytest.raises(ValueError, match='expected names only, got numbers before them'):
        read(tmp_path, 'yolo')


@pytest.mark.parametrize('count', ['2', "'2'", ''])
def test_spellings_of_the_number_of_classes(tmp_path, count):
    write_yolo(tmp_path, CONTENT)
    write_text(tmp_path / 'data.yaml', f'nc: {count}\nnames: {list(CLASSES)}\n')
    assert boxes_of(read(tmp_path, 'yolo')) == EXPECTED


def test_the_yaml_that_states_splits_counts(tmp_path):
    write_yolo(tmp_path, CONTENT)
    write_text(tmp_path / 'a.yaml', f'names: {list(CLASSES)}\n')
    write_text(tmp_path / 'data.yaml', f'val: images\nnames: {list(CLASSES)}\n')
    assert {image.split for image in read(tmp_path, 'yolo').images} == {'val'}


def test_a_name_of_a_class_in_several_lines_is_in_one(tmp_path):
    write_yolo(tmp_path / 'yolo', CONTENT)
    write_text(tmp_path / 'yolo' / 'data.yaml', 'names: ["deep\\nscratch", "dent"]\n')
    prepare_data(str(tmp_path / 'yolo'), str(tmp_path / 'out'))
    assert (tmp_path / 'out' / 'label_list.txt').read_text() == 'deep scratch\ndent\n'


# --- the command line, and links ---

def prepare(*options):
    """tuple: exit code and what was printed of an error."""
    run = subprocess.run([sys.executable, str(TOOLS / 'prepare_data.py'), *map(str, options)],
                         capture_output=True, text=True)
    return run.returncode, run.stderr


def test_a_list_of_classes_in_another_encoding(tmp_path):
    write_yolo(tmp_path / 'yolo', CONTENT)
    write_text(tmp_path / 'yolo' / 'data.yaml', 'names: [划痕, 凹坑]\n', 'gb18030')
    write_text(tmp_path / 'classes.txt', '凹坑\n划痕\n', 'gb18030')
    code, _ = prepare('--source', tmp_path / 'yolo', '--output', tmp_path / 'out', '--classes',
                      tmp_path / 'classes.txt', '--encoding', 'gb18030')
    assert code == 0
    assert (tmp_path / 'out' / 'label_list.txt').read_text('utf-8') == '凹坑\n划痕\n'


@pytest.mark.parametrize('text, message', [
    ('dent;scratch', 'argument --classes: expected commas between the names, got "dent;scratch"'),
    ('nowhere.txt', 'argument --classes: there is no file nowhere.txt'),
    ('dent,dent', 'argument --classes: expected different names a,b,c, got "dent,dent"')])
def test_classes_of_the_command_line(tmp_path, text, message):
    code, printed = prepare('--source', tmp_path, '--output', tmp_path / 'out', '--classes', text)
    assert code == 2 and message in printed


def test_folders_that_are_links_are_followed_once(tmp_path):
    source = tmp_path / 'source'
    write_yolo(source, CONTENT)
    (source / 'images').rename(tmp_path / 'store')
    (source / 'images').symlink_to(tmp_path / 'store')
    (source / 'labels' / 'loop').symlink_to(source)
    assert boxes_of(read(source, 'yolo')) == EXPECTED


def test_a_slim_yaml_that_is_given_as_config(tmp_path):
    write_yolo(tmp_path / 'yolo', objects(10))
    slim = tmp_path / 'mgd.yml'
    slim.write_text('_BASE_: [teacher.yml]\nslim: Distill\nslim_method: MGD\n')
    with pytest.raises(ValueError, match='mgd.yml is a slim YAML; give it with --slim_config'):
        prepare_data(str(tmp_path / 'yolo'), str(tmp_path / 'out'),
                     options=PrepareOptions(config=str(slim)))
    assert not (tmp_path / 'out').exists()
