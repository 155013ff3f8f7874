# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Fonts for class names in drawings, since OpenCV draws ASCII only."""
import glob
import os

try:
    from PIL import ImageFont
except ImportError:
    ImageFont = None

__all__ = ['given_font', 'system_font']

# Fonts with Chinese characters, as systems and packages name their files, best first.
FONTS = ('NotoSansCJK*', 'NotoSansSC*', 'SourceHanSans*', 'wqy-*', 'msyh.*', 'simhei*', 'simsun*',
         'PingFang*', 'STHeiti*', 'Hiragino Sans GB*', 'DroidSansFallback*', 'uming*', 'ukai*')
FOLDERS = ('/usr/share/fonts', '/usr/local/share/fonts', '~/.fonts', '~/.local/share/fonts',
           '/System/Library/Fonts', '/Library/Fonts', 'C:/Windows/Fonts')
SIZE = 14  # pixels
UNKNOWN = '\U0010ffff'  # no font has it


def given_font(path, text, option='--font'):
    """Reads a font that shows a text.

    Args:
        path (str): of the font.
        text (str): to be shown.
        option (str): what errors call the option that gives it.

    Returns:
        ImageFont: Pillow's.

    Raises:
        ImportError: Pillow is not installed.
        ValueError: the font cannot be read, or lacks characters of the text.
    """
    if ImageFont is None:
        raise ImportError(f'{option}: Pillow is not installed: pip install pillow')
    try:
        font = ImageFont.truetype(path, SIZE)
    except OSError as error:
        raise ValueError(f'{option}: {path} is not a font that can be read ({error}); give another '
                         f'file, .ttf, .ttc or .otf') from error
    if not _covers(font, text):
        raise ValueError(f'{option}: {path} lacks characters of {text}; give another file')
    return font


def system_font(text):
    """Finds a font of this system that shows a text.

    Args:
        text (str): to be shown.

    Returns:
        tuple: Pillow's ImageFont and its path.

    Raises:
        LookupError: there is none; the message says what to do.
    """
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
                    return font, found
    raise LookupError('give a font with Chinese characters: --font FILE, or install one '
                      '(fonts-noto-cjk)')


def _covers(font, text):
    """bool: whether a font shows every character of a text as itself."""
    try:
        missing = bytes(font.getmask(UNKNOWN))
        return all(bytes(font.getmask(c)) != missing for c in text if not c.isspace())
    except (UnicodeError, OSError, ValueError):
        return False
