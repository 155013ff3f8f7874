# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Drawing boxes uses a Pillow function for text sizes that no longer exists.

Defect: ``ImageDraw.textsize`` was removed in Pillow 10; ppdet's drawing of a box
with its label is ``AttributeError: 'ImageDraw' object has no attribute
'textsize'`` on any Paddle.

Patch: give ``ImageDraw`` the method again, by way of ``textbbox``.
"""
from PIL import ImageDraw


def patch():
    if not hasattr(ImageDraw.ImageDraw, 'textsize'):
        ImageDraw.ImageDraw.textsize = textsize


def textsize(draw, text, font=None, **options):
    """Width and height in pixels of ``text`` drawn at the origin."""
    return draw.textbbox((0, 0), text, font, **options)[2:]
