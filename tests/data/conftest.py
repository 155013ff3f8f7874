# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Small data sets with Pascal VOC annotations, built in a temporary folder."""
import os
import sys

import cv2
import numpy as np
import pytest
from tool_runs import imported

from ppdet_ext.engine import cli

# One element a line, so that tests can tell lines: size is 3, the first object begins at 4 with
# its name in 5, difficult in 6 and bndbox in 7; further objects follow every five lines.
XML = """<annotation>
<filename>{filename}</filename>
<size><width>{width}</width><height>{height}</height><depth>1</depth></size>
{objects}</annotation>
"""
OBJECT = """<object>
<name>{}</name>
<difficult>{}</difficult>
<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>
</object>
"""


class VocTree:
    """Adds images and annotations to a folder in one of the layouts that NEU-DET comes in."""

    FOLDERS = {
        'original': ('IMAGES', 'ANNOTATIONS'),
        'voc': ('JPEGImages', 'Annotations'),
        'kaggle': ('{part}/images/{class_name}', '{part}/annotations'),
    }

    def __init__(self, root, layout='original'):
        self.root = str(root)
        self.folders = self.FOLDERS[layout]

    def path(self, kind, name, part='train', class_name='crazing'):
        folder = self.folders[kind == 'xml'].format(part=part, class_name=class_name)
        path = os.path.join(self.root, folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def add_image(self, name, part='train', class_name='crazing', size=(20, 20), seed=0):
        width, height = size
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
        path = self.path('image', name, part, class_name)
        assert cv2.imwrite(path, pixels)
        return path

    def add_xml(self, name, boxes, part='train', size=(20, 20), filename=None):
        """``boxes``: (class name, difficult, xmin, ymin, xmax, ymax) of each."""
        text = XML.format(filename=filename or name + '.jpg', width=size[0], height=size[1],
                          objects=''.join(OBJECT.format(*box) for box in boxes))
        path = self.path('xml', name + '.xml', part)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def add(self, name, boxes, part='train'):
        class_name = boxes[0][0] if boxes else 'crazing'
        self.add_image(name + '.jpg', part, class_name)
        self.add_xml(name, boxes, part)

    def add_classes(self, class_names, images_per_class):
        """One box an image; every fifth image of a class goes to the validation part."""
        for class_name in class_names:
            for index in range(images_per_class):
                self.add(f'{class_name}_{index}', [(class_name, 0, 1, 2, 10, 20)],
                         'validation' if index % 5 == 4 else 'train')


@pytest.fixture
def voc_tree(tmp_path):
    """Makes a VocTree below the test's folder: ``voc_tree(layout='original', folder='source')``."""
    return lambda layout='original', folder='source': VocTree(tmp_path / folder, layout)


@pytest.fixture
def prepare_tool(monkeypatch):
    """Runs tools/prepare_neu_det.py as its command line does; returns the exit code."""

    def run(arguments):
        monkeypatch.setattr(sys, 'argv', ['prepare_neu_det.py', *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.run_tool(imported('prepare_neu_det').main)
        return stopped.value.code

    return run
