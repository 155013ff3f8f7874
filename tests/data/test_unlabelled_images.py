# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Which unlabelled images are found, what is refused, and what becomes of them."""
import json
import os

import numpy as np
import pytest
from PIL import Image
from ppdet.core.workspace import load_config
from tiny import CONFIGS, student_yaml

from ppdet_ext.data.unlabelled_images import (
    UnlabelledDataset,
    UnlabelledReader,
    reader_options,
    warn_of_evaluated,
)


def draw(path, width=20, height=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full([height, width, 3], 128, 'uint8')).save(path)


@pytest.fixture
def folder(tmp_path):
    for name in ('b.png', 'a.JPG', 'deeper/c.png', '.hidden/d.png', 'e.gif'):
        draw(tmp_path / 'images' / name)
    (tmp_path / 'images' / 'notes.txt').write_text('no image')
    return tmp_path


def found(folder, **options):
    dataset = UnlabelledDataset(str(folder), 'images', **options)
    dataset.parse_dataset()
    return dataset


def names(dataset, folder):
    return [record['im_file'][len(f'{folder}/images/'):] for record in dataset.roidbs]


def test_all_images_below_the_folder_are_found(folder):
    dataset = found(folder)
    assert names(dataset, folder) == ['a.JPG', 'b.png', 'deeper/c.png']
    record = dataset.roidbs[0]
    assert (record['h'], record['w']) == (10, 20)
    assert record['gt_bbox'].tolist() == [[0, 0, 20, 10]]


def test_a_list_names_the_images(folder):
    (folder / 'list.txt').write_text('deeper\\c.png\n\nb.png\n')
    assert names(found(folder, image_list='list.txt'), folder) == ['deeper/c.png', 'b.png']


def test_a_list_may_have_absolute_paths_and_then_needs_no_folder(folder):
    path = folder / 'images' / 'deeper' / 'c.png'
    (folder / 'list.txt').write_text(f'{path}\n')
    for dataset in (UnlabelledDataset(image_list=str(folder / 'list.txt')),
                    UnlabelledDataset(str(folder), 'images', image_list='list.txt')):
        dataset.parse_dataset()
        assert [record['im_file'] for record in dataset.roidbs] == [str(path)]


@pytest.mark.parametrize('content, error, message', [
    (None, FileNotFoundError, r'list.txt does not exist; make it with tools/make_partly_labelled'),
    ('\n', ValueError, r'list.txt names no image'),
    ('b.png\nx.png\n', FileNotFoundError, r'list.txt:2: .*x.png does not exist; copy it there'),
])
def test_a_list_that_is_wrong(folder, content, error, message):
    if content is not None:
        (folder / 'list.txt').write_text(content)
    with pytest.raises(error, match=f'UnlabelledDataset: .*{message}'):
        found(folder, image_list='list.txt')


def test_a_folder_that_is_not_there_or_empty(tmp_path):
    with pytest.raises(FileNotFoundError, match='UnlabelledDataset: .*images is not a folder; give '
                                                'that of the images with -o'):
        found(tmp_path)
    (tmp_path / 'images').mkdir()
    with pytest.raises(ValueError, match=r'images holds no image \(.jpg, .*give another folder'):
        found(tmp_path)


def test_faulty_images_are_counted_and_the_first_is_named(folder):
    (folder / 'images' / 'a.JPG').write_bytes(b'no image')
    (folder / 'images' / 'b.png').write_bytes((folder / 'images' / 'b.png').read_bytes()[:50])
    message = (r'2 of 3 images have a fault, first .*a.JPG is not an image that can be read .*; '
               r'copy it again, or remove it$')
    with pytest.raises(ValueError, match=message):
        found(folder)


def test_images_of_the_evaluation_are_warned_of(folder, log):
    (folder / 'val.json').write_text(json.dumps({
        'images': [{'id': 1, 'file_name': 'split/c.png', 'width': 20, 'height': 10}],
        'annotations': [], 'categories': [{'id': 1, 'name': 'a'}]}))
    dataset = found(folder)
    evaluated = {'name': 'COCODataSet', 'dataset_dir': str(folder), 'anno_path': 'val.json'}
    warn_of_evaluated(dataset, {'EvalDataset': evaluated})
    (level, message), = log
    assert level == 'WARNING' and '1 of 3 images have the name of an image of EvalDat' in message
    for other in (None, {**evaluated, 'anno_path': 'none.json'}, {'name': 'ImageFolder'}):
        warn_of_evaluated(dataset, {'EvalDataset': other})
    assert len(log) == 1


def test_the_reader_is_that_of_training_without_what_makes_targets(tmp_path):
    cfg = load_config(student_yaml(tmp_path, TrainReader={
        'batch_size': 3, 'batch_transforms': [{'KeepGTBox': {}}, {'Gt2FCOSTarget': {
            'object_sizes_boundary': [64], 'center_sampling_radius': 1.5,
            'downsample_ratios': [8, 16], 'norm_reg_targets': True}},
            {'PadBatch': {'pad_to_stride': 32}}]}))
    options = reader_options(cfg)
    assert options['batch_size'] == 3 and options['num_classes'] == 6
    assert options['sample_transforms'] == cfg['TrainReader']['sample_transforms']
    assert [next(iter(entry)) for entry in options['batch_transforms']] == ['KeepGTBox', 'PadBatch']
    own = {'batch_size': 5, 'sample_transforms': [{'Decode': {}}], 'batch_transforms': []}
    cfg['UnlabelledReader'].update(own)
    assert reader_options(cfg) == {**own, 'num_classes': 6}


def test_cropping_takes_the_image_for_the_object(folder):
    draw(folder / 'images' / 'a.JPG', 100, 80)
    reader = UnlabelledReader([{'Decode': {}}, {'RandomCrop': {
        'thresholds': [0.0], 'scaling': [0.5, 0.6], 'allow_no_crop': False}}])
    dataset = found(folder)
    dataset.set_kwargs()
    dataset.set_transform(reader._sample_transforms)
    np.random.seed(0)
    height, width = dataset[0]['image'].shape[:2]
    assert height * width < 0.5 * 100 * 80


@pytest.mark.parametrize('config', [
    'faster_rcnn/faster_rcnn_r18_fpn_neu_det.yml', 'fcos/fcos_r18_fpn_neu_det.yml',
    'gfl/gfl_r18_fpn_neu_det.yml', 'lite/retinanet_lite0_neu_det.yml',
    'picodet/picodet_s_neu_det.yml', 'ppyoloe/ppyoloe_plus_crn_s_neu_det.yml'])
def test_the_training_readers_of_all_families_take_them(folder, config):
    for name in ('a.JPG', 'b.png'):
        draw(folder / 'images' / name, 200, 200)
    cfg = load_config(os.path.join(CONFIGS, config))
    reader = UnlabelledReader(**reader_options(cfg))
    dataset = found(folder)
    dataset.set_kwargs()
    dataset.set_transform(reader._sample_transforms)
    batch = reader._batch_transforms([dataset[0], dataset[1]])
    assert batch['image'].shape[:2] == (2, 3) and batch['image'].dtype == np.float32
    assert len(batch['im_shape']) == len(batch['scale_factor']) == 2
