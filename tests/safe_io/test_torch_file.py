# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Files of PyTorch 2.13 in both of its formats are read whole; what is not weights is refused."""
import os
import pickle
import pickletools
import shutil
import zipfile

import numpy as np
import pytest
from vectors import VECTORS

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
    path = str(tmp_path / 'beyond.pth')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/data.pkl', described_tensor(*view))
        archive.writestr('a/data/0', np.arange(4, dtype='<f4').tobytes())
    with pytest.raises(ValueError, match='beyond its storage|not described as PyTorch does'):
        load_torch_state(path)


def test_a_tensor_within_its_storage_is_read(tmp_path):
    path = str(tmp_path / 'within.pth')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/data.pkl', described_tensor(1, (2, ), (2, )))
        archive.writestr('a/data/0', np.arange(4, dtype='<f4').tobytes())
    np.testing.assert_array_equal(load_torch_state(path)['x'], [1, 3])


def described_tensor(offset, shape, strides):
    """bytes: a pickle of ``{'x': tensor}``, as PyTorch writes it."""
    def plain(value):
        return pickle.dumps(value, protocol=2)[2:-1]  # without the protocol and the end
    storage = (b'(' + plain('storage') + b'ctorch\nFloatStorage\n' + plain('0') + plain('cpu') +
               plain(4) + b'tQ')
    tensor = (b'ctorch._utils\n_rebuild_tensor_v2\n(' + storage + plain(offset) + plain(shape) +
              plain(strides) + plain(False) + plain({}) + b'tR')
    return b'\x80\x02}' + plain('x') + tensor + b's.'


@pytest.mark.parametrize('content', [{'epoch': 3}, {}, [1, 2]])
def test_files_without_tensors_are_refused(tmp_path, content):
    path = str(tmp_path / 'none.pth')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('a/data.pkl', pickle.dumps(content, protocol=2))
    with pytest.raises(ValueError, match='none.pth holds no tensors by name'):
        load_torch_state(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match='is no file'):
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
