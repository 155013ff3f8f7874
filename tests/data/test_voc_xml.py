# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What PaddleDetection's reader of Pascal VOC cannot take is told with its line."""
import os

import pytest

from ppdet_ext.data.voc_xml import read_annotation

CLASSES = ('crazing', 'patches')
SOUND = '''<annotation>
<size><width>20</width><height>20</height></size>
<object><name>patches</name><difficult>0</difficult>
<bndbox><xmin>5</xmin><ymin>0</ymin><xmax>5</xmax><ymax>99.5</ymax></bndbox></object>
</annotation>'''
BOMB = '<!DOCTYPE a [<!ENTITY b "x">]><annotation>&b;</annotation>'


def problems(tmp_path, text):
    path = tmp_path / 'a.xml'
    path.write_text(text)
    return read_annotation(str(path), CLASSES).problems


def test_boxes_that_the_reader_cuts_off_or_leaves_out_are_sound(tmp_path):
    assert problems(tmp_path, SOUND) == []


def test_no_object_is_sound(tmp_path):
    assert problems(tmp_path, '<annotation><size><width>1</width><height>1</height></size>'
                              '</annotation>') == []


@pytest.mark.parametrize('text, line, message', [
    ('', 1, 'broken XML: no element found'),
    ('<annotation>\n<size>', 2, 'broken XML: no element found'),
    ('<annotation/>', 1, 'there is no <size>'),
    (BOMB, 1, 'refused: it defines the entity "b"'),
    (SOUND.replace('<width>20', '<width>wide'), 2, '<width> is "wide", expected a number'),
    (SOUND.replace('<size>', '<id>x</id><size>'), 2, '<id> is "x", expected an integer'),
    (SOUND.replace('<size>', '<id>1e5</id><size>'), 2, '<id> is "1e5", expected an integer'),
    (SOUND.replace('<width>20', '<width>-5'), 2, '<size> must be above 0, got [-5, 20]'),
    (SOUND.replace('<name>patches', '<name>dent'), 3, 'unknown class "dent", expected one of'),
    (SOUND.replace('<difficult>0', '<difficult>no'), 3, '<difficult> is "no", expected 0 or 1'),
    (SOUND.replace('<xmin>5', '<xmin>nan'), 4, '<xmin> is "nan", expected a number'),
    (SOUND.replace('bndbox', 'polygon'), 3, 'there is no <bndbox>'),
])
def test_problems(tmp_path, text, line, message):
    found, = problems(tmp_path, text)
    assert found[0] == line and found[1].startswith(message)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'a.xml')
    with pytest.raises(OSError, match='is a pipe or a device'):
        read_annotation(str(tmp_path / 'a.xml'), CLASSES)
