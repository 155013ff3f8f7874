# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Archives are unpacked, and cannot write outside their folder or fill the disk."""
import io
import os
import stat
import tarfile
import zipfile

import pytest

from ppdet_ext.safe_io import archive as unpacking
from ppdet_ext.safe_io.archive import extract


def tar_with(path, name, kind=tarfile.REGTYPE, mode='w:gz'):
    with tarfile.open(path, mode) as file:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.size = kind, '/etc/hosts', 0
        if kind == tarfile.REGTYPE:
            member.size = 4
        file.addfile(member, io.BytesIO(b'text'))


def zip_with(path, name, kind=0):
    with zipfile.ZipFile(path, 'w') as file:
        member = zipfile.ZipInfo('placeholder')
        # Set afterwards, since the constructor tidies names.
        member.filename, member.external_attr = name, kind << 16
        file.writestr(member, 'text')


def extracted(archive, folder):
    folder.mkdir()
    extract(str(archive), str(folder))
    return sorted(os.path.relpath(os.path.join(parent, name), folder)
                  for parent, _, names in os.walk(folder) for name in names)


@pytest.mark.parametrize('mode', ['w', 'w:gz', 'w:bz2', 'w:xz'])
def test_tar(tmp_path, mode):
    tar_with(tmp_path / 'a.tar', './b/c.txt', mode=mode)
    assert extracted(tmp_path / 'a.tar', tmp_path / 'out') == [os.path.join('b', 'c.txt')]
    assert (tmp_path / 'out' / 'b' / 'c.txt').read_text() == 'text'


def test_tar_with_folder_members(tmp_path):
    (tmp_path / 'b' / 'empty').mkdir(parents=True)
    (tmp_path / 'b' / 'c.txt').write_text('text')
    with tarfile.open(tmp_path / 'a.tar', 'w') as file:
        file.add(tmp_path / 'b', 'b')
    assert extracted(tmp_path / 'a.tar', tmp_path / 'out') == [os.path.join('b', 'c.txt')]


@pytest.mark.parametrize('kind', [0, stat.S_IFREG | 0o644])
def test_zip(tmp_path, kind):
    zip_with(tmp_path / 'a.zip', 'b/c.txt', kind)
    assert extracted(tmp_path / 'a.zip', tmp_path / 'out') == [os.path.join('b', 'c.txt')]
    assert (tmp_path / 'out' / 'b' / 'c.txt').read_text() == 'text'


@pytest.mark.parametrize('make', [tar_with, zip_with], ids=['tar', 'zip'])
@pytest.mark.parametrize('name', ['../evil.txt', 'a/../../evil.txt', '/evil.txt',
                                  '..\\evil.txt', '\\evil.txt', 'C:/evil.txt'])
def test_member_outside_is_refused_by_name(tmp_path, make, name):
    make(tmp_path / 'archive', name)
    (tmp_path / 'out').mkdir()
    with pytest.raises(ValueError) as error:
        extract(str(tmp_path / 'archive'), str(tmp_path / 'out'))
    assert f'member "{name}" would be written outside' in str(error.value)
    assert sorted(os.listdir(tmp_path)) == ['archive', 'out']
    assert os.listdir(tmp_path / 'out') == []


@pytest.mark.parametrize('make, kind', [
    (tar_with, tarfile.SYMTYPE),
    (tar_with, tarfile.LNKTYPE),
    (tar_with, tarfile.CHRTYPE),
    (tar_with, tarfile.FIFOTYPE),
    (zip_with, stat.S_IFLNK | 0o777),
], ids=['symlink', 'hard link', 'device', 'fifo', 'symlink in zip'])
def test_links_and_special_files_are_refused_by_name(tmp_path, make, kind):
    make(tmp_path / 'archive', 'shortcut', kind)
    (tmp_path / 'out').mkdir()
    with pytest.raises(ValueError, match='member "shortcut" is a link or a special file'):
        extract(str(tmp_path / 'archive'), str(tmp_path / 'out'))
    assert os.listdir(tmp_path / 'out') == []


def archive_of(path, contents):
    """A .zip or .tar.gz of files a, b, ..., with the given contents."""
    names = [chr(ord('a') + k) for k in range(len(contents))]
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as file:
            for name, content in zip(names, contents):
                file.writestr(name, content)
        return
    with tarfile.open(path, 'w:gz') as file:
        for name, content in zip(names, contents):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize('name', ['bomb.zip', 'bomb.tar.gz'])
@pytest.mark.parametrize('contents, last', [
    ([bytes(10**6)] * 4, 'b'), ([bytes(10**7)], 'a'), ([b''] * 26, 'y')],
    ids=['many', 'large', 'empty'])
def test_what_would_fill_the_disk_is_refused(tmp_path, monkeypatch, name, contents, last):
    archive, folder = tmp_path / name, tmp_path / 'out'
    folder.mkdir()
    archive_of(archive, contents)
    limit = 10**5 if contents[0] == b'' else 10**6 + 4096
    monkeypatch.setattr(unpacking, 'LEAST_LIMIT', limit)
    monkeypatch.setattr(unpacking, 'LIMIT_RATIO', 0)
    with pytest.raises(ValueError, match=f'{name}: refused, with member "{last}" it unpacks to '
                                         'more than'):
        extract(str(archive), str(folder))
    written = sum(entry.stat().st_size for entry in os.scandir(folder))
    assert written <= limit + 2 * unpacking.PIECE


@pytest.mark.parametrize('name', ['sound.zip', 'sound.tar.gz'])
def test_the_limit_grows_with_the_archive(tmp_path, monkeypatch, name):
    archive = tmp_path / name
    archive_of(archive, [os.urandom(10**5), bytes(10**6)])
    monkeypatch.setattr(unpacking, 'LEAST_LIMIT', 0)
    assert extracted(archive, tmp_path / 'out') == ['a', 'b']
    assert (tmp_path / 'out' / 'b').stat().st_size == 10**6


def test_other_files_are_no_archives(tmp_path):
    (tmp_path / 'a.rar').write_bytes(b'Rar!')
    with pytest.raises(ValueError, match=r'a\.rar: expected a folder, a \.zip or a \.tar'):
        extract(str(tmp_path / 'a.rar'), str(tmp_path))


def random_archive(path, compression):
    """An archive of one file of noise, 200000 bytes."""
    content = os.urandom(200000)
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w', getattr(zipfile, f'ZIP_{compression}')) as file:
            file.writestr('a.jpg', content)
        return
    with tarfile.open(path, f'w:{compression}') as file:
        member = tarfile.TarInfo('a.jpg')
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))


def flip(path, position):
    damaged = bytearray(path.read_bytes())
    damaged[position] ^= 255
    path.write_bytes(damaged)


def refusal(archive, folder):
    """str: why the archive cannot be unpacked; it and no other file is named."""
    folder.mkdir()
    with pytest.raises(ValueError) as refused:
        extract(str(archive), str(folder))
    assert str(refused.value).startswith(f'{archive}: ') and str(folder) not in str(refused.value)
    return str(refused.value)


REMEDY = '; copy or download it again, or unpack it yourself and give the folder'


@pytest.mark.parametrize('name, compression', [
    ('a.zip', 'STORED'), ('a.zip', 'DEFLATED'), ('a.zip', 'BZIP2'), ('a.zip', 'LZMA'),
    ('a.tar', 'gz'), ('a.tar', 'bz2'), ('a.tar', 'xz')])
@pytest.mark.parametrize('position', [1000, 100000])
def test_flipped_byte(tmp_path, name, compression, position):
    path = tmp_path / name
    random_archive(path, compression)
    flip(path, position)
    reason = refusal(path, tmp_path / 'out')
    assert 'cannot be unpacked: ' in reason and reason.endswith(REMEDY)


@pytest.mark.parametrize('name, compression', [
    ('a.zip', 'STORED'), ('a.tar', 'gz'), ('a.tar', 'bz2'), ('a.tar', 'xz'), ('a.tar', '')])
@pytest.mark.parametrize('left', [20, 100000])
def test_cut_off(tmp_path, name, compression, left):
    path = tmp_path / name
    random_archive(path, compression)
    os.truncate(path, left)
    if compression == '' and left == 20:
        assert 'expected a folder, a .zip or a .tar(.gz)' in refusal(path, tmp_path / 'out')
        return
    reason = refusal(path, tmp_path / 'out')
    assert 'cannot be unpacked: ' in reason and reason.endswith(REMEDY)


def test_members_behind_a_damaged_header_are_not_lost(tmp_path):
    path = tmp_path / 'a.tar'
    with tarfile.open(path, 'w') as file:
        for name in 'ab':
            file.addfile(tarfile.TarInfo(name))
    flip(path, tarfile.BLOCKSIZE)
    assert 'damaged header of a member' in refusal(path, tmp_path / 'out')


@pytest.mark.parametrize('names, reason', [
    (['a' * 300], 'File name too long'), (['a\0b'], 'embedded null byte'),
    (['a', 'a/b'], 'File exists'), (['a/b', 'a'], 'Is a directory')])
def test_members_that_no_disk_takes(tmp_path, names, reason):
    path = tmp_path / 'a.tar'
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as file:
        for name in names:
            member = tarfile.TarInfo('placeholder')
            member.pax_headers = {'path': name}
            file.addfile(member)
    assert f'cannot be unpacked: {reason}; copy' in refusal(path, tmp_path / 'out')


def test_sparse_member_without_its_map(tmp_path):
    path = tmp_path / 'a.tar'
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as file:
        member = tarfile.TarInfo('a')
        member.pax_headers = {'GNU.sparse.major': '1', 'GNU.sparse.minor': '0'}
        member.size = 4
        file.addfile(member, io.BytesIO(b'text'))
    assert 'cannot be unpacked: ' in refusal(path, tmp_path / 'out')


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'a.zip')
    with pytest.raises(OSError, match='is a pipe or a device, expected a file: .*a.zip'):
        extract(str(tmp_path / 'a.zip'), str(tmp_path))


def test_an_error_about_the_content_names_the_archive(tmp_path):
    tar_with(tmp_path / 'a.tar', 'b/c.txt')
    with pytest.raises(ValueError) as error:
        with unpacking.unpacked(str(tmp_path / 'a.tar'), str(tmp_path)) as folder:
            assert os.path.isfile(os.path.join(folder, 'b', 'c.txt'))
            raise ValueError(f'{folder}: nothing in {folder}')
    assert str(error.value) == f'{tmp_path}/a.tar: nothing in {tmp_path}/a.tar'
    assert os.listdir(tmp_path) == ['a.tar']


# The second byte of the third letter is that of a backslash.
@pytest.mark.parametrize('stored', ['图/划痕誠.png'.encode('gbk'), '图/划痕誠.png'.encode(),
                                    '图\\划痕誠.png'.encode('gbk')],
                         ids=['Windows', 'UTF-8 without its flag', 'separator of Windows'])
@pytest.mark.parametrize('kind', ['zip', 'tar'])
def test_chinese_names_without_a_mark_of_their_encoding(tmp_path, kind, stored):
    path, place = tmp_path / 'archive', 'x' * len(stored)
    if kind == 'zip':
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr(place[:-1] + '\\', '')  # a folder
            file.writestr(place, 'content')
        path.write_bytes(path.read_bytes().replace(place.encode(), stored))
    else:
        (tmp_path / 'content').write_text('content')
        with tarfile.open(path, 'w', format=tarfile.GNU_FORMAT) as file:
            file.add(tmp_path / 'content', os.fsdecode(stored))
    (tmp_path / 'out').mkdir()
    extract(str(path), str(tmp_path / 'out'))
    assert (tmp_path / 'out' / '图' / '划痕誠.png').read_text() == 'content'
