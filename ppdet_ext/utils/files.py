# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Opens files so that errors name the file, and no pipe or device blocks."""
import errno
import hashlib
import io
import json
import os
import shutil
import tempfile

from .text import decode_text

__all__ = ['open_regular', 'open_text', 'read_json', 'read_text', 'replace_folder', 'sha256',
           'write_json', 'write_text']


def open_regular(path):
    """Opens a file to read bytes.

    Raises:
        OSError: it cannot be opened, or is a device or a pipe, at which reading would wait for
            ever.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise OSError(errno.EINVAL, 'is a pipe or a device, expected a file', path)
    return open(path, 'rb')


def read_text(path, encoding=None):
    """str: the text of a file in UTF-8, or with a byte order mark, without it.

    Args:
        path (str): of the file.
        encoding (str or None): of files without a mark; None for UTF-8.

    Raises:
        ValueError: it is in another encoding.
        OSError: it cannot be read.
    """
    with open_regular(path) as f:
        return decode_text(f.read(), path, encoding)


class _Text(io.StringIO):
    """The text of a file, with the file's name."""

    def __init__(self, path, encoding):
        super().__init__(read_text(path, encoding))
        self.name = path


def open_text(path, encoding=None):
    """A stream of the text of a file, decoded as :func:`read_text` does, with its name."""
    return _Text(path, encoding)


def read_json(path, encoding=None):
    """The content of a JSON file, decoded as :func:`read_text` does.

    Raises:
        ValueError: it is not JSON.
        OSError: it cannot be read.
    """
    text = read_text(path, encoding)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is not JSON ({error})') from error


def sha256(path):
    """str: the SHA-256 of a file, in hexadecimal digits."""
    with open_regular(path) as f:
        return hashlib.sha256(f.read()).hexdigest()


def write_json(path, content):
    """Writes JSON so that ``path`` is either complete or untouched."""
    write_text(path, json.dumps(content, ensure_ascii=False))


def write_text(path, text):
    """Writes a text in UTF-8 so that ``path`` is either complete or untouched.

    Bytes of file names that are not UTF-8 are written as JSON escapes them, from which reading
    makes the same name.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, suffix='.tmp')
    except OSError as error:
        error.filename = path  # rather than the temporary one
        raise
    try:
        with os.fdopen(handle, 'w', encoding='utf-8', errors='backslashreplace') as f:
            f.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def replace_folder(new, folder, aside):
    """Renames a folder; what was in its place is deleted only after that has worked.

    Args:
        new (str): the folder.
        folder (str): its new name, where another one may be.
        aside (str): name that the other one has meanwhile.
    """
    if not os.path.exists(folder):
        os.rename(new, folder)
        return
    os.rename(folder, aside)
    try:
        os.rename(new, folder)
    except BaseException:
        os.rename(aside, folder)
        raise
    shutil.rmtree(aside)
