# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads YAML of plain values and of PaddleDetection's classes, and runs nothing else in it."""
import inspect
import math

import yaml

from ..utils.files import open_text

REGISTRY = 'ppdet.core.config.yaml_helpers'  # where ppdet's @serializable adds its tags
# The first calls anything; the second passes the name of its video to the shell.
REFUSED = ('Callable', 'MOTImageFolder')
OPERATORS = 'ppdet.data.transform'  # appear in readers by name; some make folders when built
MOST_VALUES = 1_000_000
REMEDIES = {
    'found unknown escape character': 'between double quotes a backslash begins an escape; write '
                                      'paths with /, or between single quotes',
    "found character '\\t'": 'indent with blanks instead of tabs'}


class YamlError(ValueError):
    """A YAML that cannot be read: ``place`` (file and line) and ``problem``, on one line."""

    def __init__(self, place, problem):
        super().__init__(f'{place}: {problem}')
        self.place = place
        self.problem = problem


class ConfigLoader(yaml.SafeLoader):
    """Loads plain values, and objects of classes that ppdet has registered."""

    def construct_registered(self, name, node):
        """Builds what ``!Name`` stands for, if it is a class of ppdet."""
        cls = registered_class(name)
        if cls is None or cls.__module__.startswith(OPERATORS):
            self.refuse(node)
        return yaml.Loader.yaml_constructors[node.tag](self, node)

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # of an invalid date, or whatever a class of ppdet raises
            raise yaml.constructor.ConstructorError(
                None, None, f'{_written(node.tag)} cannot be built: {error}',
                node.start_mark) from error

    def get_single_node(self):
        node = super().get_single_node()
        if _size(node, {}) > MOST_VALUES:
            raise yaml.composer.ComposerError(
                None, None, f'with every alias (*name) written out it holds more than '
                f'{MOST_VALUES:,} values, or contains itself', node.start_mark)
        return node

    def refuse(self, node):
        raise yaml.constructor.ConstructorError(
            None, None, f'the tag {_written(node.tag)} is refused, since it could run code or is '
            f'unknown; known are plain values and tags of PaddleDetection\'s classes, like '
            f'!COCODataSet', node.start_mark)


ConfigLoader.add_multi_constructor('!', ConfigLoader.construct_registered)
ConfigLoader.add_constructor(None, ConfigLoader.refuse)


class PlainLoader(ConfigLoader):
    """Loads what ``!Name`` stands for as a dict with its ``name``; builds nothing."""

    def construct_registered(self, name, node):
        """dict or object: the mapping behind the tag with its name, or any other value alone."""
        if isinstance(node, yaml.MappingNode):
            return {'name': name, **self.construct_mapping(node, deep=True)}
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)


PlainLoader.add_multi_constructor('!', PlainLoader.construct_registered)


def registered_class(name):
    """Finds a class that ppdet's ``@serializable`` has registered.

    Args:
        name (str): of the class.

    Returns:
        type or None: None also for those of ``REFUSED``.
    """
    # ppdet adds its constructors to PyYAML's own Loader.
    constructor = yaml.Loader.yaml_constructors.get(f'!{name}')
    if getattr(constructor, '__module__', None) != REGISTRY or name in REFUSED:
        return None
    registered = inspect.getclosurevars(constructor).nonlocals['cls']
    return registered if inspect.isclass(registered) else None  # some are functions


def registered_classes(module):
    """Finds the classes of a module that a config may name.

    Args:
        module (module): ``ppdet.data.transform``, for instance.

    Returns:
        dict: by name.
    """
    return {name: value for name, value in vars(module).items()
            if name not in REFUSED and inspect.isclass(value)
            and any(registered_class(base.__name__) is base for base in value.__mro__)}


def _written(tag):
    return tag.replace('tag:yaml.org,2002:', '!!')


def _size(node, known):
    """int: values in a node with its aliases expanded; infinite for one that contains itself."""
    if id(node) not in known:
        known[id(node)] = math.inf  # until its parts are counted
        parts = getattr(node, 'value', ())
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in parts for part in pair]
        elif isinstance(node, yaml.ScalarNode):
            parts = ()
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def load_yaml(stream, Loader=None):
    """Reads a YAML of plain values and of ppdet's classes; nothing else is built.

    Args:
        stream (file or str): the YAML.
        Loader: ignored; accepted since this function replaces ``yaml.load``.

    Returns:
        object: the content.

    Raises:
        YamlError: invalid YAML, or a tag that is refused; the message names file and line.
    """
    return _load(stream, ConfigLoader)


def load_plain_yaml(stream):
    """Reads a YAML without building the classes that it names, so that ppdet is not needed.

    Args:
        stream (file or str): the YAML.

    Returns:
        object: the content; ``!Name {key: value}`` becomes ``{name: Name, key: value}``.

    Raises:
        YamlError: as :func:`load_yaml`, but only tags of Python are refused.
    """
    return _load(stream, PlainLoader)


def _load(stream, loader):
    try:
        return yaml.load(stream, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f'{mark.name}, line {mark.line + 1}' if mark else _name(stream)
        problem = ' '.join((error.problem or error.context).split())
        remedy = next((words for start, words in REMEDIES.items() if problem.startswith(start)), '')
        raise YamlError(place, f'{problem}; {remedy}' if remedy else problem) from error
    except RecursionError as error:
        raise YamlError(_name(stream), 'it is nested too deeply') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(_name(stream), ' '.join(str(error).split())) from error


def repeated_keys(path, encoding=None):
    """Finds keys that a mapping has more than once; all but the last have no effect.

    Args:
        path (str): a YAML that :func:`load_yaml` reads.
        encoding (str or None): of the file; None for UTF-8.

    Yields:
        str: place, key and place of the earlier one, as the beginning of a message.
    """
    with open_text(path, encoding) as stream:
        nodes = [yaml.compose(stream, Loader=ConfigLoader)]
    for node in nodes:
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            first = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                earlier = first.setdefault(key.value, line)
                if earlier != line:
                    yield (f'{path}, line {line}: "{key.value}" appears twice, first on line '
                           f'{earlier}')
                nodes.append(value)


def _name(stream):
    return getattr(stream, 'name', 'YAML')
