# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""supervision, which others wrote, finds the same boxes in the same files as our readers do."""
import numpy as np
import pytest
from label_formats import CLASSES, WRITERS, objects

from ppdet_ext.data.formats import SourceOptions, read_source
from ppdet_ext.data.prepare import prepare_data

supervision = pytest.importorskip('supervision', reason='needs Python 3.10')
READERS = {
    'voc': lambda folder: supervision.DetectionDataset.from_pascal_voc(
        str(folder / 'JPEGImages'), str(folder / 'Annotations')),
    'yolo': lambda folder: supervision.DetectionDataset.from_yolo(
        str(folder / 'images'), str(folder / 'labels'), str(folder / 'data.yaml')),
    'coco': lambda folder: supervision.DetectionDataset.from_coco(
        str(folder / 'images'), str(folder / 'annotations' / 'instances_default.json')),
}


def their_boxes(dataset):
    """dict: name of an image to its sorted rows of class name and corners."""
    return {str(path).rpartition('/')[2]: sorted(
        (dataset.classes[kind], *np.round(box, 2).tolist())
        for kind, box in zip(found.class_id, found.xyxy))
        for path, found in dataset.annotations.items()}


@pytest.mark.parametrize('name', READERS)
def test_boxes_are_those_of_supervision(tmp_path, name):
    content = {**objects(12),
               'edge': [(CLASSES[0], (0, 0, 64, 48)), (CLASSES[1], (62, 46, 64, 48))]}
    WRITERS[name](tmp_path, content)
    ours = {image.name: sorted((box['class_name'], *map(float, box['bbox']))
                               for box in image.boxes)
            for image in read_source(str(tmp_path), name, SourceOptions()).images}
    theirs = their_boxes(READERS[name](tmp_path))
    assert sum(map(len, ours.values())) > 12 and ours.keys() == theirs.keys()
    for image, boxes in ours.items():
        assert [box[0] for box in boxes] == [box[0] for box in theirs[image]], image
        # Of YOLO six decimals of a share are left.
        assert np.allclose([box[1:] for box in boxes], [box[1:] for box in theirs[image]],
                           atol=0.01), image


def test_what_is_written_reads_the_same_in_supervision(tmp_path):
    content = objects(10)
    WRITERS['voc'](tmp_path / 'voc', content)
    prepare_data(str(tmp_path / 'voc'), str(tmp_path / 'out'))
    found = {}
    for split in 'train', 'val':
        found.update(their_boxes(supervision.DetectionDataset.from_coco(
            str(tmp_path / 'out' / 'images'),
            str(tmp_path / 'out' / 'annotations' / f'{split}.json'))))
    assert found == {f'{name}.png': sorted((kind, *map(float, box)) for kind, box in boxes)
                     for name, boxes in content.items()}
