# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads one YAML file and says what is wrong with it."""
import difflib
import os

import yaml

from ..compat.plain_yaml import ConfigLoader, load_yaml

__all__ = ['read_yaml', 'check_bases', 'yaml_files', 'near_match']


def read_yaml(path):
    """Reads one YAML file as ppdet does, without its ``_BASE_`` files.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a YAML mapping, a tag that is refused, a key that stands there twice, or an
            alias of what it stands in; the message names file and line.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'config file not found: {path}; correct the path')
    with open(path, encoding='utf-8') as f:
        content = load_yaml(f)
    _check_nodes(path)
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected "key: value" sections, got {type(content).__name__}')
    return content


def _check_nodes(path):
    with open(path, encoding='utf-8') as f:
        root = yaml.compose(f, Loader=ConfigLoader)
    checked = set()

    def check(node, above):
        if node in above:
            raise ValueError(f'{path}, line {_line(node)}: an alias inside of this value stands '
                             f'for the value itself; remove it')
        if node in checked:
            return
        checked.add(node)
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        _check_twice(path, [key for key, _ in pairs])
        parts = [value for _, value in pairs] if pairs else node.value
        for part in parts if isinstance(node, yaml.CollectionNode) else ():
            check(part, (*above, node))

    if root is not None:
        check(root, ())


def _check_twice(path, keys):
    """Of a key that stands there twice, PaddleDetection would take the second."""
    first = {}
    for key in keys:
        line = first.setdefault((key.tag, str(key.value)), _line(key))
        if line != _line(key):
            raise ValueError(f'{path}, line {_line(key)}: "{key.value}" stands in line {line} '
                             f'already; remove one of them')


def _line(node):
    return node.start_mark.line + 1


def check_bases(path, chain=()):
    """Follows ``_BASE_``, since ppdet would follow a circle until Python gives up.

    Args:
        path (str): the YAML.
        chain (tuple of str): the files that have led to it.

    Raises:
        FileNotFoundError: a file does not exist; the message names the file that asks for it.
        ValueError: a file is, through others or not, its own ``_BASE_``; or as ``read_yaml``.
    """
    path = os.path.normpath(os.path.expanduser(path))
    if chain and not os.path.isfile(path):
        raise FileNotFoundError(f'{chain[-1]}: _BASE_ {path} does not exist; correct the path, '
                                f'which is relative to the file it stands in')
    if path in chain:
        raise ValueError(f'{chain[-1]}: _BASE_ {path} leads back to itself; remove it')
    for base in _bases(path):
        base = os.path.expanduser(base)
        check_bases(os.path.join(os.path.dirname(path), base), (*chain, path))


def yaml_files(path):
    """list of str: a YAML and those it is based on, as ``_BASE_`` names them.

    Raises:
        FileNotFoundError: one of them does not exist.
        ValueError: one of them is no YAML mapping.
    """
    folder = os.path.dirname(path)
    bases = [os.path.normpath(os.path.join(folder, os.path.expanduser(base)))
             for base in _bases(path)]
    return [path, *(file for base in bases for file in yaml_files(base))]


def _bases(path):
    bases = read_yaml(path).get('_BASE_', ())
    if not isinstance(bases, (list, tuple)) or not all(isinstance(base, str) for base in bases):
        raise ValueError(f'{path}: _BASE_ is a list of files, like [../runtime.yml], got {bases!r}')
    return bases


def near_match(name, known):
    """str: ' (did you mean "x"?)' or nothing."""
    near = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f' (did you mean "{near[0]}"?)' if near else ''
