# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Python's zlib must be loaded before paddle.

Defect: the library of paddlepaddle 2.6.2 exports a zlib of its own to the whole
process. When Python's zlib is loaded after it, the system's libz binds to half
of paddle's functions and the first decompression is a segmentation fault. It
strikes in ``import pycocotools._mask``, ``lap``, ``pyclipper`` (Cython packs
their strings with zlib) and when PNG files or zip archives are read.
Paddlepaddle 3.3.1 exports no zlib.

Mend: import zlib first. When paddle is there already, refuse instead of
crashing later.
"""
import ctypes
import os
import sys


def mend():
    """Load zlib.

    Raises:
        ImportError: a paddle that exports its own zlib was imported before.
    """
    if _loaded_after_paddle() and _exports_zlib():
        raise ImportError(
            'paddle was imported before zlib: this paddlepaddle brings a zlib of its own '
            "that crashes Python's. Put `import ppdet_ext` above `import paddle`")
    import zlib  # noqa: F401


def _loaded_after_paddle():
    modules = list(sys.modules)
    if 'paddle' not in modules:
        return False
    return 'zlib' not in modules or modules.index('paddle') < modules.index('zlib')


def _exports_zlib():
    built_in = 'zlib' in sys.builtin_module_names
    return os.name == 'posix' and not built_in and hasattr(ctypes.CDLL(None), 'inflateReset2')
