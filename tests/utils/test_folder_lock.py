# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""One process at a time has an output folder, and loses it when it ends, however that is."""
import os
import signal
import subprocess
import sys

import filelock
import pytest

from ppdet_ext.utils.folder_lock import folder_lock

HOLDER = '''
import os, sys, time
from filelock import FileLock
lock = FileLock(os.path.join(sys.argv[1], 'run.lock'))
lock.acquire()
print('locked', flush=True)
time.sleep(600)
'''


def test_another_process_has_it_until_it_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, '-c', HOLDER, tmp_path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b'locked\n'
        with pytest.raises(ValueError, match='is in use by another run; wait$'):
            with folder_lock(tmp_path, 'wait'):
                raise AssertionError
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with folder_lock(tmp_path, 'wait'):
        pass


def test_it_is_free_after_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(OSError, match='mine'), folder_lock(tmp_path, ''):
            raise OSError('mine')


def test_a_folder_that_does_not_exist_is_not_made(tmp_path):
    with folder_lock(tmp_path / 'none', ''):
        assert not os.path.exists(tmp_path / 'none')


@pytest.mark.parametrize('error', [PermissionError, NotImplementedError])
def test_a_file_system_without_locks_has_none(tmp_path, monkeypatch, error):
    def acquire(lock, **options):
        raise error
    monkeypatch.setattr(filelock.FileLock, 'acquire', acquire)
    with folder_lock(tmp_path, ''):
        pass
