# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The error that ended the first of several processes, for the others to report."""
import paddle.distributed as dist
from paddle.base import core

__all__ = ['earlier_error']

COUNT, TEXT = 'ppdet_ext/errors', 'ppdet_ext/first_error'


def earlier_error(text):
    """Tells the other processes what ends this one, unless one of them failed earlier.

    When a process fails, the others only lose their connection, and the launcher shows the output
    of the first process, not of the one that failed.

    Args:
        text (str): this process's error.

    Returns:
        str or None: the error of the process that failed first, which caused this one's.
    """
    if not dist.is_initialized() or dist.get_world_size() < 2:
        return None
    try:
        store = core.create_or_get_global_tcp_store()
        if store.add(COUNT, 1) > 1:
            return bytes(store.get(TEXT)).decode()
        store.set(TEXT, f'process {dist.get_rank()}: {text}')
    except (RuntimeError, OSError, ValueError):
        pass  # the first process, which keeps the store, has ended: it has shown its error
    return None
