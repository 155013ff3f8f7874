# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A downloaded archive writes wherever it wants.

Defect: ppdet unpacks what it has downloaded with ``extractall``, which follows
links and, before Python 3.14, absolute paths and ``..``; the address may be one
that a config names as its weights. On any Paddle.

Patch: it unpacks with :func:`ppdet_ext.safe_io.archive.extract`.
"""
import os

from ..compat import patching

MODULE = 'ppdet.utils.download'


class _Archive:
    """What ppdet uses of ``tarfile.TarFile`` and ``zipfile.ZipFile``."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def extractall(self, path):
        from ..safe_io.archive import extract
        os.makedirs(path, exist_ok=True)
        extract(self.path, path)


def patch():
    patching.expect_text(MODULE, '_decompress', 'with tarfile.open(fname) as tf',
                        'with zipfile.ZipFile(fname) as zf')
    patching.replace_in_import(MODULE, 'tarfile', open=_Archive)
    patching.replace_in_import(MODULE, 'zipfile', ZipFile=_Archive)
