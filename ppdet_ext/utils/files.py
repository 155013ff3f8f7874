# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Opens files so that an error names the file, and none waits for ever."""
import codecs
import errno
import json
import os
import tempfile

__all__ = ['open_regular', 'read_json', 'read_text', 'write_json', 'write_text']


def open_regular(path):
    """Opens a file to read bytes.

    Raises:
        OSError: it cannot be opened, or is a device or a pipe, at which reading would wait for
            ever.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise OSError(errno.EINVAL, 'is a pipe or a device, expected a file', path)
    return open(path, 'rb')


def read_text(path):
    """str: the text of a file in UTF-8.

    Raises:
        ValueError: it is in another encoding.
        OSError: it cannot be read.
    """
    with open_regular(path) as f:
        try:
            return f.read().decode('utf-8')
        except UnicodeDecodeError as error:
            raise ValueError(f'{path} is no text in UTF-8 ({error})') from error


def read_json(path):
    """The content of a JSON file in UTF-8.

    Raises:
        ValueError: it is none, or begins with a byte order mark, which pycocotools refuses.
        OSError: it cannot be read.
    """
    text = read_text(path)
    if text.startswith(codecs.BOM_UTF8.decode('utf-8')):
        raise ValueError(f'{path} begins with a byte order mark (BOM), expected UTF-8 without')
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no JSON ({error})') from error


def write_json(path, content):
    """Writes JSON so that ``path`` is either whole or untouched."""
    write_text(path, json.dumps(content, ensure_ascii=False))


def write_text(path, text):
    """Writes a text in UTF-8 so that ``path`` is either whole or untouched."""
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(dir=folder, suffix='.tmp')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
