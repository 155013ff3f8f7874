# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The folder of a data set appears whole or not at all."""
import json
import os

import pytest

from ppdet_ext.data.dataset_folder import new_dataset_folder


def write(folder, name, text):
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
        f.write(text)


def make(output, text='new', overwrite=False):
    with new_dataset_folder(str(output), overwrite) as folder:
        write(folder, 'label_list.txt', text)


def test_missing_parents_are_made_and_nothing_is_left_beside(tmp_path):
    make(tmp_path / 'a' / 'b')
    assert (tmp_path / 'a' / 'b' / 'label_list.txt').read_text() == 'new'
    assert os.listdir(tmp_path / 'a') == ['b']


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / 'out').mkdir()
    make(tmp_path / 'out')
    assert os.listdir(tmp_path / 'out') == ['label_list.txt']


def test_earlier_data_set_stays_unless_overwritten(tmp_path):
    make(tmp_path / 'out', 'old')
    with pytest.raises(FileExistsError, match='--overwrite'):
        make(tmp_path / 'out')
    assert (tmp_path / 'out' / 'label_list.txt').read_text() == 'old'
    make(tmp_path / 'out', 'new', overwrite=True)
    assert (tmp_path / 'out' / 'label_list.txt').read_text() == 'new'
    assert os.listdir(tmp_path) == ['out']


def test_foreign_file_is_never_deleted(tmp_path):
    make(tmp_path / 'out')
    write(tmp_path / 'out', 'thesis.doc', 'precious')
    with pytest.raises(FileExistsError, match='thesis.doc'):
        make(tmp_path / 'out', overwrite=True)
    assert (tmp_path / 'out' / 'thesis.doc').read_text() == 'precious'


def coco(folder, split, *names):
    write(folder, f'annotations/{split}.json', json.dumps({'categories': [], 'images': [
        {'id': k, 'file_name': name, 'width': 1, 'height': 1} for k, name in enumerate(names)]}))


def whole(output):
    """A data set of three images; one of val is in a folder of its own."""
    for folder in ('annotations', 'images/b'):
        os.makedirs(output / folder)
    for name in ('a.jpg', 'b/b.jpg', 'c.jpg'):
        write(output / 'images', name, name)
    coco(output, 'train', 'a.jpg')
    coco(output, 'val', 'b/b.jpg', 'c.jpg')
    for name in ('label_list.txt', 'report.txt'):
        write(output, name, 'old')


def test_every_file_of_a_data_set_is_replaced(tmp_path):
    whole(tmp_path / 'out')
    make(tmp_path / 'out', overwrite=True)
    assert os.listdir(tmp_path / 'out') == ['label_list.txt']


@pytest.mark.parametrize('name, said', [
    ('images/my_precious.txt', 'which is not part of a data set, give another output'),
    ('images/b/c.jpg', 'which is not part of a data set'),
    ('annotations/mine.json', 'which is not part of a data set'),
    ('annotations/few_shot/split1/5shot_seed1.json', 'a few-shot set, which would no longer fit'),
    ('notes/today.txt', 'which is not part of a data set'),
    ('.hidden', 'which is not part of a data set'),
])
def test_foreign_file_within_a_data_set_is_never_deleted(tmp_path, name, said):
    whole(tmp_path / 'out')
    os.makedirs((tmp_path / 'out' / name).parent, exist_ok=True)
    write(tmp_path / 'out', name, 'precious')
    with pytest.raises(FileExistsError, match=f'out: holds {name}, {said}'):
        make(tmp_path / 'out', overwrite=True)
    assert (tmp_path / 'out' / name).read_text() == 'precious'
    assert os.listdir(tmp_path) == ['out']


def test_link_to_a_folder_is_foreign(tmp_path):
    whole(tmp_path / 'out')
    os.symlink(tmp_path, tmp_path / 'out' / 'images' / 'others')
    with pytest.raises(FileExistsError, match='holds images/others, which is not part'):
        make(tmp_path / 'out', overwrite=True)


def test_images_that_no_list_names_are_never_deleted(tmp_path):
    whole(tmp_path / 'out')
    write(tmp_path / 'out', 'annotations/val.json', '{')
    with pytest.raises(FileExistsError, match='holds images/b/b.jpg, which is not part'):
        make(tmp_path / 'out', overwrite=True)


def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    write(tmp_path, 'out', 'precious')
    with pytest.raises(FileExistsError, match='is a file'):
        make(tmp_path / 'out', overwrite=True)
    assert (tmp_path / 'out').read_text() == 'precious'


@pytest.mark.parametrize('stop', [OSError, KeyboardInterrupt])
def test_interruption_leaves_everything_as_it_was(tmp_path, stop):
    make(tmp_path / 'out', 'old')
    with pytest.raises(stop):
        with new_dataset_folder(str(tmp_path / 'out'), overwrite=True) as folder:
            write(folder, 'label_list.txt', 'half')
            raise stop()
    assert (tmp_path / 'out' / 'label_list.txt').read_text() == 'old'
    assert os.listdir(tmp_path) == ['out']


def test_failing_rename_brings_the_earlier_data_set_back(tmp_path, monkeypatch):
    make(tmp_path / 'out', 'old')
    rename = os.rename

    def failing(source, target):
        if source.endswith('out') and target == str(tmp_path / 'out'):
            raise OSError('no space')
        rename(source, target)

    monkeypatch.setattr(os, 'rename', failing)
    with pytest.raises(OSError, match='no space'):
        make(tmp_path / 'out', 'new', overwrite=True)
    assert (tmp_path / 'out' / 'label_list.txt').read_text() == 'old'
    assert os.listdir(tmp_path) == ['out']
