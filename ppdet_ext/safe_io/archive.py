# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Unpacks zip and tar archives so that they can neither write elsewhere nor fill the disk."""
import contextlib
import os
import re
import stat
import tarfile
import tempfile
import zipfile

from ..utils.files import open_regular
from ..utils.text import decode_file_name, same_name

__all__ = ['extract', 'unpacked']

# Bytes that any archive may unpack to, and the limit in multiples of its size. NEU-DET unpacks to
# about its own size, XML files alone to 20 times theirs, archives meant to fill a disk to 1000.
LEAST_LIMIT, LIMIT_RATIO = 2**30, 100
# Every member takes a block of the disk, even an empty one.
BLOCK = 4096
UTF_8_NAME = 0x800  # flag of a member of a zip
PIECE = 2**16
# What .zip and a compressed .tar begin with, damaged or not.
STARTS = (b'PK\x03\x04', b'\x1f\x8b', b'BZh', b'\xfd7zXZ\x00', b'\x5d\x00\x00')
REMEDY = 'copy or download it again, or unpack it yourself and give the folder'


class _RefusedError(ValueError):
    """The archive is readable, but not safe."""


class _StrictTarInfo(tarfile.TarInfo):
    """Makes a damaged header an error, which tarfile mistakes for the end of the archive."""

    @classmethod
    def fromtarfile(cls, file):
        try:
            return super().fromtarfile(file)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as error:
            raise tarfile.ReadError(f'damaged header of a member ({error})') from error


@contextlib.contextmanager
def unpacked(path, parent=None):
    """Yields the folder ``path``, or a temporary one with the content of the archive ``path``.

    Args:
        path (str): folder or archive.
        parent (str): where to make the temporary folder.

    Yields:
        str: the folder; an error about it names the archive instead.

    Raises:
        ValueError: as :func:`extract`.
    """
    if os.path.isdir(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix='.unpacked.', dir=parent) as folder:
        extract(path, folder)
        try:
            yield folder
        except (ValueError, OSError) as error:
            error.args = tuple(argument.replace(folder, path) if isinstance(argument, str)
                               else argument for argument in error.args)
            raise


def extract(archive, folder):
    """Unpacks the regular files of ``archive`` below ``folder``.

    Does not rely on the filters of ``tarfile``, which Python 3.9 lacks.

    Args:
        archive (str): a .zip, or a .tar with any compression ``tarfile`` knows.
        folder (str): existing, should be empty and private to the caller, who removes it when
            this raises: members before the refused one are unpacked by then.

    Raises:
        ValueError: not an archive, damaged, encrypted, or a member that is a link, a device or
            would be written outside ``folder``, or unpacks to too much in total; the message names
            the member.
    """
    with open_regular(archive) as file:
        start = file.read(max(map(len, STARTS)))
    left = max(LEAST_LIMIT, LIMIT_RATIO * os.path.getsize(archive))
    try:
        for name, is_regular, open_member in _members(archive, start):
            _refuse_unsafe(archive, name, is_regular)
            # Some programs of Windows write their own separator.
            path = os.path.join(folder, name.replace('\\', '/'))
            left -= max(BLOCK, _write(path, open_member, left))
            if left < 0:
                raise _RefusedError(f'{archive}: refused, with member "{name}" it unpacks to more '
                                    f'than {LIMIT_RATIO} times its size; if it is sound, unpack '
                                    f'it yourself and give the folder')
    except _RefusedError:
        raise
    except Exception as error:  # decoders raise whatever the damage leads them to
        # An error of the operating system names a file of the folder, which is gone by then.
        reason = getattr(error, 'strerror', None) or error
        raise ValueError(f'{archive}: cannot be unpacked: {reason}; {REMEDY}') from error


def _members(archive, start):
    """Name of each file in the archive, whether it is regular, and a function that opens it."""
    if zipfile.is_zipfile(archive):
        return _zip_members(archive)
    if tarfile.is_tarfile(archive):
        return _tar_members(archive)
    if start.startswith(STARTS):
        raise ValueError('it is damaged, cut off or not a .tar')
    raise _RefusedError(f'{archive}: expected a folder, a .zip or a .tar(.gz); unpack it yourself '
                        f'and give the folder')


def _zip_members(archive):
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if not member.filename.endswith(('/', '\\')):
                # Archives made on Windows state no kind at all.
                yield _zip_name(member), kind in (0, stat.S_IFREG), _opener(file.open, member)


def _zip_name(member):
    """str: the name of a member, also where a Chinese Windows has written it in its encoding."""
    name = member.filename
    if not name.isascii() and not member.flag_bits & UTF_8_NAME:
        # zipfile decodes all other names as this encoding.
        name = decode_file_name(name.encode('cp437')) or name
    return name


def _tar_members(archive):
    with tarfile.open(archive, tarinfo=_StrictTarInfo) as file:
        for member in file:
            if not member.isdir():
                yield same_name(member.name), member.isreg(), _opener(file.extractfile, member)
        # The checksums of compressed content come at the end.
        for _ in range(LEAST_LIMIT // PIECE):
            if not file.fileobj.read(PIECE):
                break


def _opener(function, member):
    return lambda: function(member)


def _refuse_unsafe(archive, name, is_regular):
    if not is_regular:
        raise _RefusedError(f'{archive}: refused, member "{name}" is a link or a special file')
    parts = re.split(r'[/\\]', name)
    if parts[0] == '' or ':' in parts[0] or '..' in parts:
        raise _RefusedError(f'{archive}: refused, member "{name}" would be written outside the '
                            'folder the archive is unpacked to')


def _write(path, open_member, limit):
    """int: the bytes written, at most one piece more than ``limit``."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open_member() as source, open(path, 'wb') as target:
        # The size that the archive states may be wrong.
        while target.tell() <= limit:
            piece = source.read(PIECE)
            if not piece:
                break
            target.write(piece)
        return target.tell()
