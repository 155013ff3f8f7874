# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Names in pictures are readable: with a font that has them, or as numbers with a legend."""
import matplotlib
import pytest
from PIL import Image
from ppdet.utils.visualizer import draw_bbox

from deploy import fonts
from ppdet_ext.utils.fonts import drawn_names, find_font

LATIN = f'{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf'  # without Chinese


@pytest.fixture(autouse=True)
def nothing_remembered():
    find_font.cache_clear()
    drawn_names.cache_clear()
    yield
    find_font.cache_clear()
    drawn_names.cache_clear()


def test_plain_names_need_no_font():
    assert drawn_names(('dent', 'pit')) == (None, {'dent': 'dent', 'pit': 'pit'})


def test_without_a_font_the_classes_are_numbered_and_the_legend_is_printed_once(
        monkeypatch, capsys):
    monkeypatch.setattr(fonts, 'FONTS', ())
    for _ in range(2):
        assert drawn_names(('划痕', 'dent')) == (None, {'划痕': '1', 'dent': '2'})
    printed = capsys.readouterr().out
    assert printed.count('1 = 划痕, 2 = dent') == 1 and '-o font=FILE' in printed


def test_a_font_without_the_characters_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, 'FOLDERS', (LATIN.rsplit('/', 1)[0], ))
    monkeypatch.setattr(fonts, 'FONTS', ('DejaVuSans.ttf', ))
    assert find_font('Lücke')[1] == LATIN
    with pytest.raises(LookupError):
        find_font('划痕')
    with pytest.raises(ValueError, match='font: .*DejaVuSans.ttf lacks characters of 划痕'):
        find_font('划痕', LATIN)
    (tmp_path / 'a.ttf').write_text('no font')
    with pytest.raises(ValueError, match='font: .*a.ttf is not a font that can be read'):
        find_font('a', str(tmp_path / 'a.ttf'))


def drawn(name):
    image = Image.new('RGB', (90, 60))
    boxes = [{'image_id': 0, 'category_id': 1, 'bbox': [5, 30, 60, 20], 'score': 0.5}]
    return draw_bbox(image, 0, {1: name}, boxes, 0.1).tobytes()


def test_boxes_of_classes_with_chinese_names_differ(monkeypatch, capsys):
    monkeypatch.setattr(fonts, 'FONTS', ())
    number = drawn('划痕')
    assert number == drawn('1') and '1 = 划痕' in capsys.readouterr().out
    monkeypatch.undo()
    drawn_names.cache_clear()
    try:
        find_font('划痕凹坑')
    except LookupError:
        pytest.skip('no font with Chinese here')
    assert drawn('划痕') != drawn('凹坑') != number
