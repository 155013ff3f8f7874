# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Drawn boxes keep their label and their colour.

Defect: ppdet draws a box's label above it, which is outside of the picture for
a box at the upper edge, and draws the colour of a class anew at every call, so
that one class has another colour in every image.

Mend: the label moves down into the picture; a class always has the same colour.
"""
from ..compat import patching


def mend():
    patching.replace_text('ppdet.utils.visualizer', 'draw_bbox', {
        '[(xmin + 1, ymin - th), (xmin + tw + 1, ymin)]':
        '[(xmin + 1, max(ymin, th) - th), (xmin + tw + 1, max(ymin, th))]',
        'draw.text((xmin + 1, ymin - th)': 'draw.text((xmin + 1, max(ymin, th) - th)',
        'idx = np.random.randint(len(color_list))': 'idx = catid % len(color_list)',
    })
