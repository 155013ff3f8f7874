# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Fonts for class names in pictures, since the usual font shows empty boxes for Chinese."""
import functools
import glob
import os

from PIL import ImageFont

__all__ = ['drawn_names', 'find_font']

# Fonts with Chinese characters, as systems and packages name their files, best first.
FONTS = ('NotoSansCJK*', 'NotoSansSC*', 'SourceHanSans*', 'wqy-*', 'msyh.*', 'simhei*', 'simsun*',
         'PingFang*', 'STHeiti*', 'Hiragino Sans GB*', 'DroidSansFallback*', 'uming*', 'ukai*')
FOLDERS = ('/usr/share/fonts', '/usr/local/share/fonts', '~/.fonts', '~/.local/share/fonts',
           '/System/Library/Fonts', '/Library/Fonts', 'C:/Windows/Fonts')
SIZE = 14  # pixels
UNKNOWN = '\U0010ffff'  # no font has it


def _covers(font, text):
    """bool: whether a font shows every character of a text as itself."""
    try:
        missing = bytes(font.getmask(UNKNOWN))
        return all(bytes(font.getmask(c)) != missing for c in text if not c.isspace())
    except (UnicodeError, OSError, ValueError):
        return False


@functools.cache
def find_font(text, path=None):
    """Finds a font that shows a text.

    Args:
        text (str): to be shown.
        path (str or None): of the font to take; None for one of the system.

    Returns:
        tuple: the font, or None where only the usual one is needed, and its path or None.

    Raises:
        ValueError: the font of ``path`` cannot be read, or lacks characters of the text.
        LookupError: without ``path``: there is none.
    """
    if path is not None:
        try:
            font = ImageFont.truetype(path, SIZE)
        except OSError as error:
            raise ValueError(f'font: {path} is not a font that can be read ({error}); give another '
                             f'file, .ttf, .ttc or .otf') from error
        if not _covers(font, text):
            raise ValueError(f'font: {path} lacks characters of {text}; give another file')
        return font, path
    if text.isascii():
        return None, None
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
    raise LookupError(text)


@functools.cache
def drawn_names(names, path=None, option='-o font=FILE'):
    """Chooses how classes are named in pictures.

    Without a font for them they are numbered from 1, and the legend is printed once.

    Args:
        names (tuple of str): of the classes.
        path (str or None): of the font to take; None for one of the system.
        option (str): of the running tool that gives it a font.

    Returns:
        tuple: the font, or None for the usual one, and name to what is drawn for it.

    Raises:
        ValueError: as :func:`find_font`.
    """
    try:
        font, _ = find_font(''.join(names), path)
        return font, {name: name for name in names}
    except LookupError:
        legend = ', '.join(f'{k} = {name}' for k, name in enumerate(names, start=1))
        print(f'no font of this system shows the names of the classes, so pictures number them: '
              f'{legend}; give a font with Chinese characters: {option}, or install one '
              f'(fonts-noto-cjk)', flush=True)
        return None, {name: str(k) for k, name in enumerate(names, start=1)}
