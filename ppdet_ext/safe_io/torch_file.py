# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Weights that PyTorch saved, read without PyTorch and without running what is in the file.

PyTorch has two formats. In both a pickle describes the tensors and names a storage for each, an
array of numbers of one type; a tensor is a view of its storage. The old format is a row of pickles
(a magic number, a protocol, the machine's properties, the content, the names of the storages),
followed by the storages, each after its length. The new one, since PyTorch 1.6, is a zip archive
of the content and one raw file per storage.
"""
import io
import math
import os
import zipfile

import numpy as np

from .bounded_pickle import LIMIT, BoundedUnpickler, Codes, ordered_dict
from .safe_pickle import KNOWN, explained_errors

__all__ = ['SUFFIXES', 'load_torch_state']

SUFFIXES = ('.pth', '.pt')
MAGIC_NUMBER, PROTOCOL = 0x1950a86a20f9469cfc6c, 1001  # of the old format
LENGTH = np.dtype('<i8')  # of a storage in the old format, in numbers
WRITTEN_BY = 'torch.save(model.state_dict(), path)'
MAX_DIMENSIONS, MAX_NUMBER = 32, 2**63 - 1  # of NumPy
SHARING = 4  # size of all tensors, in multiples of the file's, for the numbers that they share
# bfloat16 as its bits, which is how Paddle writes it too.
STORAGES = {'DoubleStorage': '<f8', 'FloatStorage': '<f4', 'HalfStorage': '<f2',
            'BFloat16Storage': '<u2', 'LongStorage': '<i8', 'IntStorage': '<i4',
            'ShortStorage': '<i2', 'CharStorage': '<i1', 'ByteStorage': '<u1',
            'BoolStorage': '?'}


class _Storage:
    """An array of numbers of one type; ``numbers`` is set once it has been read."""

    def __init__(self, dtype, length):
        self.dtype, self.length, self.numbers = dtype, length, None


class _Tensor:
    """Stands for a tensor: a view of a storage, created when that has been read."""

    def __init__(self, storage, offset, shape, strides):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def nbytes(self):
        """int: size as an array, after checking that the storage has all of its numbers."""
        numbers = (self.offset, *self.shape[:MAX_DIMENSIONS + 1], *self.strides)
        if (not isinstance(self.storage, _Storage) or len(self.shape) != len(self.strides)
                or len(self.shape) > MAX_DIMENSIONS
                or any(type(number) is not int or not 0 <= number <= MAX_NUMBER
                       for number in numbers)):
            raise ValueError('a tensor is not described as PyTorch does')
        last = self.offset + sum((size - 1) * stride
                                 for size, stride in zip(self.shape, self.strides))
        count = math.prod(self.shape)
        if count > self.storage.length or count and last >= self.storage.length:
            raise ValueError(f'a tensor of shape {list(self.shape)} reaches beyond its storage of '
                             f'{self.storage.length} numbers')
        return count * self.storage.dtype.itemsize

    def array(self):
        """ndarray: a copy, so that no two tensors share numbers."""
        item = self.storage.dtype.itemsize
        return np.lib.stride_tricks.as_strided(
            self.storage.numbers[self.offset:], self.shape,
            [stride * item for stride in self.strides]).copy()


class _Type:
    """Stands for the type of a storage."""

    def __init__(self, code):
        self.dtype = np.dtype(code)


def _rebuild_tensor(storage, offset, shape, strides, *_):
    if not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise ValueError('a tensor is not described as PyTorch does')
    return _Tensor(storage, offset, shape, strides)


def _rebuild_parameter(data, *_):
    return data


TORCH_NAMES = {
    ('collections', 'OrderedDict'): ordered_dict,
    ('torch._utils', '_rebuild_tensor'): _rebuild_tensor,
    ('torch._utils', '_rebuild_tensor_v2'): _rebuild_tensor,
    ('torch._utils', '_rebuild_parameter'): _rebuild_parameter,
    **{('torch', name): _Type(code) for name, code in STORAGES.items()},
}


class _Unpickler(BoundedUnpickler):
    """Reads a pickle that describes tensors, or has only plain values."""

    dispatch = Codes('PyTorch writes no pickle opcode {}', ['BINPERSID'])

    def find_class(self, module, name):
        if (module, name) in KNOWN and (module, name) not in self._known:
            raise ValueError('not written by PyTorch')  # a .pdparams with another suffix: no attack
        return super().find_class(module, name)


class _ContentUnpickler(_Unpickler):
    """Reads the content and collects the storages it names.

    Args:
        file (file): open for reading bytes.
        size (int): of the whole file, which all storages together cannot exceed.
    """

    def __init__(self, file, size):
        super().__init__(file, TORCH_NAMES)
        self.storages, self._left = {}, size

    def persistent_load(self, identity):
        """_Storage: for ``('storage', type, name, device, length, view)``."""
        kind, storage_type, name, _, length = identity[:5]
        if (kind != 'storage' or not isinstance(storage_type, _Type)
                or not isinstance(name, str) or type(length) is not int or length < 0
                or any(view is not None for view in identity[5:])):
            raise ValueError('a storage is not described as PyTorch does')
        if name not in self.storages:
            storage = self.storages[name] = _Storage(storage_type.dtype, length)
            self._left -= length * storage.dtype.itemsize
            if self._left < 0:
                raise ValueError('it is smaller than what it says it holds')
        return self.storages[name]


def load_torch_state(path):
    """Reads the state of a model that ``torch.save`` wrote.

    Args:
        path (str): the file, of either format. A dictionary with the state under ``state_dict`` or
            ``model`` is accepted too.

    Returns:
        dict of str to ndarray: tensors by name; bfloat16 as its bits, in uint16.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file holds something else, is damaged, or names what could run code.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise ValueError(f'{path} is not a file; give one, as {WRITTEN_BY} writes it')
    with open(path, 'rb') as file, explained_errors(path, WRITTEN_BY):
        is_archive = zipfile.is_zipfile(file)
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        content = _read_archive(file, size) if is_archive else _read_row(file, size)
        tensors = _tensors(content)
        # Checked before the first copy is made.
        if sum(tensor.nbytes() for tensor in tensors.values()) > SHARING * size:
            raise ValueError('its tensors share numbers, and would take many times its size')
        if tensors:
            return {name: tensor.array() for name, tensor in tensors.items()}
    raise ValueError(f'{path} holds no tensors by name, as {WRITTEN_BY} writes them')


def _tensors(content):
    """dict of str to _Tensor: the tensors by name in what a file holds; none if it has no state."""
    for key in ('state_dict', 'model'):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        return {}
    return {name: value for name, value in content.items() if isinstance(value, _Tensor)}


def _read_row(file, size):
    if file.read(2) == b'PK':
        raise ValueError('it is an archive without its end')
    file.seek(0)
    for expected in (MAGIC_NUMBER, PROTOCOL):
        if _Unpickler(file, {}).load() != expected:
            raise ValueError('not written by PyTorch')
    if _Unpickler(file, {}).load().get('little_endian') is not True:
        raise ValueError('written on a big-endian machine')
    unpickler = _ContentUnpickler(file, size)
    content = unpickler.load()
    names = _Unpickler(file, {}).load()
    if (not isinstance(names, list) or not all(isinstance(name, str) for name in names)
            or sorted(names) != sorted(unpickler.storages)):
        raise ValueError('its storages are not those of its tensors')
    for name in names:
        storage = unpickler.storages[name]
        length = int(np.frombuffer(file.read(LENGTH.itemsize), LENGTH)[0])
        if length != storage.length:
            raise ValueError(f'a storage of {storage.length} numbers has {length}')
        _fill(storage, file)
    return content


def _read_archive(file, size):
    with zipfile.ZipFile(file) as archive:
        members = {member.filename.partition('/')[2]: member for member in archive.infolist()}
        if 'byteorder' in members and _stored(archive, members['byteorder']).read(7) != b'little':
            raise ValueError('written on a big-endian machine')
        # In memory, where reading opcode by opcode is faster.
        description = io.BytesIO(_stored(archive, members['data.pkl']).read(LIMIT + 1))
        unpickler = _ContentUnpickler(description, size)
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
