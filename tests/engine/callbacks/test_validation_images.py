# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from ppdet_ext.engine.callbacks.validation_images import draw_validation_images

GREY = 99


@pytest.fixture
def dataset(tmp_path):
    """Five grey images, 100 pixels wide and 60 high but the last, with one true box each."""
    paths = [str(tmp_path / f'{k}.png') for k in range(5)]
    for path in paths:
        large = path == paths[-1]
        Image.new('RGB', (1920, 960) if large else (100, 60), (GREY, GREY, GREY)).save(path)
    anno = tmp_path / 'val.json'
    anno.write_text(json.dumps({
        'categories': [{'id': 7, 'name': 'crazing'}],
        'annotations': [{'image_id': 10 + k, 'category_id': 7, 'bbox': [20, 30, 40, 20]}
                        for k in range(5)]}))
    return SimpleNamespace(
        get_anno=lambda: str(anno),
        roidbs=[{'im_file': path, 'im_id': np.array([10 + k])} for k, path in enumerate(paths)])


def detection(score, image_id=10, bbox=(10, 40, 40, 15)):
    return {'image_id': image_id, 'category_id': 7, 'bbox': list(bbox), 'score': score}


def halves(picture):
    width = (picture.shape[1] - 4) // 2
    assert (picture[:, width:width + 4] == 255).all()
    return picture[:, :width], picture[:, -width:]


def test_true_boxes_are_left_and_detected_ones_right(dataset):
    picture, = draw_validation_images(dataset, [detection(0.9)], 1).values()
    left, right = halves(picture)
    assert left.shape == right.shape == (60, 100, 3)
    assert (left[40, 20] != GREY).any() and (left[45, 10] == GREY).all()
    assert (right[45, 10] != GREY).any() and (right[50, 20] == GREY).all()


@pytest.mark.parametrize('score, shown', [(0.29, False), (0.31, True)])
def test_boxes_of_a_low_score_are_not_drawn(dataset, score, shown):
    picture, = draw_validation_images(dataset, [detection(score)], 1).values()
    assert (halves(picture)[1] != GREY).any() == shown


def test_boxes_of_other_images_are_not_drawn(dataset):
    picture, = draw_validation_images(dataset, [detection(0.9, image_id=11)], 1).values()
    assert (halves(picture)[1] == GREY).all()


@pytest.mark.parametrize('count, names', [
    (0, []), (2, ['10_0.png', '12_2.png']), (9, [f'{10 + k}_{k}.png' for k in range(5)])])
def test_images_are_spread_over_the_set(dataset, count, names):
    assert list(draw_validation_images(dataset, [], count)) == names


def test_a_large_image_is_reduced_with_its_boxes(dataset):
    found = detection(0.9, image_id=14, bbox=(400, 400, 800, 400))
    picture = list(draw_validation_images(dataset, [found], 5).values())[-1]
    _, right = halves(picture)
    assert right.shape == (240, 480, 3)
    assert (right[150, 100] != GREY).any() and (right[150, 200] == GREY).all()


def test_an_image_of_another_format_starts_no_program(dataset, monkeypatch):
    Image.new('RGB', (7, 5)).save(dataset.roidbs[0]['im_file'], format='EPS')
    monkeypatch.setattr(EpsImagePlugin, 'Ghostscript', lambda *args, **kwargs: pytest.fail('ran'))
    with pytest.raises(ValueError, match='cannot be decoded'):
        draw_validation_images(dataset, [], 1)
