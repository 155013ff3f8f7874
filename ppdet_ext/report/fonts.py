# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Fonts of charts: Matplotlib's own has no Chinese."""
import functools

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from ..utils.fonts import find_font

__all__ = ['families', 'can_draw', 'class_labels', 'text_style']

OWN = 'DejaVu Sans'


@functools.lru_cache(maxsize=1)
def families():
    """list of str: Matplotlib's font and, where this machine has one, a Chinese font."""
    try:
        _, path = find_font('中文')
    except LookupError:
        return [OWN]
    # Matplotlib keeps a list of its own from before a font was installed.
    font_manager.fontManager.addfont(path)
    return [OWN, FT2Font(path).family_name]


def text_style(size):
    """dict: parameters of Matplotlib for text of so many points, in which $ is a letter."""
    return {'font.family': families(), 'font.size': size, 'text.parse_math': False}


@functools.lru_cache(maxsize=1)
def _characters():
    known = set()
    for family in families():
        known.update(FT2Font(font_manager.findfont(family)).get_charmap())
    return known


def can_draw(text):
    """bool: whether the fonts of this machine have every character."""
    return all(ord(character) in _characters() for character in text)


def class_labels(names):
    """list of str: what charts call the classes; C1, C2 ... for names that cannot be drawn."""
    if all(map(can_draw, names)):
        return list(names)
    return [f'C{number}' for number in range(1, len(names) + 1)]
