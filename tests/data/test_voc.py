# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Every fault in a VOC data set is found, named with file and line, and can be skipped."""
import itertools
import os
import shutil
import unicodedata

import pytest

from ppdet_ext.data.voc import read_voc

CLASSES = ('crazing', 'scratches')
GOOD = ('crazing', 0, 1, 1, 10, 20)
OTHER = ('scratches', 1, 5, 5, 6, 8)


def edited(path, old, new):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    assert old in text
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text.replace(old, new, 1))


def messages(data):
    return [str(fault).replace(os.sep, '/') for fault in data.faults]


@pytest.mark.parametrize('old, new, expected', [
    ('</object>', '', 'ANNOTATIONS/a.xml:14: broken XML: mismatched tag'),
    ('<size>', '<sise>', 'ANNOTATIONS/a.xml:3: broken XML: mismatched tag'),
    ('<annotation>', '<?xml version="1.0" encoding="x-none"?><annotation>',
     'ANNOTATIONS/a.xml:1: broken XML: it is not text in X-NONE'),
    ('<annotation>', '<!DOCTYPE x [\n<!ENTITY lol "l">\n<!ENTITY lots "&lol;&lol;">]><annotation>',
     'ANNOTATIONS/a.xml:2: refused: it defines the entity "lol"'),
    ('<annotation>', '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/hosts">]><annotation>',
     'ANNOTATIONS/a.xml:1: refused: it defines the entity "file"'),
    ('<width>20', '<width>21',
     'ANNOTATIONS/a.xml:3: <size> says 21x20, the image is 20x20'),
    ('<width>20</width>', '', 'ANNOTATIONS/a.xml:3: <size> says x20, the image is 20x20'),
], ids=['unclosed', 'misspelt', 'encoding', 'entities', 'external entity', 'other size',
        'no width'])
def test_fault_of_the_annotation_leaves_the_image_out(voc_tree, old, new, expected):
    tree = voc_tree()
    tree.add('a', [GOOD, OTHER])
    tree.add('b', [GOOD])
    edited(tree.path('xml', 'a.xml'), old, new)
    data = read_voc(tree.root, CLASSES)
    assert len(data.faults) == 1 and messages(data)[0].startswith(expected)
    assert [os.path.basename(image.path) for image in data.images] == ['b.jpg']
    assert (data.images_left_out, data.boxes_left_out) == (1, 0)


@pytest.mark.parametrize('old, new, expected', [
    ('<name>crazing</name>', '<name>crasing</name>',
     '5: unknown class "crasing", expected one of crazing, scratches'),
    ('<name>crazing</name>', '', '4: unknown class ""'),
    ('<difficult>0</difficult>', '<difficult>no</difficult>', '6: <difficult> is "no"'),
    ('<xmin>1</xmin>', '', '7: <xmin> is "", expected a number'),
    ('<xmin>1</xmin>', '<xmin>one</xmin>', '7: <xmin> is "one", expected a number'),
    ('<xmin>1</xmin>', '<xmin>nan</xmin>', '7: <xmin> is "nan", expected a number'),
    ('<xmin>1</xmin>', '<xmin>0</xmin>',
     '7: box [0, 1, 10, 20] (xmin, ymin, xmax, ymax) is outside the image, whose pixels count '
     'from 1 to 20 in x and 20 in y'),
    ('<xmax>10</xmax>', '<xmax>21</xmax>', '7: box [1, 1, 21, 20]'),
    ('<ymax>20</ymax>', '<ymax>20.5</ymax>', '7: box [1, 1, 10, 20.5]'),
    ('<xmax>10</xmax>', '<xmax>1</xmax>',
     '7: box [1, 1, 1, 20] (xmin, ymin, xmax, ymax) has no positive size'),
    ('<ymin>1</ymin>', '<ymin>20</ymin>', '7: box [1, 20, 10, 20]'),
    ('<bndbox>', '<polygon/></object><object><name>crazing</name><bndbox>',
     '4: there is no <bndbox>'),
    ('</bndbox>', '</bndbox><bndbox><xmin>1</xmin></bndbox>',
     '7: there are 2 <bndbox>, expected one'),
    ('<xmin>1</xmin>', '<xmin>1,5</xmin>', '7: <xmin> is "1,5", expected a number with a point'),
], ids=['unknown class', 'no name', 'difficult', 'no xmin', 'text', 'nan', 'before first pixel',
        'past width', 'past height', 'zero width', 'zero height', 'no bndbox',
        'two', 'comma'])
def test_fault_of_a_box_leaves_only_the_box_out(voc_tree, old, new, expected):
    tree = voc_tree()
    tree.add('a', [GOOD, OTHER])
    edited(tree.path('xml', 'a.xml'), old, new)
    data = read_voc(tree.root, CLASSES)
    assert len(data.faults) == 1
    assert messages(data)[0].startswith('ANNOTATIONS/a.xml:' + expected)
    assert {'class_name': 'scratches', 'bbox': (4, 4, 6, 8), 'difficult': 1} in data.images[0].boxes
    assert (data.images_left_out, data.boxes_left_out) == (0, 1)


# The second one sticks out of the image.
@pytest.mark.parametrize('x, w, h, expected', [(10, 8, 4, (8, 4, 12, 12)),
                                               (3, 4, 8, (0, 6, 7, 10))])
def test_rotated_boxes_become_their_enclosing_box(voc_tree, x, w, h, expected):
    tree = voc_tree()
    tree.add('a', [GOOD])
    path = tree.path('xml', 'a.xml')
    with open(path, encoding='utf-8') as f:
        head, rest = f.read().split('<bndbox>')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(f'{head}<robndbox><cx>{x}</cx><cy>8</cy><w>{w}</w><h>{h}</h>'
                f'<angle>1.5707963</angle></robndbox>{rest.partition("</bndbox>")[2]}')
    data = read_voc(tree.root, CLASSES)
    assert data.images[0].boxes[0]['bbox'] == expected and not data.faults
    assert data.notes == ['1 rotated boxes became their enclosing box']


def test_image_that_loses_all_boxes_is_left_out(voc_tree):
    tree = voc_tree()
    tree.add('a', [('crasing', 0, 1, 1, 5, 5)])
    data = read_voc(tree.root, CLASSES)
    assert data.images == [] and data.images_left_out == 1


def test_annotation_without_objects_is_a_defect_free_image(voc_tree):
    tree = voc_tree()
    tree.add('a', [])
    data = read_voc(tree.root, CLASSES)
    assert data.faults == [] and data.images[0].boxes == []


def test_every_fault_is_listed_sorted_by_file_and_line(voc_tree):
    tree = voc_tree()
    tree.add('a', [('crasing', 0, 0, 1, 30, 5), ('crazing', 0, 9, 9, 3, 3)])
    edited(tree.path('xml', 'a.xml'), '<width>20', '<width>30')
    tree.add_image('no_xml.jpg')
    tree.add_xml('no_image', [GOOD])
    tree.add_image('cut.jpg')
    tree.add_xml('cut', [('crasing', 0, 1, 1, 5, 5)])
    with open(tree.path('image', 'cut.jpg'), 'r+b') as f:
        f.truncate(os.path.getsize(f.name) - 20)
    tree.add_xml('text', [GOOD])
    with open(tree.path('image', 'text.jpg'), 'w') as f:
        f.write('no picture')
    data = read_voc(tree.root, CLASSES)
    expected = [
        'ANNOTATIONS/a.xml:3: <size> says 30x20',
        'ANNOTATIONS/a.xml:5: unknown class "crasing"',
        'ANNOTATIONS/a.xml:7: box [0, 1, 30, 5] (xmin, ymin, xmax, ymax) is outside',
        'ANNOTATIONS/a.xml:12: box [9, 9, 3, 3] (xmin, ymin, xmax, ymax) has no positive size',
        'ANNOTATIONS/cut.xml:5: unknown class "crasing"',
        'ANNOTATIONS/no_image.xml: there is no image of this name',
        'IMAGES/cut.jpg: unreadable image',
        'IMAGES/no_xml.jpg: there is no annotation (XML) of this name',
        'IMAGES/text.jpg: unreadable image',
    ]
    found = messages(data)
    assert len(found) == len(expected), found
    assert all(m.startswith(e) for m, e in zip(found, expected)), found
    assert data.images == [] and data.images_left_out == 5


def test_coordinates_count_from_one_and_include_the_last_pixel(voc_tree):
    tree = voc_tree()
    tree.add('whole', [('crazing', 0, 1, 1, 20, 20)])
    image, = read_voc(tree.root, CLASSES).images
    assert image.boxes[0]['bbox'] == (0, 0, 20, 20)


def test_coordinates_may_count_from_zero(voc_tree):
    tree = voc_tree()
    tree.add('whole', [('crazing', 0, 0, 0, 20, 20), ('crazing', 0, 1.5, 2, 3.25, 4)])
    image, = read_voc(tree.root, CLASSES, box_origin=0).images
    assert [box['bbox'] for box in image.boxes] == [(0, 0, 20, 20), (1.5, 2, 3.25, 4)]


@pytest.mark.parametrize('written, difficult', [('', 0), ('<difficult/>', 0),
                                                ('<difficult>False</difficult>', 0),
                                                ('<difficult>true</difficult>', 1)])
def test_spellings_of_difficult(voc_tree, written, difficult):
    tree = voc_tree()
    tree.add('a', [OTHER])
    edited(tree.path('xml', 'a.xml'), '<difficult>1</difficult>', written)
    assert read_voc(tree.root, CLASSES).images[0].boxes[0]['difficult'] == difficult


@pytest.mark.parametrize('size, notes', [
    ('', ['1 annotations state no size; it was read from the image']),
    ('<size><width>0</width><height>0</height></size>',
     ['1 annotations state no size; it was read from the image']),
    ('<size><width>20.0</width><height>20.0</height></size>', []),
])
def test_a_size_that_is_not_stated_is_the_image_s(voc_tree, size, notes):
    tree = voc_tree()
    tree.add('a', [GOOD])
    edited(tree.path('xml', 'a.xml'),
           '<size><width>20</width><height>20</height><depth>1</depth></size>', size)
    data = read_voc(tree.root, CLASSES)
    assert data.faults == [] and data.notes == notes
    assert (data.images[0].width, data.images[0].height) == (20, 20)


def test_a_wide_encoding_that_the_file_does_not_have(voc_tree):
    tree = voc_tree()
    tree.add('a', [GOOD])
    edited(tree.path('xml', 'a.xml'), '<annotation>',
           '<?xml version="1.0" encoding="utf-16"?><annotation>')
    assert read_voc(tree.root, CLASSES).faults == []


def test_image_and_annotation_whose_names_differ_in_case_or_form(voc_tree):
    tree = voc_tree()
    tree.add_image('PART_1.jpg')
    tree.add_xml('part_1', [GOOD])
    tree.add_image('pärt.jpg')
    tree.add_xml(unicodedata.normalize('NFD', 'pärt'), [GOOD])
    for name in ('a', 'A'):  # with their own, however the others are spelt
        tree.add(name, [GOOD if name == 'a' else OTHER])
    data = read_voc(tree.root, CLASSES)
    assert data.faults == []
    assert {image.name: [box['class_name'] for box in image.boxes] for image in data.images} == {
        'PART_1.jpg': ['crazing'], 'pärt.jpg': ['crazing'], 'a.jpg': ['crazing'],
        'A.jpg': ['scratches']}


@pytest.mark.parametrize('name, line', [
    ('train.txt', './IMAGES/part 1.jpg ./ANNOTATIONS/part 1.xml'),  # of PaddleDetection
    ('ImageSets/Main/train.txt', 'part 1'), ('ImageSets/Main/train.txt', 'part 1  1'),
    ('train.txt', '.\\IMAGES\\part 1.jpg'),
])
def test_lists_of_splits(voc_tree, name, line):
    tree = voc_tree()
    tree.add('part 1', [GOOD])
    tree.add('b', [GOOD])
    for path, text in ((name, line), ('ImageSets/Segmentation/val.txt', 'part 1\nb')):
        path = os.path.join(tree.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text + '\n')
    assert {image.name: image.split for image in read_voc(tree.root, CLASSES).images} == {
        'part 1.jpg': 'train', 'b.jpg': None}


def test_filename_field_does_not_matter(voc_tree):
    tree = voc_tree()
    tree.add_image('a.JPG')
    tree.add_xml('a', [GOOD], filename='b')
    data = read_voc(tree.root, CLASSES)
    assert data.faults == [] and data.images[0].path.endswith('a.JPG')


def test_image_and_annotation_may_lie_in_different_parts(voc_tree):
    tree = voc_tree('kaggle')
    tree.add('a', [GOOD], part='train')
    tree.add_image('crazing_240.jpg', part='train')
    tree.add_xml('crazing_240', [GOOD], part='validation')
    tree.path('image', 'none', part='validation')
    data = read_voc(tree.root, CLASSES)
    assert data.faults == [] and len(data.images) == 2


def test_identical_duplicates_are_one_image(voc_tree):
    tree = voc_tree('kaggle')
    tree.add('a', [GOOD], part='train')
    tree.add('a', [GOOD], part='validation')
    data = read_voc(tree.root, CLASSES)
    assert data.faults == [] and len(data.images) == 1


def test_duplicates_with_other_content_are_faults(voc_tree):
    tree = voc_tree('kaggle')
    for part in ('train', 'validation'):
        tree.add_image('image.jpg', part, seed=part == 'train')
        tree.add('xml', [GOOD], part)
    tree.add_xml('image', [GOOD])
    tree.add_xml('xml', [OTHER], 'validation')
    data = read_voc(tree.root, CLASSES)
    assert messages(data) == [f'{file}: one of 2 files of this name that differ' for file in (
        'train/annotations/xml.xml', 'train/images/crazing/image.jpg',
        'validation/annotations/xml.xml', 'validation/images/crazing/image.jpg')]
    assert data.images == []


def test_other_images_of_a_name_with_annotations_of_their_own_are_two(voc_tree):
    tree = voc_tree('kaggle')
    for part, box in (('train', GOOD), ('validation', OTHER)):
        tree.add_image('image.jpg', part, seed=part == 'train')
        tree.add_xml('image', [box], part)
    data = read_voc(tree.root, CLASSES)
    assert data.faults == [] and {image.split: image.boxes[0]['class_name']
                                  for image in data.images} == {
        'train': 'crazing', 'val': 'scratches'}


def test_same_name_with_two_suffixes_is_a_fault(voc_tree):
    tree = voc_tree()
    tree.add('a', [GOOD])
    tree.add_image('a.png')
    assert messages(read_voc(tree.root, CLASSES)) == [
        f'IMAGES/{name}: one of 2 files of this name that differ' for name in ('a.jpg', 'a.png')]


@pytest.mark.parametrize('layout, below', [
    *itertools.product(['original', 'voc', 'kaggle'], ['', 'one', 'one/two']),
    ('original', 'one/two/three'), ('voc', 'one/two/three'),
])
def test_layouts_up_to_three_folders_below(voc_tree, tmp_path, layout, below):
    tree = voc_tree(layout, os.path.join('source', below))
    tree.add('a', [GOOD])
    tree.add('b', [OTHER], part='validation')
    clutter = tmp_path / 'source' / '__MACOSX'
    shutil.copytree(tree.root, clutter if not below else clutter / 'one')
    (tmp_path / 'source' / '._a.xml').write_text('')
    with open(tree.path('xml', '._a.xml'), 'w') as f:
        f.write('no XML')
    data = read_voc(str(tmp_path / 'source'), CLASSES)
    assert data.faults == [] and len(data.images) == 2


def test_no_data_set_names_what_was_found(tmp_path):
    (tmp_path / 'pictures').mkdir()
    with pytest.raises(ValueError, match='expected IMAGES/ and ANNOTATIONS/.*at most 3 '
                                         'folders below.*found pictures'):
        read_voc(str(tmp_path), CLASSES)


def test_several_data_sets_are_not_mixed(voc_tree, tmp_path):
    voc_tree(folder='source/old').add('a', [GOOD])
    voc_tree(folder='source/new').add('a', [GOOD])
    with pytest.raises(ValueError, match='several; give one of them: .*new.*old'):
        read_voc(str(tmp_path / 'source'), CLASSES)


@pytest.mark.parametrize('kind, name', [('image', 'a.jpg'), ('xml', 'a.xml')])
def test_a_pipe_is_not_waited_for(voc_tree, kind, name):
    tree = voc_tree()
    tree.add('a', [GOOD])
    tree.add('b', [GOOD])
    os.unlink(tree.path(kind, name))
    os.mkfifo(tree.path(kind, name))
    data = read_voc(tree.root, CLASSES)
    assert 'is a pipe or a device' in messages(data)[0] and len(data.images) == 1
