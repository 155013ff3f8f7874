# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads text from other programs (encodings, byte order marks), and words numbers of things."""
import codecs
import contextlib
import unicodedata

__all__ = ['alike', 'clean_name', 'counted', 'decode_file_name', 'decode_text', 'same_name']

# Those of UTF-32 first: they begin with those of UTF-16.
MARKS = ((codecs.BOM_UTF8, 'utf-8-sig'), (codecs.BOM_UTF32_LE, 'utf-32'),
         (codecs.BOM_UTF32_BE, 'utf-32'), (codecs.BOM_UTF16_LE, 'utf-16'),
         (codecs.BOM_UTF16_BE, 'utf-16'))
# GB18030 holds the older two, and Windows writes its characters under their names.
SUPERSETS = {'gb2312': 'gb18030', 'gbk': 'gb18030'}
SHOWN = 30  # characters


def decode_text(content, path, encoding=None):
    """Decodes the bytes of a text file.

    Args:
        content (bytes): of the whole file. A byte order mark decides before all else.
        path (str): of the file, for the message.
        encoding (str or None): of files without a mark; None for UTF-8.

    Returns:
        str: the text without the mark.

    Raises:
        ValueError: it is in another encoding; names the file and the remedy.
    """
    marked = [name for mark, name in MARKS if content.startswith(mark)]
    name = (marked or [encoding or 'utf-8'])[0]
    try:
        return content.decode(SUPERSETS.get(codecs.lookup(name).name, name))
    except (UnicodeDecodeError, LookupError) as error:
        raise ValueError(f'{path} is not text in {name.upper()} ({error}); save it as '
                         f'UTF-8{_guess(content)}') from error


def _guess(content):
    """str: how the content reads in the encoding of a Chinese Windows, if it is valid there."""
    try:
        text = content.decode('gb18030')
    except UnicodeDecodeError:
        return ''
    lines = [line.strip() for line in text.splitlines() if not line.isascii()]
    return (f' (as GB18030 it reads "{lines[0][:SHOWN]}", for which tools/prepare_data.py has '
            f'--encoding gb18030)') if lines else ''


def clean_name(text):
    """str: a name in composed form and one line, without surrounding blanks and invisible
    characters."""
    visible = ''.join(' ' if unicodedata.category(c) == 'Cc' else c for c in text
                      if unicodedata.category(c) != 'Cf')
    return unicodedata.normalize('NFC', visible).strip()


def alike(text):
    """str: a key that is equal for names that differ only in case, width or blanks."""
    return ''.join(unicodedata.normalize('NFKC', text).casefold().split())


def counted(number, noun):
    """str: a number with its noun, ``1 box`` or ``2 boxes``."""
    plural = f'{noun}es' if noun.endswith(('s', 'x')) else f'{noun}s'
    return f'{number} {noun if number == 1 else plural}'


def decode_file_name(name):
    """Decodes the name of a file, which a Chinese Windows has stored in its encoding.

    Args:
        name (bytes): of the file.

    Returns:
        str or None: None where it is in no known encoding.
    """
    for encoding in ('utf-8', 'gb18030'):
        with contextlib.suppress(UnicodeDecodeError):
            return name.decode(encoding)
    return None


def same_name(text):
    """str: a file name in one form for every encoding; macOS stores accents separately."""
    if not text.isascii():
        stored = text.encode('utf-8', 'surrogateescape')  # as os.fsdecode reads other encodings
        text = decode_file_name(stored) or text
    return unicodedata.normalize('NFC', text)
