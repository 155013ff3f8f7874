# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""One run at a time in an output folder."""
import contextlib
import os

from filelock import FileLock, Timeout

__all__ = ['experiment_folder', 'folder_lock']

FILE = 'run.lock'  # stays; without a process that holds it, it means nothing


@contextlib.contextmanager
def folder_lock(folder, advice):
    """Keeps a folder to this process within a ``with`` block; the system frees it in any case.

    Does nothing where the folder does not exist, or cannot be written to or locked.

    Args:
        folder (str): to be locked.
        advice (str): what the user can do when it is in use.

    Raises:
        ValueError: another process has it.
    """
    with contextlib.ExitStack() as stack:
        if os.path.isdir(folder):
            try:
                stack.enter_context(FileLock(os.path.join(folder, FILE), timeout=0))
            except Timeout as error:
                raise ValueError(f'{folder} is in use by another run; {advice}') from error
            except (OSError, NotImplementedError):
                pass  # a network's file system, for instance
        yield


@contextlib.contextmanager
def experiment_folder(folder):
    """Locks the folder of an experiment, which is created if missing, within a ``with`` block.

    Args:
        folder (str): of the experiment.

    Raises:
        ValueError: another process has it.
        KeyboardInterrupt: it was stopped; the message says how to continue.
    """
    os.makedirs(folder, exist_ok=True)
    try:
        with folder_lock(folder, 'wait for it to finish, or give another --output'):
            yield
    except KeyboardInterrupt as stop:
        stop.args = 'error: interrupted; run the same command again to continue',
        raise
