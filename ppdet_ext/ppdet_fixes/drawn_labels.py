# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Drawn boxes keep their label and their colour, and labels are readable in Chinese.

Defect: ppdet draws a box's label above it, which is outside the image for a
box at the upper edge, and picks the colour of a class at random in every call,
so that a class changes its colour from image to image. Its font has no Chinese.

Patch: the label moves down into the image; a class always has the same colour. A name that is not
ASCII is drawn with a system font or the config's ``font``; without one, classes are numbered.
"""
from ..compat import patching
from ..utils.fonts import drawn_names


def patch():
    patching.replace_text('ppdet.utils.visualizer', 'draw_bbox', {
        'draw = ImageDraw.Draw(image)':
        'draw = ImageDraw.Draw(image)\n    font, drawn = names_to_draw(catid2name)',
        '.format(catid2name[catid], score)': '.format(drawn[catid2name[catid]], score)',
        'draw.textsize(text)': 'draw.textsize(text, font)',
        '[(xmin + 1, ymin - th), (xmin + tw + 1, ymin)]':
        '[(xmin + 1, max(ymin, th) - th), (xmin + tw + 1, max(ymin, th))]',
        'draw.text((xmin + 1, ymin - th), text,':
        'draw.text((xmin + 1, max(ymin, th) - th), text, font=font,',
        'idx = np.random.randint(len(color_list))': 'idx = catid % len(color_list)',
    })
    patching.find('ppdet.utils.visualizer', 'draw_bbox')[2].__globals__[
        'names_to_draw'] = _names_to_draw


def _names_to_draw(category_names):
    from ppdet.core.workspace import global_config
    return drawn_names(tuple(category_names.values()), global_config.get('font'))
