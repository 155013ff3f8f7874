# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Progress of long work: a bar on a terminal, a line from time to time in a log."""
import sys

from tqdm import tqdm

__all__ = ['progress']

SECONDS_BETWEEN_LINES = 30
LINE = '{desc}: {n_fmt}/{total_fmt}, {elapsed} passed, {remaining} left'


def progress(items, description, unit='image', delay=0):
    """Iterates over ``items`` and shows how many are done and how long the rest takes.

    It goes to stdout; stderr stays free for errors. A log file gets a line at the start, at the
    end and every 30 seconds.

    Args:
        items (iterable): with a length, or no time left is shown.
        description (str): what is done to them.
        unit (str): what one item is.
        delay (int): seconds before anything is shown, for work that is usually short.

    Returns:
        iterable: of the same items.
    """
    if sys.stdout.isatty():
        return tqdm(items, desc=description, unit=unit, file=sys.stdout, delay=delay)
    return tqdm(items, desc=description, file=_Lines(sys.stdout), bar_format=LINE, miniters=1,
                mininterval=SECONDS_BETWEEN_LINES, maxinterval=SECONDS_BETWEEN_LINES, delay=delay)


class _Lines:
    """A stream that shows what tqdm writes over its last text as a line of its own."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        if text.strip():
            self.stream.write(text.strip() + '\n')

    def flush(self):
        self.stream.flush()
