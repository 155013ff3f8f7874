# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Pickles of weights, run in bounded time and memory.

A pickle is a program. Without calling anything it can still end the process (the hash of a tuple
in a tuple in a tuple ... overflows the stack), keep it busy for years (numbers of one hash as
keys, a tuple that holds another one twice, and so on) or take all of its memory (a memo of any
size, copies of copies). So this knows few codes, takes text and plain numbers as keys only, and
stops after a number of bytes.
"""
import collections
import pickle
import sys

__all__ = ['LIMIT', 'BoundedUnpickler', 'Codes', 'RefusedError', 'ordered_dict']

LIMIT = 4 * 2**20  # bytes that describe the tensors of one pickle: some 20,000 tensors
SHORT = 255  # bytes of the longest number; what takes more is text or the content of an array
COPIES = 4  # of long content that calls may make; protocol 2 needs two, its text having to be bytes
MOST_ARGUMENTS = 16  # of what stands for a name


class RefusedError(Exception):
    """The name that is refused."""


class Codes(dict):
    """What each code does.

    Args:
        refusal (str): what is said of any other code, with ``{}`` for it.
        extra (list of str): names of codes beside those that PyTorch and Paddle both write.
    """

    COMMON = ('PROTO', 'STOP', 'MARK', 'NONE', 'NEWTRUE', 'NEWFALSE', 'BININT', 'BININT1',
              'BININT2', 'LONG1', 'BINFLOAT', 'BINSTRING', 'SHORT_BINSTRING', 'BINUNICODE',
              'SHORT_BINUNICODE', 'EMPTY_TUPLE', 'TUPLE', 'TUPLE1', 'TUPLE2', 'TUPLE3',
              'EMPTY_LIST', 'APPEND', 'APPENDS', 'EMPTY_DICT', 'GLOBAL', 'STACK_GLOBAL', 'BINPUT',
              'LONG_BINPUT', 'BINGET', 'LONG_BINGET', 'MEMOIZE')

    def __init__(self, refusal, extra):
        super().__init__({_number(name): pickle._Unpickler.dispatch[_number(name)]
                          for name in (*self.COMMON, *extra)})
        self._refusal = refusal
        self.update({_number('FRAME'): BoundedUnpickler.skip_frame,
                     _number('SETITEM'): BoundedUnpickler.set_item,
                     _number('SETITEMS'): BoundedUnpickler.set_items,
                     _number('REDUCE'): BoundedUnpickler.call,
                     _number('BUILD'): BoundedUnpickler.build})

    def __missing__(self, code):
        raise ValueError(self._refusal.format(f'{code:#04x}'))


def _number(name):
    return getattr(pickle, name)[0]


class _BoundedFile:
    """The next bytes of a file: ``LIMIT``, and ``long`` more in pieces longer than ``SHORT``."""

    def __init__(self, file, long):
        self._file, self._left, self._long = file, LIMIT, long

    def read(self, size):
        if SHORT < size <= self._long:
            self._long -= size
            return self._file.read(size)
        return self._counted(self._file.read(min(size, self._left + 1)))

    def readline(self):
        return self._counted(self._file.readline(self._left + 1))

    def _counted(self, content):
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f'what describes the tensors takes more than {LIMIT} bytes')
        return content


# The one that the standard library has in Python: its codes can be chosen, and its memo is a dict.
class BoundedUnpickler(pickle._Unpickler):
    """Reads plain values, and what the known names stand for. Derived classes set ``dispatch``.

    Args:
        file (file): open for reading bytes; left behind the pickle.
        known (dict): what the pickle may name, as (module, name), and what is called in its place.
            It must not make anything that is much larger than what it is given. What it makes
            takes a state by its method ``set_state``, if it has one.
        long (int): bytes that the pickle may have in long text and arrays beside ``LIMIT``.
    """

    def __init__(self, file, known, long=0):
        super().__init__(_BoundedFile(file, long), encoding='latin1')
        self._known, self._to_copy = known, COPIES * (LIMIT + long)

    def find_class(self, module, name):
        """Looks a name up among those that are known; nothing is imported."""
        if (module, name) not in self._known:
            raise RefusedError(f'{module}.{name}')
        return self._known[module, name]

    def skip_frame(self):
        """A frame only says how many bytes could be read at once."""
        self.read(8)

    def set_item(self):
        value, key = self.stack.pop(), self.stack.pop()
        _fill(self.stack[-1], [(key, value)])

    def set_items(self):
        items = self.pop_mark()
        _fill(self.stack[-1], zip(items[::2], items[1::2]))

    def call(self):
        arguments = self._checked(self.stack.pop())
        self.stack[-1] = self.stack[-1](*arguments)

    def build(self):
        state = self.stack.pop()
        # PyTorch gives the dictionary of a state the versions of its layers, which nobody needs.
        if type(self.stack[-1]) is collections.OrderedDict:
            return
        # Of the type, since a pickle must not change the functions and classes that it names.
        if not hasattr(type(self.stack[-1]), 'set_state'):
            raise ValueError('it changes what it names')
        self.stack[-1].set_state(self._checked(state))

    def _checked(self, arguments):
        # The same text can be there a million times, and each call may copy it.
        if type(arguments) is not tuple or len(arguments) > MOST_ARGUMENTS:
            raise ValueError(f'expected at most {MOST_ARGUMENTS} arguments in a tuple')
        self._to_copy -= sum(len(argument) for argument in arguments
                          if isinstance(argument, (str, bytes, bytearray)))
        if self._to_copy < 0:
            raise ValueError('its arrays share content, and would take many times its size')
        return arguments


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
        raise ValueError(f'a {type(target).__name__} is not a dictionary')
    for key, value in items:
        # Any two numbers from the modulus on may have one hash, and a tuple's can take forever.
        if type(key) is not str and (type(key) is not int or abs(key) >= sys.hash_info.modulus):
            raise ValueError(f'expected text or a plain number as a key, got a '
                             f'{type(key).__name__}')
        target[key] = value
