# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Archives are unpacked, and cannot write outside their folder."""
import io
import os
import stat
import tarfile
import zipfile

import pytest

from ppdet_ext.data.archive import extract


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


def test_other_files_are_no_archives(tmp_path):
    (tmp_path / 'a.rar').write_bytes(b'Rar!')
    with pytest.raises(ValueError, match=r'a\.rar: expected a folder, a \.zip or a \.tar'):
        extract(str(tmp_path / 'a.rar'), str(tmp_path))


@pytest.mark.parametrize('name', ['a.tar.gz', 'a.zip'])
def test_damaged_archive_says_so(tmp_path, name):
    path = tmp_path / name
    content = os.urandom(200000)
    if name.endswith('zip'):
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr('a.jpg', content)
        damaged = bytearray(path.read_bytes())
        damaged[1000] ^= 255
    else:
        with tarfile.open(path, 'w:gz') as file:
            member = tarfile.TarInfo('a.jpg')
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
        damaged = path.read_bytes()[:100000]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match='cannot be unpacked'):
        extract(str(path), str(tmp_path))
