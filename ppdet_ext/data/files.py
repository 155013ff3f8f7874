# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Opens files so that an error names the file, and none waits for ever."""
import codecs
import json
import os

__all__ = ['open_regular', 'read_json', 'read_text']


def open_regular(path):
    """Opens a file to read bytes.

    Raises:
        ValueError: it is a pipe, at which reading would wait for ever, or a device; the message
            does not name it.
        OSError: it cannot be opened.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise ValueError('is a pipe or a device, expected a file')
    return open(path, 'rb')


def read_text(path):
    """str: the text of a file in UTF-8.

    Raises:
        ValueError: it is in another encoding, or a pipe or a device.
        OSError: it cannot be read.
    """
    try:
        with open_regular(path) as f:
            return f.read().decode('utf-8')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is no text in UTF-8 ({error})') from error
    except ValueError as error:
        raise ValueError(f'{path} {error}') from error


def read_json(path):
    """The content of a JSON file in UTF-8.

    Raises:
        ValueError: it is none, or begins with a byte order mark, which pycocotools refuses.
        OSError: it cannot be read.
    """
    text = read_text(path)
    if text.startswith(codecs.BOM_UTF8.decode('utf-8')):
        raise ValueError(f'{path} begins with a byte order mark (BOM); save it as UTF-8 without')
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no JSON ({error})') from error
