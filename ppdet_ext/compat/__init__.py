# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Fixes for differences between versions of Paddle, and the machinery of patches.

One module per defect. Each patches it in memory, some only if a test finds the defect. Those that
change functions raise ``ImportError`` where these are not as in the supported versions.

Importing this package does what must happen before paddle is imported. ``apply()``
then imports paddle and ppdet and patches them::

    from . import compat
    compat.apply()
"""
import functools
import importlib
import sys

from . import mkl_on_amd, threads, zlib_order

__all__ = ['apply']

PATCHES = ('adam_threads', 'assigner_labels', 'crowd_boxes', 'empty_tensors', 'fgd_area',
         'full_graph', 'quality_focal_loss', 'scalar_concat', 'static_nms', 'static_rcnn',
         'static_upsampling', 'termination')

zlib_order.patch()
mkl_on_amd.patch()
_THREADS_ARE_CHOSEN = 'paddle' in sys.modules or threads.chosen_by_user()


@functools.cache
def apply():
    """Import paddle and ppdet and patch them; a second call does nothing.

    Raises:
        ImportError: the installed paddledet is not the supported one.
    """
    from . import quiet_import, tested_versions

    quiet_import.import_paddle()
    tested_versions.log_version()
    if not _THREADS_ARE_CHOSEN:
        threads.use_all_cores()
    quiet_import.import_ppdet()

    for name in PATCHES:
        importlib.import_module(f'{__name__}.{name}').patch()
