# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The pickle codes that PyTorch writes, run in bounded time and memory.

A pickle is a program. Without calling anything it can still end the process (the hash of a tuple
in a tuple in a tuple ... overflows the stack), keep it busy for years (numbers of one hash as
keys, a tuple that holds another one twice, and so on) or take all of its memory (a memo of any
size, copies of copies). So this knows few codes, takes text and plain numbers as keys only, and
stops after a number of bytes.
"""
import collections
import pickle
import sys

from .safe_pickle import KNOWN, RefusedError

__all__ = ['LIMIT', 'TorchUnpickler', 'ordered_dict']

LIMIT = 4 * 2**20  # bytes of one pickle: some 20,000 tensors
CODES = ('PROTO', 'FRAME', 'STOP', 'MARK', 'NONE', 'NEWTRUE', 'NEWFALSE', 'BININT', 'BININT1',
         'BININT2', 'LONG1', 'BINFLOAT', 'BINSTRING', 'SHORT_BINSTRING', 'BINUNICODE',
         'SHORT_BINUNICODE', 'EMPTY_TUPLE', 'TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3', 'EMPTY_LIST',
         'APPEND', 'APPENDS', 'EMPTY_DICT', 'SETITEM', 'SETITEMS', 'GLOBAL', 'STACK_GLOBAL',
         'REDUCE', 'BUILD', 'BINPERSID', 'BINPUT', 'LONG_BINPUT', 'BINGET', 'LONG_BINGET',
         'MEMOIZE')


class _Codes(dict):
    """What each code does."""

    def __missing__(self, code):
        raise ValueError(f'PyTorch writes no pickle code {code:#04x}')


class _LimitedFile:
    """The next ``LIMIT`` bytes of a file."""

    def __init__(self, file):
        self._file, self._left = file, LIMIT

    def read(self, size):
        return self._counted(self._file.read(min(size, self._left + 1)))

    def readline(self):
        return self._counted(self._file.readline(self._left + 1))

    def _counted(self, content):
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f'what describes the tensors takes more than {LIMIT} bytes')
        return content


# The one that the standard library has in Python: its codes can be chosen, and its memo is a dict.
class TorchUnpickler(pickle._Unpickler):
    """Reads plain values, and what the known names stand for.

    Args:
        file (file): open for reading bytes; left behind the pickle.
        known (dict): what the pickle may name, as (module, name), and what is called in its place.
            It must not make anything that is much larger than what it is given.
    """

    dispatch = _Codes({getattr(pickle, name)[0]: pickle._Unpickler.dispatch[
        getattr(pickle, name)[0]] for name in CODES})

    def __init__(self, file, known):
        super().__init__(_LimitedFile(file), encoding='latin1')
        self._known = known

    def find_class(self, module, name):
        """Looks a name up among those that are known; nothing is imported."""
        if (module, name) in self._known:
            return self._known[module, name]
        if (module, name) in KNOWN:  # a .pdparams with another suffix is no attack
            raise ValueError('not written by PyTorch')
        raise RefusedError(f'{module}.{name}')

    def _set_item(self):
        value, key = self.stack.pop(), self.stack.pop()
        _fill(self.stack[-1], [(key, value)])

    def _set_items(self):
        items = self.pop_mark()
        _fill(self.stack[-1], zip(items[::2], items[1::2]))

    def _build(self):
        self.stack.pop()
        # PyTorch gives the dictionary of a state the versions of its layers, which nobody needs.
        if type(self.stack[-1]) is not collections.OrderedDict:
            raise ValueError('it changes what it names')

    dispatch[pickle.SETITEM[0]] = _set_item
    dispatch[pickle.SETITEMS[0]] = _set_items
    dispatch[pickle.BUILD[0]] = _build


def ordered_dict(items=None):
    """OrderedDict: of a list of pairs, as Python 2 wrote it.

    The list is emptied: a pickle that names one list a thousand times gets no thousand copies.
    """
    made = collections.OrderedDict()
    if items is not None:
        if type(items) is not list:
            raise ValueError(f'an OrderedDict is made of a list, got a {type(items).__name__}')
        _fill(made, items)
        items.clear()
    return made


def _fill(target, items):
    if not isinstance(target, dict):
        raise ValueError(f'a {type(target).__name__} is no dictionary')
    for key, value in items:
        # Any two numbers from the modulus on may have one hash, and a tuple's can take for ever.
        if type(key) is not str and (type(key) is not int or abs(key) >= sys.hash_info.modulus):
            raise ValueError(f'expected text or a plain number as a key, got a '
                             f'{type(key).__name__}')
        target[key] = value
