# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads pickles of weights without running what they name.

An unpickler that knows arrays and plain containers and refuses every other
name, before anything of it is imported or called. Arrays are decoded here too:
NumPy's own decoding trusts what the file says of their types, and a file can
change the types of the whole process with it.
"""
import collections
import contextlib
import os
import pickle
import re

import numpy as np

FIRST_BYTE = b'\x80'  # of every pickle since protocol 2, the lowest that paddle.save writes
DTYPE = re.compile(r'[biufc]\d{1,2}|[SU]\d+')
# What paddle.save adds to a state: names of parameters, and parameters cut into slices.
NAME_TABLE, SLICE_TABLE = 'StructuredToParameterName@@', 'UnpackBigParamInfor@@'


class _Call:
    """Stands for a function that a pickle names, and cannot be changed by that pickle."""
    __slots__ = ('_function', )

    def __init__(self, function):
        self._function = function

    def __call__(self, *args):
        return self._function(*args)

    def __setstate__(self, state):
        raise ValueError('it changes what it names')


class _DType:
    """Stands for a ``numpy.dtype``: a number or text, in one of both byte orders."""

    def __init__(self, name, *_):
        if not DTYPE.fullmatch(name):
            raise ValueError(f'arrays of type {name!r} are no tensors')
        self.name, self.value = name, np.dtype(name)

    def __setstate__(self, state):
        order, *structure = state[1:5]
        if order not in ('<', '>', '|', '=') or any(part is not None for part in structure):
            raise ValueError(f'arrays of type {self.name!r} with a structure are no tensors')
        self.value = np.dtype(order + self.name)


class _Array:
    """Stands for a ``numpy.ndarray`` that is being read; ``value`` is that array."""

    def __init__(self, value=None):
        self.value = value

    def __setstate__(self, state):
        _, shape, dtype, is_fortran, content = state
        self.value = _array(content, dtype, shape, 'F' if is_fortran else 'C')


def _array(content, dtype, shape, order='C'):
    if isinstance(content, str):  # as Python 2 wrote it
        content = content.encode('latin1')
    if type(dtype) is not _DType:
        raise ValueError(f'expected the type of an array, got {dtype!r}')
    # Unlike ndarray itself, this requires that content and shape are of one size.
    return np.frombuffer(content, dtype.value).reshape(shape, order=order).copy()


# What a pickle may name, and what is called in its place.
KNOWN = {('collections', 'OrderedDict'): _Call(collections.OrderedDict),
         ('_codecs', 'encode'): _Call(lambda text, encoding: str.encode(text, 'latin1')),
         ('numpy', 'dtype'): _Call(_DType),
         ('numpy', 'ndarray'): 'numpy.ndarray'}
for _module in ('builtins', '__builtin__'):
    for _kind in (tuple, list, dict, complex):
        KNOWN[_module, _kind.__name__] = _Call(_kind)
    KNOWN[_module, 'bytes'] = _Call(lambda: b'')  # only those of no length are written so
for _package in ('numpy.core', 'numpy._core'):
    KNOWN[f'{_package}.multiarray', '_reconstruct'] = _Call(lambda *args: _Array())
    KNOWN[f'{_package}.multiarray', 'scalar'] = _Call(
        lambda dtype, content: _array(content, dtype, ())[()])
    KNOWN[f'{_package}.numeric', '_frombuffer'] = _Call(lambda *args: _Array(_array(*args)))
PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic)


class RefusedError(Exception):
    """The name that is refused."""


class PlainUnpickler(pickle.Unpickler):
    """Reads a pickle without importing or calling anything but what is known.

    Args:
        file (file): open for reading bytes.
        known (dict): what the pickle may name, as (module, name), and what stands for it.
    """

    def __init__(self, file, known=KNOWN):
        super().__init__(file, encoding='latin1')
        self._known = known

    def find_class(self, module, name):
        """Looks a name up among those that are known; nothing is imported."""
        if (module, name) not in self._known:
            raise RefusedError(f'{module}.{name}')
        return self._known[module, name]


def load_plain(file):
    """Unpickles arrays, numbers, text and containers of them.

    Args:
        file (file): open for reading bytes.

    Returns:
        object: as ``pickle.load`` gives it, Paddle's ``(name, array)`` being the array alone.

    Raises:
        ValueError: something else is in the file, it is damaged or no pickle; the message names it.
    """
    return _read(file)[0]


def _read(file):
    """tuple: the content; ids of the arrays in it that were tensors, as far as Paddle says so."""
    name, tensors = getattr(file, 'name', 'the file'), set()
    start = file.read(1)
    if start != FIRST_BYTE:
        kind = 'no pickle, as paddle.save writes it' if start else 'empty'
        raise ValueError(f'{name} is {kind}; copy or download it again, or give another file')
    file.seek(-1, 1)
    with explained_errors(name, 'paddle.save(model.state_dict(), path)'):
        content = PlainUnpickler(file).load()
        return _converted(content, lambda value: _plain(value, tensors)), tensors


@contextlib.contextmanager
def explained_errors(name, remedy):
    """Turns whatever the reading of a file raises into a ``ValueError`` that names it.

    Args:
        name (str): path of the file.
        remedy (str): the call that saves weights so that they can be read.
    """
    try:
        yield
    except RefusedError as error:
        raise ValueError(
            f'{name} is refused: it names {_line(error)}, which is no part of weights and could '
            f'run code. Do not use this file; if it is your own, save it anew with '
            f'{remedy}') from error
    except MemoryError as error:
        raise ValueError(f'{name} asks for more memory than there is; it is damaged, or too large '
                         f'for this computer') from error
    except Exception as error:  # a damaged file raises whatever the damage leads to
        raise ValueError(f'{name} is damaged or cut off ({type(error).__name__}: {_line(error)}); '
                         f'copy or download it again') from error


def _line(error):
    """str: its text on one short line, since the file has chosen it."""
    return ascii(str(error))[1:-1][:200]


def _converted(value, change, known=None):
    """Changes every part of a container; a part that is there twice is changed once."""
    known = {} if known is None else known
    if id(value) not in known:
        changed = change(value)
        if isinstance(changed, dict):
            # By the type, since an OrderedDict of the file may have "items" of its own.
            items = type(changed).items(changed)
            changed = type(changed)(
                (_converted(key, change, known), _converted(item, change, known))
                for key, item in items)
        elif isinstance(changed, (list, tuple)):
            changed = type(changed)(_converted(item, change, known) for item in changed)
        known[id(value)] = changed
    return known[id(value)]


def _plain(value, tensors):
    if isinstance(value, _Array):
        return value.value
    if (isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
            and isinstance(value[1], _Array)):
        tensors.add(id(value[1].value))
        return value[1].value
    if not isinstance(value, (*PLAIN, dict, list, tuple)):
        raise ValueError(f'a {type(value).__name__} is no part of weights')
    return value


def load_state(path, return_numpy=False):
    """Reads what ``paddle.save`` has written of a model, an optimizer or a training run.

    Args:
        path (str): the file.
        return_numpy (bool): arrays instead of tensors.

    Returns:
        dict: by name, as ``paddle.load`` gives it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no such state; it holds something else, is damaged or no pickle. The message
            names the file.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe would never end
        raise ValueError(f'{path} is no file; give one, as paddle.save writes it')
    with open(path, 'rb') as file:
        state, tensors = _read(file)
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise ValueError(f'{path} holds a {type(state).__name__}, expected tensors by name, as '
                         f'paddle.save(model.state_dict(), path) writes them')
    try:
        _join_slices(state)
        tensors.update(id(state[name]) for name in state.pop(NAME_TABLE, ()))
        return state if return_numpy else _as_tensors(state, tensors)
    except Exception as error:  # Paddle raises an OSError for a tensor of ten dimensions
        raise ValueError(f'{path} is damaged, its parts do not fit together '
                         f'({type(error).__name__}: {_line(error)}); copy or download it '
                         f'again') from error


def _join_slices(state):
    for name, parts in state.pop(SLICE_TABLE, {}).items():
        slices = [state.pop(part) for part in parts['slices']]
        state[name] = np.concatenate(slices).reshape(parts['OriginShape'])


def _as_tensors(value, tensors):
    """As paddle.load: all arrays, unless the file says which of them were tensors."""
    import paddle

    def tensor(part):
        is_tensor = isinstance(part, np.ndarray) and (not tensors or id(part) in tensors)
        return paddle.to_tensor(part) if is_tensor else part

    return _converted(value, tensor)
