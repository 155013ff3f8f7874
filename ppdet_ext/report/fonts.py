# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Fonts of charts: Matplotlib's own has no Chinese."""
import functools
import re

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

__all__ = ['families', 'can_draw', 'class_labels']

OWN = 'DejaVu Sans'
# Files of fonts with Chinese, as Linux distributions, Windows and macOS name them.
CHINESE = re.compile(r'(CJK|SourceHanSans|wqy|msyh|simhei|PingFang|STHeiti|DroidSansFallback)',
                     re.IGNORECASE)


@functools.lru_cache(maxsize=1)
def families():
    """list of str: Matplotlib's font and, where this machine has one, a Chinese font."""
    # Not Matplotlib's list, which it keeps from before a font was installed.
    for path in sorted(filter(CHINESE.search, font_manager.findSystemFonts())):
        if 'Bold' in path or 'Serif' in path:
            continue
        font_manager.fontManager.addfont(path)
        return [OWN, FT2Font(path).family_name]
    return [OWN]


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
