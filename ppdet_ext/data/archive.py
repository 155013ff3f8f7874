# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Unpacks zip and tar archives; they cannot write outside their folder or fill the disk."""
import os
import re
import stat
import tarfile
import zipfile
import zlib

__all__ = ['extract']

# Bytes that an archive may unpack to, at least, and by its own size. NEU-DET unpacks to about its
# own size, XML files alone to 20 times theirs; what is made to fill a disk, to 1000 times.
LEAST_LIMIT, LIMIT_RATIO = 2**30, 100
# Every member takes a block of the disk, if it is empty too.
BLOCK = 4096
PIECE = 2**16


def extract(archive, folder):
    """Unpacks the regular files of ``archive`` below ``folder``.

    Does not rely on the filters of ``tarfile``, which Python 3.9 lacks.

    Args:
        archive (str): a .zip, or a .tar with any compression ``tarfile`` knows.
        folder (str): existing, should be empty and private to the caller, who removes it when
            this raises: members before the refused one are unpacked by then.

    Raises:
        ValueError: not an archive, damaged, encrypted, or a member that is a link, a device or
            would be written outside ``folder``, or that is too much in sum; the message names the
            member.
    """
    left = max(LEAST_LIMIT, LIMIT_RATIO * os.path.getsize(archive))
    if zipfile.is_zipfile(archive):
        members = _zip_members
    elif tarfile.is_tarfile(archive):
        members = _tar_members
    else:
        raise ValueError(f'{archive}: expected a folder, a .zip or a .tar(.gz)')
    try:
        for name, is_regular, open_member in members(archive):
            _refuse_unsafe(archive, name, is_regular)
            left -= max(BLOCK, _write(os.path.join(folder, name), open_member, left))
            if left < 0:
                raise ValueError(f'{archive}: refused, with member "{name}" it unpacks to more '
                                 f'than {LIMIT_RATIO} times its size; if it is sound, unpack it '
                                 f'yourself and give the folder')
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError,
            RuntimeError) as error:
        # RuntimeError: zipfile's word for "needs a password".
        raise ValueError(f'{archive}: cannot be unpacked: {error}') from error


def _zip_members(archive):
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if not member.is_dir():
                # Archives made on Windows state no kind at all.
                yield member.filename, kind in (0, stat.S_IFREG), _opener(file.open, member)


def _tar_members(archive):
    with tarfile.open(archive) as file:
        for member in file:
            if not member.isdir():
                yield member.name, member.isreg(), _opener(file.extractfile, member)


def _opener(function, member):
    return lambda: function(member)


def _refuse_unsafe(archive, name, is_regular):
    if not is_regular:
        raise ValueError(f'{archive}: refused, member "{name}" is a link or a special file')
    parts = re.split(r'[/\\]', name)
    if parts[0] == '' or ':' in parts[0] or '..' in parts:
        raise ValueError(f'{archive}: refused, member "{name}" would be written outside the '
                         'folder the archive is unpacked to')


def _write(path, open_member, limit):
    """int: the bytes written, at most one piece more than ``limit``."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open_member() as source, open(path, 'wb') as target:
        # What the archive states as a size need not be true.
        while target.tell() <= limit:
            piece = source.read(PIECE)
            if not piece:
                break
            target.write(piece)
        return target.tell()
