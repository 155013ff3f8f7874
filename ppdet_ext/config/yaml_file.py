# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads one YAML file and says what is wrong with it."""
import logging
import os

from ..safe_io.safe_yaml import load_plain_yaml, load_yaml, repeated_keys
from ..utils.files import open_text
from ..utils.suggest import near_file

__all__ = ['check_bases', 'merge_settings', 'read_merged', 'read_yaml', 'yaml_files']

logger = logging.getLogger('ppdet.engine')

MOST_FILES = 100


def read_yaml(path, load=load_yaml):
    """Reads one YAML file as ppdet does, without its ``_BASE_`` files.

    Args:
        path (str): the file.
        load (callable): of ``safe_yaml``: ``load_yaml``, or ``load_plain_yaml`` to build nothing.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a YAML mapping, or what ``load_yaml`` refuses; the message names file and
            line.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'config file not found: {path}; correct the '
                                f'path{near_file(path)}')
    with open_text(path) as f:
        content = load(f)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected "key: value" sections, got {type(content).__name__}')
    return content


def read_merged(path, chain=()):
    """The content of a YAML and its ``_BASE_`` files, merged as ppdet does it; nothing is built.

    Args:
        path (str): the file.
        chain (tuple of str): the files that have led to it.

    Returns:
        dict: plain values.

    Raises:
        FileNotFoundError: one of them does not exist.
        ValueError: one of them is not a YAML mapping, or leads back to itself.
    """
    path = _tidy(os.path.expanduser(path))
    if path in chain:
        raise ValueError(f'{chain[-1]}: _BASE_ {path} leads back to itself; remove it')
    own = read_yaml(path, load_plain_yaml)
    content = {}
    for base in _listed(path, own.pop('_BASE_', ())):
        base = os.path.join(os.path.dirname(path), os.path.expanduser(base))
        merge_settings(content, read_merged(base, (*chain, path)))
    merge_settings(content, own)
    return content


def merge_settings(config, other):
    """Puts the settings of ``other`` into ``config``, section by section; lists are replaced."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            merge_settings(config[key], value)
        else:
            config[key] = value


def check_bases(path):
    """Follows ``_BASE_``, since ppdet would follow a cycle until Python's recursion limit.

    Args:
        path (str): the YAML.

    Raises:
        FileNotFoundError: a file does not exist; the message names the file that asks for it.
        ValueError: a file is, directly or indirectly, its own ``_BASE_``; there are too many
            files; not a list of paths; or as ``read_yaml``.
    """
    for count, _ in enumerate(_followed(path, ()), 1):
        if count > MOST_FILES:
            raise ValueError(f'{path}: its _BASE_ leads to more than {MOST_FILES} files, each '
                             f'counted as often as it is named; name each base once')


def _followed(path, chain):
    """Yields every file that ppdet reads, in order; ``chain`` are those that have led to it."""
    path = _tidy(os.path.expanduser(path))
    if chain and not os.path.isfile(path):
        raise FileNotFoundError(f'{chain[-1]}: _BASE_ {path} does not exist; correct the path, '
                                f'which is relative to the file that names it')
    if path in chain:
        raise ValueError(f'{chain[-1]}: _BASE_ {path} leads back to itself; remove it')
    yield path
    bases = _bases(path)
    for repeated in repeated_keys(path):
        logger.warning(f'{repeated}, which has no effect')
    for base in bases:
        base = os.path.expanduser(base)
        yield from _followed(os.path.join(os.path.dirname(path), base), (*chain, path))


def yaml_files(path):
    """list of str: a YAML and those it is based on, as ``_BASE_`` names them.

    Raises:
        FileNotFoundError: one of them does not exist.
        ValueError: one of them is not a YAML mapping.
    """
    folder = os.path.dirname(path)
    bases = [_tidy(os.path.join(folder, os.path.expanduser(base))) for base in _bases(path)]
    return [path, *(file for base in bases for file in yaml_files(base))]


def _tidy(path):
    """str: a path without redundant parts; ".." after a link stays, since it leads elsewhere."""
    short = os.path.normpath(path)
    return short if os.path.realpath(short) == os.path.realpath(path) else path


def _bases(path):
    return _listed(path, read_yaml(path).get('_BASE_', ()))


def _listed(path, bases):
    if not isinstance(bases, (list, tuple)) or not all(isinstance(base, str) for base in bases):
        raise ValueError(f'{path}: _BASE_ must be a list of paths, like [../runtime.yml], got '
                         f'{bases!r}')
    return bases
