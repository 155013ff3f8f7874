# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Weights that PyTorch saved, read without PyTorch and without running what is in the file.

PyTorch has two formats. In both a pickle describes the tensors and names a storage for each, a
run of numbers of one type; a tensor is a view on its storage. The old format is a row of pickles
(a magic number, a protocol, the machine's properties, the content, the names of the storages),
followed by the storages, each behind its length. The new one, since PyTorch 1.6, is a zip archive
of the content and one raw file a storage.
"""
import io
import math
import os
import zipfile

import numpy as np

from .safe_pickle import KNOWN, PlainUnpickler, explained_errors

__all__ = ['SUFFIXES', 'load_torch_state']

SUFFIXES = ('.pth', '.pt')
MAGIC_NUMBER, PROTOCOL = 0x1950a86a20f9469cfc6c, 1001  # of the old format
LENGTH = np.dtype('<i8')  # of a storage in the old format, in numbers
WRITTEN_BY = 'torch.save(model.state_dict(), path)'
# bfloat16 as its bits, which is how Paddle writes it too.
STORAGES = {'DoubleStorage': '<f8', 'FloatStorage': '<f4', 'HalfStorage': '<f2',
            'BFloat16Storage': '<u2', 'LongStorage': '<i8', 'IntStorage': '<i4',
            'ShortStorage': '<i2', 'CharStorage': '<i1', 'ByteStorage': '<u1',
            'BoolStorage': '?'}


class _Fixed:
    """Cannot be changed by the pickle that names it."""

    def __setstate__(self, state):
        raise ValueError('it changes what it names')


class _Storage(_Fixed):
    """A run of numbers; ``numbers`` is set once it has been read."""

    def __init__(self, dtype, length):
        self.dtype, self.length, self.numbers = dtype, length, None


class _Tensor(_Fixed):
    """Stands for a tensor: a view on a storage, made when that has been read."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self):
        """ndarray: a copy, so that no two tensors share numbers."""
        numbers = (self.offset, *self.shape, *self.strides)
        if (not isinstance(self.storage, _Storage) or len(self.shape) != len(self.strides)
                or any(type(number) is not int or number < 0 for number in numbers)):
            raise ValueError('a tensor is not described as PyTorch does')
        last = self.offset + sum((size - 1) * stride
                                 for size, stride in zip(self.shape, self.strides))
        count = math.prod(self.shape)
        if count > self.storage.length or count and last >= self.storage.length:
            raise ValueError(f'a tensor of shape {list(self.shape)} reaches beyond its storage of '
                             f'{self.storage.length} numbers')
        item = self.storage.dtype.itemsize
        return np.lib.stride_tricks.as_strided(
            self.storage.numbers[self.offset:], self.shape,
            [stride * item for stride in self.strides]).copy()


class _Type(_Fixed):
    """Stands for the type of a storage."""

    def __init__(self, code):
        self.dtype = np.dtype(code)


class _Call(_Fixed):
    """Stands for a function."""

    def __init__(self, function):
        self._function = function

    def __call__(self, *args):
        return self._function(*args)


def _rebuild_tensor(storage, offset, shape, strides, *_):
    return _Tensor(storage, offset, shape, strides)


TORCH_NAMES = {
    ('collections', 'OrderedDict'): KNOWN['collections', 'OrderedDict'],
    ('torch._utils', '_rebuild_tensor'): _Call(_rebuild_tensor),
    ('torch._utils', '_rebuild_tensor_v2'): _Call(_rebuild_tensor),
    ('torch._utils', '_rebuild_parameter'): _Call(lambda data, *_: data),
    **{('torch', name): _Type(code) for name, code in STORAGES.items()},
}


class _TorchUnpickler(PlainUnpickler):
    """Reads the content and collects the storages it names."""

    def __init__(self, file):
        super().__init__(file, TORCH_NAMES)
        self.storages = {}

    def persistent_load(self, identity):
        """_Storage: for ``('storage', type, name, device, length, view)``."""
        kind, storage_type, name, _, length = identity[:5]
        if (kind != 'storage' or not isinstance(storage_type, _Type)
                or not isinstance(name, str) or type(length) is not int or length < 0
                or any(view is not None for view in identity[5:])):
            raise ValueError('a storage is not described as PyTorch does')
        return self.storages.setdefault(name, _Storage(storage_type.dtype, length))


def load_torch_state(path):
    """Reads the state that ``torch.save`` has written of a model.

    Args:
        path (str): the file, of either format. A dictionary with the state under ``state_dict`` or
            ``model`` is taken too.

    Returns:
        dict of str to ndarray: tensors by name; bfloat16 as its bits, in uint16.

    Raises:
        FileNotFoundError: no such file.
        ValueError: something else is in it, it is damaged, or it names what could run code.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f'{path} is no file; give one, as {WRITTEN_BY} writes it')
    with open(path, 'rb') as file, explained_errors(path, WRITTEN_BY):
        is_archive = zipfile.is_zipfile(file)
        file.seek(0)
        content = _read_archive(file) if is_archive else _read_row(file)
        state = _state(content)
        if state is not None:
            return {name: tensor.array() for name, tensor in dict.items(state)
                    if isinstance(tensor, _Tensor)}
    raise ValueError(f'{path} holds no tensors by name, as {WRITTEN_BY} writes them')


def _state(content):
    """dict or None: the tensors by name in what a file holds."""
    for key in ('state_dict', 'model'):
        if isinstance(content, dict) and isinstance(dict.get(content, key), dict):
            content = dict.get(content, key)
    is_state = (isinstance(content, dict) and all(isinstance(name, str) for name in content)
                and any(isinstance(value, _Tensor) for value in dict.values(content)))
    return content if is_state else None


def _read_row(file):
    for expected in (MAGIC_NUMBER, PROTOCOL):
        if PlainUnpickler(file).load() != expected:
            raise ValueError('not written by PyTorch')
    if PlainUnpickler(file).load().get('little_endian') is not True:
        raise ValueError('written on a big-endian machine')
    unpickler = _TorchUnpickler(file)
    content = unpickler.load()
    for name in PlainUnpickler(file).load():
        storage = unpickler.storages[name]
        length = int(np.frombuffer(file.read(LENGTH.itemsize), LENGTH)[0])
        if length != storage.length:
            raise ValueError(f'a storage of {storage.length} numbers has {length}')
        _fill(storage, file)
    return content


def _read_archive(file):
    with zipfile.ZipFile(file) as archive:
        members = {member.filename.partition('/')[2]: member for member in archive.infolist()}
        if 'byteorder' in members and archive.read(members['byteorder']) != b'little':
            raise ValueError('written on a big-endian machine')
        unpickler = _TorchUnpickler(io.BytesIO(_stored(archive, members['data.pkl']).read()))
        content = unpickler.load()
        for name, storage in unpickler.storages.items():
            with _stored(archive, members[f'data/{name}']) as member:
                _fill(storage, member)
    return content


def _stored(archive, member):
    if member.compress_type != zipfile.ZIP_STORED:  # PyTorch never compresses; a bomb does
        raise ValueError(f'{member.filename} is compressed')
    return archive.open(member)


def _fill(storage, file):
    content = file.read(storage.length * storage.dtype.itemsize)
    storage.numbers = np.frombuffer(content, storage.dtype)
    if len(storage.numbers) != storage.length:
        raise ValueError(f'a storage of {storage.length} numbers has {len(storage.numbers)}')
