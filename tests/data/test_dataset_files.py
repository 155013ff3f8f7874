# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from noise_set import noise_set
from PIL import Image
from ppdet.data.source.coco import COCODataSet
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.data.dataset_files import check_datasets, dataset_fields


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
    box = {'id': 1, 'image_id': 0, 'category_id': 0, 'bbox': [1, 1, 4, 4], 'area': 16, 'iscrowd': 0}
    return {'categories': [{'id': k, 'name': f'class {k}'} for k in range(classes)],
            'images': [{'id': k, 'file_name': name, 'width': 8, 'height': 8}
                       for k, name in enumerate(images)], 'annotations': [box]}


def test_a_data_set_that_fits(coco):
    check_datasets(coco(annotations()), ['TrainDataset'])


@pytest.mark.parametrize('content, dataset, error, message', [
    (annotations(classes=5), {}, ValueError, 'has 5 classes, but num_classes is 6'),
    (annotations(images=()), {}, ValueError, 'lists no image'),
    ('{"images": [', {}, ValueError, 'train.json is no JSON .Expecting'),
    ({'images': []}, {}, ValueError, 'no COCO annotation file .no list "categories"'),
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


def evaluation(coco, **dataset):
    """The section EvalDataset of a config, of the images a.jpg with a box and b.jpg without."""
    cfg = coco(annotations())
    cfg['EvalDataset'] = {**dataset_fields(cfg, 'TrainDataset'), **dataset}
    return cfg


@pytest.mark.parametrize('allow_empty', [False, True])
def test_says_which_images_an_evaluation_leaves_out(coco, log, allow_empty):
    cfg = evaluation(coco, allow_empty=allow_empty)
    check_datasets(cfg, ['EvalDataset'])
    dataset = COCODataSet(**{key: value for key, value in cfg['EvalDataset'].items()
                             if key != 'name'})
    dataset.parse_dataset()
    assert len(dataset.roidbs) == (2 if allow_empty else 1)
    said = [text for level, text in log if level == 'WARNING']
    assert len(said) == (0 if allow_empty else 1)
    if said:
        assert said[0].startswith('EvalDataset: 1 of the 2 images of ')
        assert said[0].endswith('evaluate them too with -o EvalDataset.allow_empty=true')


@pytest.mark.parametrize('only_predict', [False, True])
@pytest.mark.parametrize('change', [
    lambda content: content.update(annotations=[]),
    lambda content: content['annotations'][0].update(iscrowd=1),
    lambda content: content.pop('annotations')], ids=['none', 'crowd', 'no list'])
def test_an_evaluation_without_boxes(coco, change, only_predict):
    content = annotations()
    change(content)
    cfg = coco(content)
    cfg['EvalDataset'], cfg['save_prediction_only'] = cfg['TrainDataset'], only_predict
    if only_predict and 'annotations' not in content:
        check_datasets(cfg, ['EvalDataset'])
        return
    with pytest.raises(ValueError, match='has no box to evaluate; annotate its images'):
        check_datasets(cfg, ['EvalDataset'])
    dataset_fields(cfg, 'EvalDataset')['allow_empty'] = True
    check_datasets(cfg, ['EvalDataset'])


def test_the_number_of_faults_is_told(coco):
    content = annotations()
    content['annotations'] *= 3
    content['annotations'][0].pop('area')
    with pytest.raises(ValueError, match=r'annotations\[0\]: area is missing, .* \(and 2 more '
                                         r'faults\); correct it, or prepare the data set anew'):
        check_datasets(coco(content), ['TrainDataset'])


def test_boxes_of_which_none_is_learned(coco):
    content = annotations()
    content['annotations'][0]['area'] = 0
    with pytest.raises(ValueError, match='has no box of positive size and area'):
        check_datasets(coco(content), ['TrainDataset'])


def test_an_annotation_file_of_another_name(coco, folder):
    (folder / 'annotations' / 'train.txt').write_text(json.dumps(annotations()))
    with pytest.raises(ValueError, match=r'anno_path is a COCO annotation file, \*.json, got'):
        check_datasets(coco(annotations(), anno_path='annotations/train.txt'), ['TrainDataset'])


def test_a_data_set_that_is_null(tmp_path):
    cfg = load_run_config(student_yaml(tmp_path), {'TrainDataset': None})
    with pytest.raises(ValueError, match='TrainDataset is missing or null; give it a data set'):
        check_datasets(cfg, ['TrainDataset'])


def test_masks_are_refused(tmp_path):
    dataset = {'dataset_dir': noise_set(tmp_path / 'noise', train=2),
               'data_fields': ['image', 'gt_bbox', 'gt_class', 'is_crowd', 'gt_poly']}
    cfg = load_run_config(student_yaml(tmp_path, TrainDataset=dataset))
    with pytest.raises(ValueError, match='TrainDataset.data_fields has gt_poly, but .* no masks'):
        check_datasets(cfg, ['TrainDataset'])
