# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Fonts for class names in pictures, since the usual font shows empty boxes for Chinese."""
import functools

from deploy.fonts import given_font, system_font

__all__ = ['drawn_names', 'find_font']


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
        return given_font(path, text, 'font'), path
    return (None, None) if text.isascii() else system_font(text)


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
