# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The check of a prepared data set finds each fault and passes a sound set."""
import json
import os

import pytest
from PIL import EpsImagePlugin, Image, ImageFile

from ppdet_ext.data.check import check_coco_folder, read_class_names
from ppdet_ext.data.images import IMAGE_FORMATS, image_size
from ppdet_ext.data.neu_det import prepare

CLASSES = ('crazing', 'scratches')


@pytest.fixture
def prepared(voc_tree, tmp_path):
    """Train, val and test with 14, 4 and 2 images of 20x20, one box each."""
    tree = voc_tree()
    tree.add_classes(CLASSES, 10)
    prepare(tree.root, str(tmp_path / 'coco'), CLASSES)
    return tmp_path / 'coco'


def edit_json(folder, split, edit):
    path = folder / 'annotations' / f'{split}.json'
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_sound_set(prepared):
    counts, faults = check_coco_folder(str(prepared))
    assert faults == []
    assert counts == {'train': (14, 14), 'val': (4, 4), 'test': (2, 2)}


def box(values):
    return lambda c: c['annotations'][0].update(bbox=values)


@pytest.mark.parametrize('edit, expected', [
    (lambda c: c['images'][1].update(id=1), 'images: id 1 appears 2 times'),
    (lambda c: c['annotations'][1].update(id=1), 'annotations: id 1 appears 2 times'),
    (lambda c: c['images'][0].pop('width'), 'images[0]: width is missing, expected'),
    (lambda c: c['images'].append(3), 'images[4]: expected a dictionary, got 3'),
    (lambda c: c.pop('annotations'), 'expected a list "annotations"'),
    (lambda c: c['annotations'][0].pop('area'), 'annotations[0]: area is missing, expected'),
    (lambda c: c['annotations'][0].pop('iscrowd'), 'annotations[0]: iscrowd is missing, expected'),
    (lambda c: c['images'][0].update(height=21), 'is 20x20, stated as 20x21'),
    (lambda c: c['images'][0].update(file_name='none.jpg'), 'image none.jpg: [Errno 2]'),
    (lambda c: c['annotations'][0].update(image_id=99),
     'annotations[0]: image_id 99 is not among the images'),
    (lambda c: c['annotations'][0].update(category_id=9),
     'annotations[0]: category_id 9 is not among the categories'),
    (lambda c: c['categories'].pop(), "categories ['crazing'] differ from label_list.txt"),
    (box([0, 0, 0, 5]), 'bbox [0, 0, 0, 5] has no positive size'),
    (box([0, 0, 5, -1]), 'has a negative size, [0, 0, 5, -1]'),
    (box([-1, 0, 5, 5]), 'bbox [-1, 0, 5, 5] is not inside the image of 20x20'),
    (box([0, 16, 5, 5]), 'bbox [0, 16, 5, 5] is not inside the image of 20x20'),
    (box([0, 0, 5]), 'annotations[0]: bbox must be x, y, width, height in pixels, got [0, 0, 5]'),
    (box([0, 0, 5, 'x']), "in pixels, got [0, 0, 5, 'x']"),
    (box([0, 0, 5, float('nan')]), 'in pixels, got [0, 0, 5, nan]'),
])
def test_fault_in_json_is_named(prepared, edit, expected):
    edit_json(prepared, 'val', edit)
    faults = [str(fault) for fault in check_coco_folder(str(prepared))[1]]
    assert any(f.startswith(os.path.join('annotations', 'val.json: ')) and expected in f
               for f in faults), faults


def test_image_in_two_splits_is_named(prepared):
    train = json.loads((prepared / 'annotations' / 'train.json').read_text())
    name = train['images'][0]['file_name']
    edit_json(prepared, 'test', lambda c: c['images'][0].update(file_name=name))
    fault, = check_coco_folder(str(prepared))[1]
    assert f'test.json: image {name} is also in train' in str(fault)


def test_unreadable_image_is_named(prepared):
    os.truncate(prepared / 'images' / 'crazing_0.jpg', 300)
    fault, = check_coco_folder(str(prepared))[1]
    assert 'image crazing_0.jpg: unreadable image' in str(fault)


@pytest.mark.parametrize('name', ['images/crazing_0.jpg', 'label_list.txt',
                                  'annotations/train.json'])
def test_a_pipe_is_not_waited_for(prepared, name):
    (prepared / name).unlink()
    os.mkfifo(prepared / name)
    fault, = check_coco_folder(str(prepared))[1]
    assert 'is a pipe or a device' in str(fault)


def test_training_without_a_box_is_named(prepared):
    edit_json(prepared, 'train', lambda c: c.update(annotations=[]))
    fault, = check_coco_folder(str(prepared))[1]
    assert str(fault).endswith('train.json: has no box to learn')


@pytest.mark.parametrize('content', [None, '{', '[]'])
def test_json_that_cannot_be_used_is_named(prepared, content):
    path = prepared / 'annotations' / 'val.json'
    path.unlink()
    if content is not None:
        path.write_text(content)
    counts, faults = check_coco_folder(str(prepared))
    assert [f.file for f in faults] == [os.path.join('annotations', 'val.json')]
    assert set(counts) == {'train', 'test'}


@pytest.mark.parametrize('content', ['', 'a\na\n', 'a\n\nb\n'])
def test_bad_label_list(tmp_path, content):
    path = tmp_path / 'labels.txt'
    path.write_text(content)
    with pytest.raises(ValueError, match='expected different class names, one per line'):
        read_class_names(str(path))


def test_missing_label_list_is_a_fault(prepared):
    (prepared / 'label_list.txt').unlink()
    fault, = check_coco_folder(str(prepared))[1]
    assert fault.file == 'label_list.txt'


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='expected a folder with a prepared data set'):
        check_coco_folder(str(tmp_path / 'none'))


def test_image_size_applies_rotation(tmp_path):
    image, exif = Image.new('L', (30, 10)), Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    image.save(tmp_path / 'a.jpg', exif=exif)
    assert image_size(str(tmp_path / 'a.jpg')) == (10, 30)


@pytest.mark.parametrize('tolerant', [False, True])
def test_cut_off_image_is_unreadable_whatever_pillow_is_set_to(tmp_path, monkeypatch, tolerant):
    path = tmp_path / 'a.jpg'
    Image.effect_noise((20, 20), 50).save(path)
    os.truncate(path, path.stat().st_size - 20)
    monkeypatch.setattr(ImageFile, 'LOAD_TRUNCATED_IMAGES', tolerant)
    with pytest.raises(ValueError, match='unreadable image .*truncated'):
        image_size(str(path))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is tolerant


@pytest.mark.parametrize('kind', IMAGE_FORMATS)
def test_images_of_every_accepted_format(tmp_path, kind):
    Image.new('RGB', (7, 5)).save(tmp_path / 'x.png', format=kind)
    assert image_size(str(tmp_path / 'x.png')) == (7, 5)


def test_other_formats_start_no_program(tmp_path, monkeypatch):
    Image.new('RGB', (7, 5)).save(tmp_path / 'x.png', format='EPS')
    monkeypatch.setattr(EpsImagePlugin, 'Ghostscript', lambda *args, **kwargs: pytest.fail('ran'))
    with pytest.raises(ValueError, match='unreadable image'):
        image_size(str(tmp_path / 'x.png'))
