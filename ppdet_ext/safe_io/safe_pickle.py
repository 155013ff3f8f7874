# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads pickles of weights without running what they name.

The unpickler knows arrays and plain containers and refuses every other name
before anything is imported or called. Arrays are decoded here too: NumPy's own
decoding trusts the types that the file states, by which a file can modify the
types of the whole process.
"""
import contextlib
import os
import pickle
import re

import numpy as np

from .bounded_pickle import BoundedUnpickler, Codes, RefusedError, ordered_dict

FIRST_BYTE = b'\x80'  # of every pickle since protocol 2, the lowest that paddle.save writes
DTYPE = re.compile(r'[biufc]\d{1,2}|[SU]\d{1,5}')
# What paddle.save adds to a state: names of parameters, and parameters cut into slices.
NAME_TABLE, SLICE_TABLE = 'StructuredToParameterName@@', 'UnpackBigParamInfor@@'


class _DType:
    """Stands for a ``numpy.dtype``: a number or text, in one of both byte orders."""

    def __init__(self, name, *_):
        if not DTYPE.fullmatch(name):
            raise ValueError(f'arrays of type {name!r} are not tensors')
        self.name, self.value = name, np.dtype(name)

    def set_state(self, state):
        order, *structure = state[1:5]
        if order not in ('<', '>', '|', '=') or any(part is not None for part in structure):
            raise ValueError(f'arrays of type {self.name!r} with a structure are not tensors')
        self.value = np.dtype(order + self.name)


class _Array:
    """Stands for a ``numpy.ndarray`` that is being read; ``value`` is that array."""

    def __init__(self, value=None):
        self.value = value

    def set_state(self, state):
        _, shape, dtype, is_fortran, content = state
        self.value = _array(content, dtype, shape, 'F' if is_fortran else 'C')


def _array(content, dtype, shape, order='C'):
    if isinstance(content, str):  # as Python 2 wrote it
        content = content.encode('latin1')
    if type(dtype) is not _DType:
        raise ValueError(f'expected the type of an array, got a {type(dtype).__name__}')
    # Unlike ndarray itself, this requires that content and shape are of one size.
    return np.frombuffer(content, dtype.value).reshape(shape, order=order).copy()


def _same(kind):
    """function: returns its argument; a copy for each call could exhaust the memory."""
    def same(items=None):
        if items is not None and type(items) is not kind:
            raise ValueError(f'expected a {kind.__name__}, got a {type(items).__name__}')
        return kind() if items is None else items

    return same


def _complex(real, imaginary):
    if type(real) is not float or type(imaginary) is not float:
        raise ValueError('a complex number is made of two floats')
    return complex(real, imaginary)


# Names that a pickle may use, and the callables that replace them.
KNOWN = {('collections', 'OrderedDict'): ordered_dict,
         ('_codecs', 'encode'): lambda text, encoding: str.encode(text, 'latin1'),
         ('numpy', 'dtype'): _DType,
         ('numpy', 'ndarray'): 'numpy.ndarray'}
for _module in ('builtins', '__builtin__'):
    for _kind in (tuple, list, dict):
        KNOWN[_module, _kind.__name__] = _same(_kind)
    KNOWN[_module, 'complex'] = _complex
    KNOWN[_module, 'bytes'] = lambda: b''  # only empty ones are written like this
for _package in ('numpy.core', 'numpy._core'):
    KNOWN[f'{_package}.multiarray', '_reconstruct'] = lambda *args: _Array()
    KNOWN[f'{_package}.multiarray', 'scalar'] = (
        lambda dtype, content: _array(content, dtype, ())[()])
    KNOWN[f'{_package}.numeric', '_frombuffer'] = lambda *args: _Array(_array(*args))
PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic)


class PlainUnpickler(BoundedUnpickler):
    """Reads a pickle without importing or calling anything but what is known.

    Args:
        file (file): open for reading bytes, not a pipe.
    """

    dispatch = Codes('pickle opcode {} is not part of weights',
                     ['BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8'])

    def __init__(self, file):
        start = file.tell()
        size = file.seek(0, os.SEEK_END) - start
        file.seek(start)
        super().__init__(file, KNOWN, size)

    def _byte_array(self):
        """Reads arrays of protocol 5; Python's own method would allocate memory before reading."""
        size = int.from_bytes(self.read(8), 'little')
        content = self.read(size)
        if len(content) < size:
            raise MemoryError
        self.append(bytearray(content))

    dispatch[pickle.BYTEARRAY8[0]] = _byte_array


def load_plain(file):
    """Unpickles arrays, numbers, text and containers of them.

    Args:
        file (file): open for reading bytes.

    Returns:
        object: as ``pickle.load`` gives it, Paddle's ``(name, array)`` being the array alone.

    Raises:
        ValueError: the file holds something else, is damaged or not a pickle; the message names it.
    """
    return _read(file)[0]


def _read(file):
    """tuple: the content; ids of its arrays that were tensors, as far as Paddle recorded it."""
    name, tensors = getattr(file, 'name', 'the file'), set()
    start = file.read(1)
    if start != FIRST_BYTE:
        kind = 'not a pickle, as paddle.save writes it' if start else 'empty'
        raise ValueError(f'{name} is {kind}; copy or download it again, or give another file')
    file.seek(-1, 1)
    with explained_errors(name, 'paddle.save(model.state_dict(), path)'):
        content = PlainUnpickler(file).load()
        return _converted(content, lambda value: _plain(value, tensors)), tensors


@contextlib.contextmanager
def explained_errors(name, remedy):
    """Turns any error of reading a file into a ``ValueError`` that names the file.

    Args:
        name (str): path of the file.
        remedy (str): the call that saves weights so that they can be read.
    """
    try:
        yield
    except RefusedError as error:
        raise ValueError(
            f'{name} is refused: it names {_line(error)}, which is not part of weights and could '
            f'run code. Do not use this file; if it is your own, save it again with '
            f'{remedy}') from error
    except MemoryError as error:
        raise ValueError(f'{name} asks for more memory than there is; it is damaged, or too large '
                         f'for this computer') from error
    except Exception as error:  # a damaged file raises whatever the damage leads to
        raise ValueError(f'{name} is damaged or cut off ({type(error).__name__}: {_line(error)}); '
                         f'copy or download it again') from error


def _line(error):
    """str: its text on one short line, since the file may contain any text."""
    return ascii(str(error))[1:-1][:200]


def _converted(value, change, known=None):
    """Changes every part of a container; a part that appears twice is changed once."""
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
        raise ValueError(f'a {type(value).__name__} is not part of weights')
    return value


def load_state(path, return_numpy=False):
    """Reads a state of a model, an optimizer or a training run that ``paddle.save`` wrote.

    Args:
        path (str): the file.
        return_numpy (bool): arrays instead of tensors.

    Returns:
        dict: by name, as ``paddle.load`` gives it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file holds something else, is damaged or not a pickle; the message names
            it.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe would never end
        raise ValueError(f'{path} is not a file; give one, as paddle.save writes it')
    with open(path, 'rb') as file:
        state, tensors = _read(file)
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise ValueError(f'{path} holds a {type(state).__name__}, expected tensors by name, as '
                         f'paddle.save(model.state_dict(), path) writes them')
    try:
        _join_slices(state)
        tensors.update(id(state[name]) for name in _texts(state.pop(NAME_TABLE, ())))
        return state if return_numpy else _as_tensors(state, tensors)
    except Exception as error:  # Paddle raises an OSError for a tensor of ten dimensions
        raise ValueError(f'{path} is damaged, its parts do not fit together '
                         f'({type(error).__name__}: {_line(error)}); copy or download it '
                         f'again') from error


def _join_slices(state):
    arrays = {id(value): value.nbytes for value in state.values() if isinstance(value, np.ndarray)}
    left = sum(arrays.values())
    for name, parts in state.pop(SLICE_TABLE, {}).items():
        slices = [state.pop(part) for part in _texts(parts['slices'])]
        # One array under many names, or a number that becomes long text, would exhaust the memory.
        if not all(isinstance(part, np.ndarray) and part.dtype == slices[0].dtype
                   for part in slices):
            raise ValueError(f'the slices of {name} are not arrays of one type')
        left -= sum(part.nbytes for part in slices)
        if left < 0:
            raise ValueError(f'the slices of {name} appear twice')
        state[name] = np.concatenate(slices).reshape(parts['OriginShape'])


def _texts(names):
    # Hashing other values can take forever.
    if not all(isinstance(name, str) for name in names):
        raise ValueError('expected text as the name of a parameter')
    return names


def _as_tensors(value, tensors):
    """Converts arrays as paddle.load does: all, unless the file says which were tensors."""
    import paddle

    def tensor(part):
        is_tensor = isinstance(part, np.ndarray) and (not tensors or id(part) in tensors)
        return paddle.to_tensor(part) if is_tensor else part

    return _converted(value, tensor)
