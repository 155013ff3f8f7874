# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The one checker of options and of what their values may be."""
import math
import re
from typing import Callable, NamedTuple

from .suggest import did_you_mean

__all__ = ['ConfigError', 'Kind', 'check_options', 'check_value', 'entries', 'filled', 'integer',
           'is_number', 'list_of', 'one_of', 'optional', 'FLAG', 'FOLDER_NAME', 'FRACTION',
           'NAMES', 'NOT_NEGATIVE', 'NUMBER', 'PATH', 'POSITIVE', 'TEXT']


class ConfigError(ValueError):
    """A section, key or value that is invalid.

    Args:
        key (str): its place, sections and key joined by dots.
        message (str): what is wrong, the key included.
    """

    def __init__(self, key, message):
        super().__init__(message)
        self.key = key


class Kind(NamedTuple):
    """A kind of value: its description, and a predicate that tells whether a value is of it."""
    words: str
    fits: Callable


def is_number(value):
    """bool: a finite int or float."""
    return type(value) in (int, float) and math.isfinite(value)


def integer(minimum, maximum=math.inf):
    """Kind: an integer in a range."""
    words = (f'an integer from {minimum} to {maximum}' if maximum < math.inf else
             f'an integer of at least {minimum}')
    return Kind(words, lambda value: type(value) is int and minimum <= value <= maximum)


def optional(kind):
    """Kind: the same, or null."""
    return Kind(kind.words, lambda value: value is None or kind.fits(value))


def one_of(*names):
    """Kind: one of these texts."""
    return Kind(f'one of {", ".join(names)}', lambda value: value in names)


def entries(example, tagged=False):
    """Kind: a list of mappings; if ``tagged``, a tag of the YAML may make an entry an object."""
    return Kind(f'a list of entries like "- {example}"', lambda value: (
        isinstance(value, (list, tuple)) and all(
            isinstance(entry, dict) or tagged and hasattr(entry, '__dict__') for entry in value)))


def filled(kind):
    """Kind: the same, and not empty."""
    return Kind(kind.words, lambda value: kind.fits(value) and len(value) > 0)


NUMBER = Kind('a number', is_number)
POSITIVE = Kind('a number above 0', lambda value: is_number(value) and value > 0)
NOT_NEGATIVE = Kind('a number of at least 0', lambda value: is_number(value) and value >= 0)
FRACTION = Kind('a number from 0 to 1', lambda value: is_number(value) and 0 <= value <= 1)
FLAG = Kind('true or false', lambda value: isinstance(value, bool))
FOLDER_NAME = Kind('a name of letters, digits and " _.,()+-"', lambda value: (
    isinstance(value, str) and bool(re.fullmatch(r'\w[\w .,()+-]*', value))))
PATH = Kind('a path', lambda value: isinstance(value, str))
NAMES = Kind('a list of names', lambda value: (
    isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)))
TEXT = Kind('text', lambda value: isinstance(value, str))


def list_of(words, kind):
    """Kind: a list with at least one value, each of one kind."""
    return Kind(f'a list of {words}', lambda value: (
        isinstance(value, list) and bool(value) and all(map(kind.fits, value))))


def check_value(key, value, kind):
    """Refuses a value that is not of a kind.

    Raises:
        ConfigError: names key, kind and value.
    """
    if not kind.fits(value):
        raise ConfigError(key, f'{key} must be {kind.words}, got {value!r}')


def check_options(where, options, known, needed=()):
    """Refuses unknown options, and values of another kind.

    Args:
        where (str): what has the options.
        options (dict): name to value.
        known (iterable of str or dict of str to Kind): the names that it takes; None as the kind
            of values that are checked elsewhere.
        needed (iterable of str): those that are required.

    Raises:
        ConfigError: not a mapping, an unknown name (the message suggests the nearest), a missing
            one, or a value of another kind.
    """
    if not isinstance(options, dict):
        raise ConfigError(where, f'{where} takes "key: value" pairs, got {options!r}; its keys: '
                                 f'{", ".join(known) or "none, write {}"}')
    for key in options:
        if key not in known:
            raise ConfigError(f'{where}.{key}', f'{where}: unknown key "{key}"'
                                                f'{did_you_mean(key, known)}; known: '
                                                f'{", ".join(known)}')
    missing = [key for key in needed if key not in options]
    if missing:
        raise ConfigError(where, f'{where} needs {", ".join(missing)}')
    if isinstance(known, dict):
        for key, value in options.items():
            if isinstance(known[key], Kind):
                check_value(f'{where}.{key}', value, known[key])
