# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Synthetic steel: reproducible images, boxes that fit what was drawn, a sound COCO data set."""
import json
import os
import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
import yaml

from ppdet_ext.data import synthetic_steel
from ppdet_ext.data.check import check_coco_folder
from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.data.synthetic_steel import COMPANIONS, make_synthetic_steel, render_image
from ppdet_ext.data.synthetic_textures import draw_defect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, 'tools', 'make_synthetic_steel.py')
DEMO = os.path.join(ROOT, 'demo')
DEMO_SEED = 5

every_class = pytest.mark.parametrize('class_name', NEU_DET_CLASSES)


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp('synthetic') / 'steel'
    make_synthetic_steel(str(folder), images_per_class=10, seed=3)
    return folder


def load(folder, split):
    return json.loads((folder / 'annotations' / f'{split}.json').read_text(encoding='utf-8'))


@every_class
def test_image_depends_on_seed_class_and_index_only(class_name):
    pixels, defects = render_image(0, class_name, 1)
    assert pixels.shape == (200, 200) and pixels.dtype == np.uint8
    again, defects_again = render_image(0, class_name, 1)
    assert np.array_equal(pixels, again)
    assert [d.bbox for d in defects] == [d.bbox for d in defects_again]
    assert not np.array_equal(pixels, render_image(1, class_name, 1)[0])
    assert not np.array_equal(pixels, render_image(0, class_name, 2)[0])


@every_class
def test_boxes_are_the_smallest_around_the_drawn_pixels(class_name):
    for index in range(30):
        defects = render_image(0, class_name, index)[1]
        assert 1 <= len(defects) <= 4
        assert defects[0].class_name == class_name
        for defect in defects:
            x1, y1, x2, y2 = defect.bbox
            assert 0 <= x1 < x2 <= 200 and 0 <= y1 < y2 <= 200
            inside = defect.mask[y1:y2, x1:x2]
            assert inside.sum() == defect.mask.sum()
            assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


@every_class
def test_mask_is_what_changed_in_the_picture(class_name, monkeypatch):
    even_steel = np.full((200, 200), 100.0), np.zeros((200, 200))
    monkeypatch.setattr(synthetic_steel, 'draw_surface', lambda rng, class_name: even_steel)
    rendered = [render_image(0, class_name, index) for index in range(30)]
    alone = [(pixels, defects[0]) for pixels, defects in rendered if len(defects) == 1]
    assert alone
    for pixels, defect in alone:
        assert np.array_equal(pixels != 100, defect.mask)


@every_class
def test_only_scratches_are_bright(class_name):
    layers = [draw_defect(np.random.default_rng(seed), class_name) for seed in range(10)]
    assert all((layer.sum() > 0) == (class_name == 'scratches') for layer in layers)


def test_about_seven_percent_of_the_images_hold_a_second_class():
    rng = np.random.default_rng(0)
    chosen = [(name, synthetic_steel._choose_classes(rng, name))
              for name in NEU_DET_CLASSES for _ in range(1000)]
    mixed = [(name, set(classes) - {name}) for name, classes in chosen if len(set(classes)) > 1]
    assert 0.06 < len(mixed) / len(chosen) < 0.08
    assert all(others == {COMPANIONS[name]} for name, others in mixed)


def test_data_set_passes_the_check_of_prepared_data(dataset):
    counts, faults = check_coco_folder(str(dataset))
    assert faults == []
    assert {split: images for split, (images, _) in counts.items()} \
        == {'train': 42, 'val': 12, 'test': 6}


@pytest.mark.parametrize('split, images', [('train', 7), ('val', 2), ('test', 1)])
def test_every_class_has_the_same_fraction_of_each_split(dataset, split, images):
    names = [image['file_name'] for image in load(dataset, split)['images']]
    assert Counter(name.rsplit('_', 1)[0] for name in names) \
        == dict.fromkeys(NEU_DET_CLASSES, images)


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_data_set_calls_itself_synthetic(dataset, split):
    assert 'synthetic' in load(dataset, split)['info']['description'].lower()


def test_annotations_are_the_boxes_of_the_drawn_defects(dataset):
    content = load(dataset, 'val')
    for image in content['images']:
        class_name, index = image['file_name'][:-len('.jpg')].rsplit('_', 1)
        expected = [(NEU_DET_CLASSES.index(d.class_name) + 1, d.bbox)
                    for d in render_image(3, class_name, int(index))[1]]
        boxes = [(a['category_id'], a['bbox']) for a in content['annotations']
                 if a['image_id'] == image['id']]
        assert [(c, (x, y, x + w, y + h)) for c, (x, y, w, h) in boxes] == expected


def test_more_images_leave_the_first_ones_as_they_are(dataset, tmp_path):
    make_synthetic_steel(str(tmp_path / 'more'), images_per_class=11, seed=3)
    paths = sorted((dataset / 'images').iterdir())
    assert len(paths) == 60
    for path in paths:
        assert (tmp_path / 'more' / 'images' / path.name).read_bytes() == path.read_bytes()


@every_class
def test_demo_image_is_what_its_name_says(class_name):
    [name] = [name for name in os.listdir(DEMO) if name.startswith(class_name)]
    index = int(name[:-len('.jpg')].rsplit('_', 1)[1])
    stored = cv2.imread(os.path.join(DEMO, name), cv2.IMREAD_GRAYSCALE)
    drawn = render_image(DEMO_SEED, class_name, index)[0]
    assert np.abs(stored.astype(int) - drawn).mean() < 3  # grey levels lost by JPEG


def test_tool_draws_once_and_refuses_to_overwrite(tmp_path):
    command = [sys.executable, TOOL, '--output', 'steel', '--images-per-class', '10']
    first, second = (subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
                     for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert 'train 42, val 12, test 6' in first.stdout
    assert len(os.listdir(tmp_path / 'steel' / 'images')) == 60
    assert second.returncode == 1
    errors = [line for line in second.stderr.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1 and '--overwrite' in errors[0] and 'Traceback' not in second.stderr


def test_overwrite_replaces_the_data_set(tmp_path):
    for count in (11, 10):
        make_synthetic_steel(str(tmp_path / 'steel'), count, overwrite=True)
    assert len(os.listdir(tmp_path / 'steel' / 'images')) == 60
    assert os.listdir(tmp_path) == ['steel']


@pytest.mark.parametrize('count, seed, message', [
    (5, 0, 'images per class: expected 10 or more, got 5'),
    (-1, 0, 'images per class: expected 10 or more, got -1'),
    (10, -2, 'seed: expected 0 or more, got -2'),
])
def test_impossible_numbers_are_refused(tmp_path, count, seed, message):
    with pytest.raises(ValueError, match=message):
        make_synthetic_steel(str(tmp_path / 'steel'), count, seed)
    assert os.listdir(tmp_path) == []


def test_sound_steel_is_in_every_split_and_changes_nothing_else(dataset, tmp_path):
    make_synthetic_steel(str(tmp_path / 'steel'), images_per_class=10, seed=3, sound=20)
    counts, faults = check_coco_folder(str(tmp_path / 'steel'))
    assert faults == []
    for split, expected in (('train', 14), ('val', 4), ('test', 2)):
        content = load(tmp_path / 'steel', split)
        sound = [i for i in content['images'] if i['file_name'].startswith('sound_')]
        assert len(sound) == expected
        assert not {i['id'] for i in sound} & {a['image_id'] for a in content['annotations']}
        before = load(dataset, split)
        assert content['annotations'] == before['annotations']
        assert [i for i in content['images'] if i not in sound] == before['images']
    described = yaml.safe_load((tmp_path / 'steel' / 'dataset.yml').read_text())
    assert described['TrainDataset']['allow_empty'] and described['EvalDataset']['allow_empty']
    assert 'allow_empty' not in (dataset / 'dataset.yml').read_text()


def test_sound_steel_looks_like_that_around_all_defects():
    means = [render_image(0, 'sound', index)[0].mean() for index in range(60)]
    others = [render_image(0, class_name, index)[0].mean() for class_name in NEU_DET_CLASSES
              for index in range(10)]
    assert render_image(0, 'sound', 7)[1] == []
    assert abs(np.mean(means) - np.mean(others)) < 15
