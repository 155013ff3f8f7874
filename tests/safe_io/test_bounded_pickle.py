# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""No .pdparams ends the process, or takes all of its time or memory.

Each file is read in a process of its own, which has some time and memory; it must end with an
error that names the file, or with what the file honestly holds.
"""
import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
from torch_files import plain

from ppdet_ext.safe_io.bounded_pickle import LIMIT, SHORT
from ppdet_ext.safe_io.safe_pickle import NAME_TABLE, SLICE_TABLE, load_state

ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 60
# Of the package only what reads, since all of it needs more memory than that.
READ = """
import resource, sys, types
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
sys.modules['ppdet_ext'] = package = types.ModuleType('ppdet_ext')
package.__path__ = ['ppdet_ext']
from ppdet_ext.safe_io.safe_pickle import load_state
try:
    print('read', *load_state(sys.argv[1], return_numpy=True))
except ValueError as error:
    print(error)
"""
DEEP = b')' + 1_000_000 * b'\x85'  # (((...))), whose hash overflows the stack
WIDE = b')' + 60 * b'q\x01h\x01\x86'  # a pair of the one before, twice: 2 ** 60 tuples
COLLIDING = b'}(' + b''.join(plain(number * sys.hash_info.modulus) + b'N'
                             for number in range(1, 150_000)) + b'u'
CONTENT = 2**20  # bytes that are copied again and again
DTYPE = b'cnumpy\ndtype\n' + plain('f4') + b'\x85R'
DTYPE += b'(' + b''.join(map(plain, (3, '<', None, None, None, -1, -1, 0))) + b'tb'


def state(*values):
    """bytes: a pickle of a dict of None as ``x`` and of further values, given as codes."""
    return (b'\x80\x03}' + plain('x') + b'Ns' + b''.join(
        plain(f'a{k}') + value + b's' for k, value in enumerate(values)) + b'.')


def listed(item, count):
    return b'](' + count * item + b'e'


def repeated(first, name, arguments=b'h\x02\x85', count=50_000):
    """bytes: a pickle of a value and of a list of what a function makes of it each time."""
    return state(first + b'q\x02', listed(name + arguments + b'R', count))


def binary(size):
    return b'B' + size.to_bytes(4, 'little') + bytes(size)


def text(size):
    return b'X' + size.to_bytes(4, 'little') + size * b'x'


def sliced(arrays, **parts):
    """bytes: a state of arrays, and of tensors that were cut into them."""
    return pickle.dumps({**arrays, SLICE_TABLE: {
        name: {'OriginShape': (-1, ), 'slices': names} for name, names in parts.items()}}, 4)


def one_array_of_many_names():
    names = [f'n{k}' for k in range(5000)]
    return sliced(dict.fromkeys(names, np.zeros(CONTENT, 'uint8')), weight=names)


def slices_that_become_text():
    return sliced({'a': np.zeros(CONTENT, 'S1'), 'b': np.zeros(1, 'S5000')}, weight=['a', 'b'])


def with_names(table, codes):
    """bytes: a pickle of a dict of one of the tables that Paddle adds."""
    return b'\x80\x03}' + plain(table) + codes + b's.'


SLICES_OF = b'}' + plain('w') + b'}' + plain('slices') + b']%sass'
KEYS = 'expected text or a plain number as a key'
SHARED = 'its arrays share content, and would take many times its size'
FEW = 'expected at most 16 arguments in a tuple'
NAMES = 'expected text as the name of a parameter'
RECONSTRUCT = b'cnumpy.core.multiarray\n_reconstruct\n'
FILES = {
    'deep key': (lambda: state(b'}' + DEEP + b'Ns'), KEYS),
    'wide key': (lambda: state(b'}' + WIDE + b'Ns'), KEYS),
    'colliding keys': (lambda: state(COLLIDING), KEYS),
    'pairs with a deep key': (lambda: state(
        b'ccollections\nOrderedDict\n](](' + DEEP + b'Nee\x85R'), KEYS),
    'index of the memo': (lambda: b'\x80\x02}r\xff\xff\xff\x7f.', 'read\n'),
    'copies of a list': (lambda: repeated(listed(b'N', CONTENT), b'cbuiltins\nlist\n'), 'read x'),
    'tuples of a list': (lambda: repeated(listed(b'N', CONTENT), b'cbuiltins\ntuple\n'),
                         'expected a tuple, got a list'),
    'copies of a dict': (lambda: repeated(plain(dict.fromkeys(range(50_000))),
                                          b'cbuiltins\ndict\n'), 'read x'),
    'copies of an ordered dict': (lambda: repeated(plain(dict.fromkeys(range(50_000))),
                                                   b'ccollections\nOrderedDict\n'),
                                  'an OrderedDict is made of a list, got a dict'),
    'copies of text': (lambda: repeated(text(CONTENT), b'c_codecs\nencode\n',
                                        b'h\x02' + plain('latin1') + b'\x86'), SHARED),
    'complex numbers of text': (lambda: repeated(
        b'X' + CONTENT.to_bytes(4, 'little') + (CONTENT - 1) * b' ' + b'1',
        b'cbuiltins\ncomplex\n'), 'is damaged'),
    'copies of an array': (lambda: repeated(
        binary(CONTENT), b'cnumpy.core.numeric\n_frombuffer\n',
        b'(h\x02' + DTYPE + plain((CONTENT // 4, )) + plain('C') + b't', 20_000), SHARED),
    'an array that is built again and again': (lambda: state(
        binary(CONTENT) + b'q\x04', DTYPE + b'q\x05', listed(
            RECONSTRUCT + b')R(K\x01' + plain((CONTENT // 4, )) + b'h\x05\x89h\x04tb', 20_000)),
        SHARED),
    'many arguments': (lambda: repeated(b'(' + CONTENT * b'N' + b't', RECONSTRUCT, b'h\x02'), FEW),
    'letters as arguments': (lambda: repeated(text(CONTENT), RECONSTRUCT, b'h\x02'), FEW),
    'wide type of an array': (lambda: state(
        b'cnumpy.core.numeric\n_frombuffer\n(' + binary(8) + WIDE + b'K\x02\x85' + plain('C') +
        b'tR'), 'expected the type of an array, got a tuple'),
    'wide name of a slice': (lambda: with_names(SLICE_TABLE, SLICES_OF % WIDE), NAMES),
    'wide name of a parameter': (lambda: with_names(NAME_TABLE, b']' + WIDE + b'a'), NAMES),
    'one array of many names': (one_array_of_many_names, 'the slices of weight appear twice'),
    'slices that become text': (slices_that_become_text,
                                'the slices of weight are not arrays of one type'),
    'long description': (lambda: state(listed(b'N', LIMIT)), f'takes more than {LIMIT} bytes'),
    'long numbers': (lambda: state(listed(b'\x8a\xff' + SHORT * b'\1', LIMIT // SHORT)),
                     f'takes more than {LIMIT} bytes'),
    'endless bytes': (lambda: b'\x80\x04\x8e' + (2**40).to_bytes(8, 'little') + b'.',
                      'is damaged or cut off (EOFError'),
}


def outcome(path):
    run = subprocess.run(
        [sys.executable, '-c', READ, str(path)], cwd=ROOT, capture_output=True, text=True,
        timeout=SECONDS, env={**os.environ, 'OPENBLAS_NUM_THREADS': '1', 'OMP_NUM_THREADS': '1'})
    assert run.returncode == 0, (run.returncode, run.stderr[-500:])
    return run.stdout


@pytest.mark.parametrize('name', FILES)
def test_a_file_takes_neither_the_process_nor_its_time_or_memory(tmp_path, name):
    write, expected = FILES[name]
    path = tmp_path / 'x.pdparams'
    path.write_bytes(write())
    assert expected in outcome(path)


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_arrays_may_take_more_than_what_describes_them(tmp_path, protocol):
    path, values = tmp_path / 'x.pdparams', np.random.RandomState(0).rand(LIMIT // 4)
    path.write_bytes(pickle.dumps({'a': values, 'b': values[::2].copy()}, protocol))
    read = load_state(str(path), return_numpy=True)
    np.testing.assert_array_equal(read['a'], values)
    np.testing.assert_array_equal(read['b'], values[::2])
