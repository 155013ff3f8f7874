# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""One run at a time in an output folder."""
import contextlib
import os

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

__all__ = ['folder_lock']


@contextlib.contextmanager
def folder_lock(folder, advice):
    """Keeps a folder to this process within a ``with`` block; the system frees it in any case.

    Does nothing where the folder does not exist, or its file system has no locks.

    Args:
        folder (str): to be locked.
        advice (str): what the user can do when it is in use.

    Raises:
        ValueError: another process has it.
    """
    descriptor = os.open(folder, os.O_RDONLY) if fcntl and os.path.isdir(folder) else None
    try:
        if descriptor is not None:
            _lock(descriptor, folder, advice)
        yield
    finally:
        if descriptor is not None:
            # Closing is not enough: processes that load images have it open too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _lock(descriptor, folder, advice):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ValueError(f'{folder} is in use by another run; {advice}') from error
    except OSError:
        pass  # a network's file system, for instance
