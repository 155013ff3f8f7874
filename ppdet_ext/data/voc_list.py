# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The lists of a VOC data set: of images with their annotations, and of classes."""
import re

from ..utils.files import read_text
from ..utils.text import clean_name

__all__ = ['label_lines', 'list_lines', 'split_list_line']

WITH_BLANKS = re.compile(r'(\S.*?\.\w+)\s+(\S.*\.xml)$', re.IGNORECASE)


def list_lines(path):
    """list of (int, str): number and text of the lines that are not empty."""
    lines = (line.strip() for line in read_text(path).splitlines())
    return [(number, line) for number, line in enumerate(lines, start=1) if line]


def label_lines(path, encoding=None):
    """list of str: the names of the classes, without invisible characters.

    Args:
        path (str): of the list.
        encoding (str or None): None for UTF-8.
    """
    return [clean_name(line) for line in read_text(path, encoding).rstrip().splitlines()]


def split_list_line(line):
    """list of str: image and annotation of a line, and whatever follows.

    Names may contain blanks and backslashes as separators.
    """
    line = line.replace('\\', '/')
    words = line.split()
    found = WITH_BLANKS.match(line.strip()) if len(words) > 2 else None
    return list(found.groups()) if found else words
