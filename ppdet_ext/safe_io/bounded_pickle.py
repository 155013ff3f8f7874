# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads pickles of weights in bounded time and memory.

A pickle is a program. Even without calling anything it can crash the process (hashing a tuple in a
tuple in a tuple ... overflows the stack), keep it busy for years (keys with equal hashes, a tuple
that holds another one twice, and so on) or exhaust its memory (a memo of any size, copies of
copies). This unpickler therefore knows only a few opcodes, accepts only text and plain numbers as
keys, and stops after a number of bytes.
"""
import collections
import pickle
import sys

__all__ = ['LIMIT', 'BoundedUnpickler', 'Codes', 'RefusedError', 'ordered_dict']

LIMIT = 4 * 2**20  # bytes that describe the tensors of one pickle: some 20,000 tensors
SHORT = 255  # bytes of the longest number; what takes more is text or the content of an array
COPIES = 4  # of long content that calls may make; protocol 2 needs two, its text having to be bytes
MOST_ARGUMENTS = 16  # of a callable that replaces a name


class RefusedError(Exception):
    """A pickle names something that is not allowed; the argument is that name."""


class Codes(dict):
    """The methods that run the allowed opcodes, by opcode.

    Args:
        refusal (str): message for any other opcode, with ``{}`` in its place.
        extra (list of str): names of opcodes besides those that PyTorch and Paddle both write.
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


# The standard library's Python version: its opcodes can be restricted, and its memo is a dict.
class BoundedUnpickler(pickle._Unpickler):
    """Unpickles plain values and known names. Derived classes set ``dispatch``.

    Args:
        file (file): open for reading bytes; positioned after the pickle in the end.
        known (dict): names that the pickle may use, as (module, name), and the callables that
            replace them. Their results must not be much larger than their arguments, and take a
            state through a method ``set_state``, if they have one.
        long (int): bytes that the pickle may have in long text and arrays in addition to ``LIMIT``.
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
        # PyTorch attaches the versions of its layers to a state dict; they are not needed.
        if type(self.stack[-1]) is collections.OrderedDict:
            return
        # Looked up on the type, since a pickle must not change functions and classes it names.
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

    The list is emptied, so that a pickle that names one list a thousand times gets it only once.
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
