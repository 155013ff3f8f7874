# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Python's zlib must be loaded before paddle.

Defect: the library of paddlepaddle 2.6.2 exports a zlib of its own and also
loads the system's libz, which then binds to half of paddle's functions. Python's
zlib uses that libz, and the first decompression is a segmentation fault. It
strikes in ``import pycocotools._mask``, ``lap``, ``pyclipper`` (Cython packs
their strings with zlib) and when PNG files or zip archives are read. The library
of paddlepaddle 3.3.1 has no zlib.

Patch: import zlib first, so that libz binds to itself. When paddle is there
already, refuse instead of crashing later.
"""
import ctypes
import sys

PADDLE_LIBRARY = 'paddle.base.libpaddle'


def patch():
    """Load zlib.

    Raises:
        ImportError: a paddle with a zlib of its own was imported before.
    """
    if _paddle_came_first() and _paddle_has_zlib():
        raise ImportError(
            'paddle was imported before zlib: this paddlepaddle bundles its own zlib, '
            "which crashes Python's. Put `import ppdet_ext` above `import paddle`")
    import zlib  # noqa: F401


def _paddle_came_first():
    if 'zlib' in sys.builtin_module_names:
        return False
    order = list(sys.modules)
    return PADDLE_LIBRARY in order and (
        'zlib' not in order or order.index(PADDLE_LIBRARY) < order.index('zlib'))


def _paddle_has_zlib():
    return hasattr(ctypes.CDLL(sys.modules[PADDLE_LIBRARY].__file__), 'inflateReset2')
