# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Files of PyTorch 2.13 in both of its formats are read whole; what is not weights is refused."""
import os
import pickle
import pickletools
import shutil
import struct
import sys
import zipfile
import zlib

import numpy as np
import pytest
from torch_files import (
    archive_of,
    described_tensor,
    plain,
    state_pickle,
    storage_codes,
    tensor_codes,
)
from vectors import VECTORS

from ppdet_ext.safe_io.bounded_pickle import LIMIT
from ppdet_ext.safe_io.torch_file import load_torch_state

OLD, ZIP = (os.path.join(VECTORS, f'torch_{kind}.pth') for kind in ('old', 'zip'))


class Payload:
    """Would create a file, were it unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path, )


def values():
    with np.load(os.path.join(VECTORS, 'torch_values.npz')) as content:
        return dict(content)


def old_parts():
    """list of bytes: the pickles of the old format, and what follows them."""
    with open(OLD, 'rb') as f:
        content = f.read()
    parts = []
    for _ in range(5):
        end = 1 + next(position for opcode, _, position in pickletools.genops(content)
                       if opcode.name == 'STOP')
        parts.append(content[:end])
        content = content[end:]
    return [*parts, content]


def changed_archive(path, change):
    """Writes the zip file with members changed: ``change`` maps name and content to content."""
    with zipfile.ZipFile(ZIP) as source, zipfile.ZipFile(path, 'w') as target:
        for name in source.namelist():
            content = change(name.partition('/')[2], source.read(name))
            if content is not None:
                target.writestr(name, content)


@pytest.mark.parametrize('path', [OLD, ZIP])
def test_reads_what_pytorch_wrote(path):
    state, expected = load_torch_state(path), values()
    assert list(state) == list(expected)
    for name, value in expected.items():
        found = state[name]
        if name == 'bfloat16':
            found = (found.astype(np.uint32) << 16).view(np.float32)
        assert found.dtype == value.dtype and found.shape == value.shape, name
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize('path', [OLD, ZIP])
def test_tensors_share_no_numbers(path):
    state = load_torch_state(path)
    state['transposed'][...] = 0
    np.testing.assert_array_equal(state['view'], values()['view'])


@pytest.mark.parametrize('part', range(5))
def test_old_files_call_nothing(tmp_path, part):
    parts = old_parts()
    parts[part] = pickle.dumps(Payload(str(tmp_path / 'called')), protocol=2)
    path = tmp_path / 'hostile.pth'
    path.write_bytes(b''.join(parts))
    with pytest.raises(ValueError, match='is refused: it names (posix|nt).mkdir'):
        load_torch_state(str(path))
    assert not (tmp_path / 'called').exists()


def test_archives_call_nothing(tmp_path):
    payload = pickle.dumps(Payload(str(tmp_path / 'called')), protocol=2)
    path = str(tmp_path / 'hostile.pth')
    changed_archive(path, lambda name, content: payload if name == 'data.pkl' else content)
    with pytest.raises(ValueError, match='is refused: it names (posix|nt).mkdir'):
        load_torch_state(path)
    assert not (tmp_path / 'called').exists()


@pytest.mark.parametrize('kept', [0, 1, 10, 100, 500, -1])
@pytest.mark.parametrize('source', [OLD, ZIP])
def test_cut_off_files_are_refused(tmp_path, source, kept):
    path = tmp_path / 'cut.pth'
    with open(source, 'rb') as f:
        path.write_bytes(f.read()[:kept])
    with pytest.raises(ValueError, match='cut.pth'):
        load_torch_state(str(path))


def test_half_of_an_archive_is_called_so(tmp_path):
    path = tmp_path / 'cut.pth'
    with open(ZIP, 'rb') as f:
        path.write_bytes(f.read()[:2000])
    with pytest.raises(ValueError, match='is damaged.*it is an archive without its end'):
        load_torch_state(str(path))


@pytest.mark.parametrize('change, message', [
    (lambda name, content: content[:-4] if name == 'data/0' else content, 'numbers has'),
    (lambda name, content: None if name == 'data/0' else content, 'data/0'),
    (lambda name, content: b'big' if name == 'byteorder' else content, 'big-endian'),
])
def test_damaged_archives_are_refused(tmp_path, change, message):
    path = str(tmp_path / 'damaged.pth')
    changed_archive(path, change)
    with pytest.raises(ValueError, match=f'damaged.pth is damaged.*{message}'):
        load_torch_state(path)


def test_compressed_archives_are_refused(tmp_path):
    path = str(tmp_path / 'bomb.pth')
    with zipfile.ZipFile(ZIP) as source, zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    with pytest.raises(ValueError, match='is compressed'):
        load_torch_state(path)


# (offset, shape, strides) of a tensor on a storage of 4 numbers.
@pytest.mark.parametrize('view', [
    (1, (4, ), (1, )), (0, (2, 2), (3, 1)), (0, (5, ), (0, )), (-1, (2, ), (1, )),
    (0, (2, ), (-1, )), (0, (2, ), (1, 1)), (0, (2.0, ), (1, )), (0, (-1, ), (1, ))])
def test_tensors_beyond_their_storage_are_refused(tmp_path, view):
    path = archive_of(tmp_path / 'beyond.pth', described_tensor(*view))
    with pytest.raises(ValueError, match='beyond its storage|not described as PyTorch does'):
        load_torch_state(path)


def test_a_tensor_within_its_storage_is_read(tmp_path):
    path = archive_of(tmp_path / 'within.pth', described_tensor(1, (2, ), (2, )))
    np.testing.assert_array_equal(load_torch_state(path)['x'], [1, 3])


@pytest.mark.parametrize('content', [{'epoch': 3}, {}, [1, 2]])
def test_files_without_tensors_are_refused(tmp_path, content):
    path = str(tmp_path / 'none.pth')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/data.pkl', pickle.dumps(content, protocol=2))
    with pytest.raises(ValueError, match='none.pth holds no tensors by name'):
        load_torch_state(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match='is not a file'):
        load_torch_state(str(tmp_path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_torch_state(str(tmp_path / 'none.pth'))


def test_a_file_of_paddle_is_no_file_of_pytorch(tmp_path):
    import paddle
    paddle.save({'a': paddle.ones([2])}, str(tmp_path / 'a.pdparams'))
    shutil.move(tmp_path / 'a.pdparams', tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='a.pth is damaged.*not written by PyTorch'):
        load_torch_state(str(tmp_path / 'a.pth'))


# Values that a dictionary could not take, or only after a very long time.
DEEP = b')' + 200_000 * b'\x85'  # (((...))), whose hash overflows the stack
WIDE = b')' + 60 * b'q\x00h\x00\x86'  # a pair of the one before, twice: 2 ** 60 tuples


@pytest.mark.parametrize('key', [DEEP, WIDE, plain(1.5), plain(None)],
                         ids=['deep', 'wide', 'float', 'None'])
@pytest.mark.parametrize('dictionary', [b'}', b'ccollections\nOrderedDict\n)R'])
def test_keys_are_text_or_numbers(tmp_path, key, dictionary):
    inner = dictionary + key + b'Ns'
    path = archive_of(tmp_path / 'keys.pth', state_pickle(
        (plain('other'), inner), (plain('x'), tensor_codes())))
    with pytest.raises(ValueError, match='expected text or a plain number as a key'):
        load_torch_state(path)


def test_numbers_as_keys_cannot_have_one_hash(tmp_path):
    keys = b''.join(plain(number * sys.hash_info.modulus) + b'N' for number in range(1, 100_000))
    path = archive_of(tmp_path / 'keys.pth', state_pickle(
        (plain('other'), b'}(' + keys + b'u'), (plain('x'), tensor_codes())))
    with pytest.raises(ValueError, match='expected text or a plain number as a key'):
        load_torch_state(path)


def test_a_training_checkpoint_is_read(tmp_path):
    """With numbers as keys and with a dictionary as Python 2 wrote it."""
    optimizer = {'state': {0: {'step': 3}, 94000000000000: {}}, 'lr': 0.1, 'nesterov': True}
    ordered = b'ccollections\nOrderedDict\n](](' + plain('x') + tensor_codes() + b'ee\x85R'
    path = archive_of(tmp_path / 'checkpoint.pth', state_pickle(
        (plain('optimizer'), plain(optimizer)), (plain('state_dict'), ordered)))
    np.testing.assert_array_equal(load_torch_state(path)['x'], [0, 1, 2, 3])


def test_a_dictionary_is_not_copied_a_thousand_times(tmp_path):
    pairs = b'](' + b''.join(b'](' + plain(k) + b'Ne' for k in range(1000)) + b'eq\x01'
    copies = b'](' + pairs + 10_000 * b'ccollections\nOrderedDict\nh\x01\x85R' + b'e'
    path = archive_of(tmp_path / 'copies.pth', state_pickle(
        (plain('other'), copies), (plain('x'), tensor_codes())))
    assert list(load_torch_state(path)) == ['x']


@pytest.mark.parametrize('codes', [
    b'\x96' + struct.pack('<Q', 2**33),  # bytearray of 8 GB
    b'N2', b'N0', b'L' + 10_000 * b'9' + b'L\n', b'(N\x91', b'\x82\x01'],
    ids=['bytearray', 'dup', 'pop', 'long', 'frozenset', 'extension'])
def test_codes_that_pytorch_does_not_write_are_refused(tmp_path, codes):
    path = archive_of(tmp_path / 'codes.pth', b'\x80\x02' + codes + b'.')
    with pytest.raises(ValueError, match='PyTorch writes no pickle opcode 0x'):
        load_torch_state(path)


def test_calls_have_few_arguments(tmp_path):
    """A tuple of a million could be given to a million calls."""
    call = b'ctorch._utils\n_rebuild_tensor_v2\n(' + 20 * b'N' + b'tR'
    path = archive_of(tmp_path / 'calls.pth', state_pickle((plain('x'), call)))
    with pytest.raises(ValueError, match='at most 16 arguments'):
        load_torch_state(path)


def test_the_memo_is_as_large_as_what_is_in_it(tmp_path):
    path = archive_of(tmp_path / 'memo.pth', state_pickle(
        (plain('other'), b'Nr\xff\xff\xff\x7f'), (plain('x'), tensor_codes())))
    assert list(load_torch_state(path)) == ['x']


@pytest.mark.parametrize('is_archive', [False, True])
def test_long_pickles_are_refused(tmp_path, is_archive):
    path, content = tmp_path / 'long.pth', pickle.dumps('x' * LIMIT, 2)
    if is_archive:
        archive_of(path, content)
    else:
        path.write_bytes(b''.join(old_parts()[:3]) + content)
    with pytest.raises(ValueError, match=f'takes more than {LIMIT} bytes'):
        load_torch_state(str(path))


def test_tensors_that_share_numbers_cannot_fill_the_memory(tmp_path):
    tensor = tensor_codes(storage_codes(length=100_000), shape=(100_000, ))
    for count, is_read in ((4, True), (5, False)):
        path = archive_of(tmp_path / f'{count}.pth', state_pickle(
            *((plain(f'x{k}'), tensor) for k in range(count))), 100_000)
        if is_read:
            assert len(load_torch_state(path)) == count
        else:
            with pytest.raises(ValueError, match='share numbers, and would take many times'):
                load_torch_state(path)


@pytest.mark.parametrize('shape', [20_000 * (2**62, ), (2**64, 0), 33 * (1, )])
def test_shapes_without_end_are_refused(tmp_path, shape):
    path = archive_of(tmp_path / 'shape.pth', described_tensor(0, shape, len(shape) * (0, )))
    with pytest.raises(ValueError, match='not described as PyTorch does'):
        load_torch_state(path)


@pytest.mark.parametrize('is_archive', [False, True])
def test_storages_beyond_the_file_are_refused_before_they_are_read(tmp_path, is_archive):
    path = tmp_path / 'small.pth'
    content = state_pickle((plain('x'), tensor_codes(storage_codes(length=2**34))))
    if is_archive:
        archive_of(path, content)
    else:
        path.write_bytes(b''.join([*old_parts()[:3], content, pickle.dumps(['0'], 2),
                                   struct.pack('<q', 2**34), bytes(64)]))
    with pytest.raises(ValueError, match='smaller than what it says it holds'):
        load_torch_state(str(path))


def test_members_that_lie_in_one_another_are_refused(tmp_path):
    """Each storage holds the header of the next one and all that follows."""
    count, numbers = 20, bytes(40_000)
    content = state_pickle(*(
        (plain(f'x{k}'), tensor_codes(storage_codes(str(k), 10_000))) for k in range(count)))
    path = tmp_path / 'nested.pth'
    path.write_bytes(nested_archive(content, count, numbers))
    with pytest.raises(ValueError, match='smaller than what it says it holds'):
        load_torch_state(str(path))


def nested_archive(content, count, numbers):
    def header(name, data):
        return struct.pack('<4s5H3I2H', b'PK\3\4', 20, 0, 0, 0, 33, zlib.crc32(data), len(data),
                           len(data), len(name), 0) + name

    def entry(name, data, offset):
        return struct.pack('<4s6H3I5H2I', b'PK\1\2', 20, 20, 0, 0, 0, 33, zlib.crc32(data),
                           len(data), len(data), len(name), 0, 0, 0, 0, 0, offset) + name

    nested, members = numbers, []
    for k in reversed(range(count)):
        name = f'a/data/{k}'.encode()
        members.append((name, nested))
        nested = header(name, nested) + nested
    front = header(b'a/data.pkl', content) + content
    end = len(front) + len(nested)
    directory = entry(b'a/data.pkl', content, 0) + b''.join(
        entry(name, data, end - len(data) - len(header(name, data))) for name, data in members)
    return front + nested + directory + struct.pack(
        '<4s4H2IH', b'PK\5\6', 0, 0, count + 1, count + 1, len(directory), end, 0)


def test_a_compressed_byte_order_is_refused(tmp_path):
    path = archive_of(tmp_path / 'bomb.pth', described_tensor(0, (4, ), (1, )))
    with zipfile.ZipFile(path, 'a', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('a/byteorder', 'little')
    with pytest.raises(ValueError, match='byteorder is compressed'):
        load_torch_state(path)


@pytest.mark.parametrize('names', [b']', b']' + plain('1') + b'a', b'](' + 2 * plain('0') + b'e',
                                   plain('0'), b']' + DEEP + b'a', b']' + WIDE + b'a'],
                         ids=['none', 'another', 'twice', 'no list', 'deep', 'wide'])
def test_old_files_name_their_storages(tmp_path, names):
    path = tmp_path / 'names.pth'
    path.write_bytes(b''.join([*old_parts()[:3], described_tensor(0, (4, ), (1, )),
                               b'\x80\x02' + names + b'.']))
    with pytest.raises(ValueError, match='its storages are not those of its tensors'):
        load_torch_state(str(path))
