# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Fonts for class names in drawings, those that tools/infer.py finds; OpenCV has ASCII only."""
import glob
import os

try:
    from PIL import ImageFont
except ImportError:
    ImageFont = None

__all__ = ['find_font']

# Fonts with Chinese characters, as systems and packages name their files, best first.
FONTS = ('NotoSansCJK*', 'NotoSansSC*', 'SourceHanSans*', 'wqy-*', 'msyh.*', 'simhei*', 'simsun*',
         'PingFang*', 'STHeiti*', 'Hiragino Sans GB*', 'DroidSansFallback*', 'uming*', 'ukai*')
FOLDERS = ('/usr/share/fonts', '/usr/local/share/fonts', '~/.fonts', '~/.local/share/fonts',
           '/System/Library/Fonts', '/Library/Fonts', 'C:/Windows/Fonts')
SIZE = 14  # pixels
UNKNOWN = '\U0010ffff'  # no font has it


def find_font(text, path=None):
    """Finds a font that shows a text.

    Args:
        text (str): to be shown.
        path (str or None): of the font to take; None for one of the system.

    Returns:
        ImageFont: Pillow's.

    Raises:
        ImportError: a font is given, but Pillow is not installed.
        ValueError: the font of ``path`` cannot be read, or lacks characters of the text.
        LookupError: without ``path``: there is none; the message says what to do.
    """
    if path is not None:
        return _given_font(text, path)
    if ImageFont is None:
        raise LookupError('install Pillow (pip install pillow), for a font of this system or that '
                          'of --font FILE')
    for name in FONTS:
        for folder in map(os.path.expanduser, FOLDERS):
            files = glob.glob(os.path.join(folder, '**', name), recursive=True)
            for found in sorted(files, key=lambda file: ('Regular' not in file, file)):
                try:
                    font = ImageFont.truetype(found, SIZE)
                except OSError:
                    continue
                if _covers(font, text):
                    return font
    raise LookupError('give a font with Chinese characters: --font FILE, or install one '
                      '(fonts-noto-cjk)')


def _given_font(text, path):
    if ImageFont is None:
        raise ImportError('--font: Pillow is not installed: pip install pillow')
    try:
        font = ImageFont.truetype(path, SIZE)
    except OSError as error:
        raise ValueError(f'--font: {path} is not a font that can be read ({error}); give another '
                         f'file, .ttf, .ttc or .otf') from error
    if not _covers(font, text):
        raise ValueError(f'--font: {path} lacks characters of {text}; give another file')
    return font


def _covers(font, text):
    """bool: whether a font shows every character of a text as itself."""
    try:
        missing = bytes(font.getmask(UNKNOWN))
        return all(bytes(font.getmask(c)) != missing for c in text if not c.isspace())
    except (UnicodeError, OSError, ValueError):
        return False
