# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from PIL import Image
from tiny import student_yaml

from ppdet_ext.engine.config import load_run_config
from ppdet_ext.engine.dataset_files import check_datasets


@pytest.fixture
def folder(tmp_path):
    """A data set's folder with the images a.jpg and b.jpg, not yet any annotations."""
    path = tmp_path / 'set'
    (path / 'annotations').mkdir(parents=True)
    (path / 'images').mkdir()
    for name in ('a.jpg', 'b.jpg'):
        Image.new('L', (8, 8)).save(path / 'images' / name)
    return path


@pytest.fixture
def coco(tmp_path, folder):
    """Loads a config whose COCO data set holds the given annotation file."""

    def load(content, **dataset):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / 'annotations' / 'train.json').write_text(text)
        return load_run_config(student_yaml(tmp_path), {'TrainDataset': {
            'dataset_dir': str(folder), **dataset}})

    return load


def annotations(classes=6, images=('a.jpg', 'b.jpg')):
    box = {'category_id': 0, 'bbox': [1, 1, 4, 4]}
    return {'categories': [{'id': k} for k in range(classes)], 'annotations': [box],
            'images': [{'file_name': name} for name in images]}


def test_a_data_set_that_fits(coco):
    check_datasets(coco(annotations()), ['TrainDataset'])


@pytest.mark.parametrize('content, dataset, error, message', [
    (annotations(classes=5), {}, ValueError, 'has 5 classes, but num_classes is 6'),
    (annotations(images=()), {}, ValueError, 'lists no image'),
    ('{"images": [', {}, ValueError, 'train.json is no COCO annotation file'),
    ({'images': []}, {}, ValueError, "no COCO annotation file .*'categories'"),
    (annotations(), {'image_dir': 'image'}, FileNotFoundError,
     'image does not exist. Prepare the data set'),
    (annotations(images=('a.jpg', 'c.jpg', 'd.jpg')), {}, FileNotFoundError,
     r'2 of the 3 files that .*train.json lists do not exist, first .*images/c.jpg'),
])
def test_data_sets_that_do_not_fit(coco, content, dataset, error, message):
    with pytest.raises(error, match=message):
        check_datasets(coco(content, **dataset), ['TrainDataset'])


def test_a_data_set_as_older_yamls_write_it(tmp_path, folder):
    (folder / 'annotations' / 'train.json').write_text(json.dumps(annotations(classes=5)))
    path = tmp_path / 'tag.yml'
    path.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nTrainDataset: !COCODataSet\n'
                    f'  dataset_dir: {folder}\n  image_dir: images\n'
                    f'  anno_path: annotations/train.json\n')
    with pytest.raises(ValueError, match='has 5 classes, but num_classes is 6'):
        check_datasets(load_run_config(str(path)), ['TrainDataset'])


@pytest.mark.parametrize('files, error, message', [
    ({}, FileNotFoundError, 'train.txt does not exist'),
    ({'train.txt': 'images/a.jpg a.xml\nimages/c.jpg c.xml\n', 'a.xml': ''}, FileNotFoundError,
     '2 of the 4 files that .*train.txt lists do not exist, first .*c.jpg'),
    ({'train.txt': 'images/a.jpg a.xml\n', 'a.xml': ''}, FileNotFoundError,
     'label_list.txt does not exist'),
    ({'train.txt': 'images/a.jpg a.xml\n', 'a.xml': '', 'label_list.txt': 'crack\npit\n'},
     ValueError, 'label_list.txt has 2 classes, but num_classes is 6'),
])
def test_voc_data_sets_that_do_not_fit(tmp_path, folder, files, error, message):
    for name, text in files.items():
        (folder / name).write_text(text)
    cfg = load_run_config(student_yaml(tmp_path), {'TrainDataset': {
        'name': 'VOCDataSet', 'dataset_dir': str(folder), 'image_dir': None,
        'anno_path': 'train.txt', 'label_list': 'label_list.txt'}})
    with pytest.raises(error, match=message):
        check_datasets(cfg, ['TrainDataset'])


def test_a_missing_data_set_says_how_to_get_it(tmp_path):
    cfg = load_run_config(student_yaml(tmp_path), {'EvalDataset': {'dataset_dir': str(tmp_path)}})
    with pytest.raises(FileNotFoundError, match=r'EvalDataset: .*val.json does not exist. Prepare '
                       r'.*prepare_neu_det.py.*-o EvalDataset.dataset_dir=PATH'):
        check_datasets(cfg, ['EvalDataset'])
