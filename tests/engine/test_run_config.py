# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import paddle
import pytest
from PIL import Image
from tiny import student_yaml, write_yaml

from ppdet_ext.engine.config import check_datasets, load_run_config


def test_a_config_of_this_repository_passes(tmp_path):
    cfg = load_run_config(student_yaml(tmp_path), {'epoch': 5, 'TrainReader': {'batch_size': 3}})
    assert (cfg.epoch, cfg.TrainReader['batch_size']) == (5, 3)
    assert cfg.use_gpu == (paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0)


def test_the_last_setting_wins(tmp_path):
    cfg = load_run_config(student_yaml(tmp_path, seed=1), {'seed': 2, 'epoch': 8}, {'epoch': 9})
    assert (cfg.seed, cfg.epoch) == (2, 9)


def test_nothing_is_left_of_an_earlier_run(tmp_path):
    first = load_run_config(student_yaml(tmp_path), {'seed': 1, 'FPN': {'norm_type': 'bn'}})
    first.update(model='its model', slim='Distill', amp=True)
    second = load_run_config(student_yaml(tmp_path), {})
    assert not {'seed', 'model', 'slim', 'amp'} & set(second)
    assert 'norm_type' not in second['FPN']


def test_nothing_is_left_of_a_data_set_that_a_tag_has_built(tmp_path):
    tagged = tmp_path / 'tagged.yml'
    tagged.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nTrainDataset: !COCODataSet {{}}\n')
    assert type(load_run_config(str(tagged))['TrainDataset']).__name__ == 'COCODataSet'
    assert load_run_config(student_yaml(tmp_path))['TrainDataset']['name'] == 'COCODataSet'


@pytest.mark.parametrize('options, message', [
    ({'epochs': 3}, r'"epochs" is no section or key .*did you mean "epoch"'),
    ({'TrainReaders': {'batch_size': 1}}, r'"TrainReaders" .*did you mean "TrainReader"'),
    ({'FPN': {'out_channels': 8}}, r'FPN: unknown key "out_channels" \(did you mean "out_channel"'),
    ({'TrainReader': {'batch_sise': 8}}, r'TrainReader: .*"batch_sise" \(did you mean "batch_size'),
    ({'EvalReader': {'sample_transforms': [{'Decoode': {}}]}},
     r'EvalReader.sample_transforms: unknown name "Decoode" \(did you mean "Decode"'),
    ({'TestReader': {'batch_transforms': [{'PadBatch': {'stride': 32}}]}},
     r'TestReader.batch_transforms: PadBatch: unknown key "stride".*known: pad_to_stride'),
    ({'EvalDataset': {'anno_pth': 'x'}}, r'EvalDataset: .*"anno_pth" \(did you mean "anno_path"'),
    ({'TrainDataset': {'name': 'COCODataset'}}, r'TrainDataset: unknown name .*"COCODataSet"'),
    ({'RetinaHead': {'conv_feat': {'feat_inn': 8}}},
     r'RetinaHead.conv_feat: unknown key "feat_inn" \(did you mean "feat_in"'),
    ({'LearningRate': {'schedulers': [{'name': 'CosineDecay', 'max_epoch': 3}]}},
     r'LearningRate.schedulers: CosineDecay: unknown key "max_epoch" \(did you mean "max_epochs"'),
    ({'snapshot_epoch': 0}, r'snapshot_epoch is a whole number from 1, got 0'),
    ({'epoch': 'ten'}, r"epoch is a whole number from 1, got 'ten'"),
])
def test_misspelt_keys_name_the_near_match(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        load_run_config(student_yaml(tmp_path), options)


def test_a_list_under_a_name_of_its_own_may_serve_as_anchor(tmp_path):
    load_run_config(student_yaml(tmp_path, image_size=[64, 64]), {})


def test_a_key_that_every_run_needs(tmp_path):
    path = write_yaml(tmp_path / 'x.yml', {'architecture': 'RetinaNet', 'epoch': 1})
    with pytest.raises(ValueError, match='the config has no "log_iter"; is a file missing in its'):
        load_run_config(path, {})


@pytest.mark.skipif(paddle.is_compiled_with_cuda(), reason='there is a GPU to use')
def test_asking_for_a_gpu_without_one(tmp_path):
    with pytest.raises(ValueError, match='use_gpu is true, but this Paddle sees no GPU'):
        load_run_config(student_yaml(tmp_path), {'use_gpu': True})


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


def test_a_missing_config_is_named():
    with pytest.raises(FileNotFoundError, match='config file not found: nowhere.yml'):
        load_run_config('nowhere.yml', {})


def test_a_config_that_is_no_mapping(tmp_path):
    with pytest.raises(ValueError, match='got list'):
        load_run_config(write_yaml(tmp_path / 'x.yml', [1]), {})
