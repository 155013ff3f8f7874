# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What must hold around the import of paddle, each in a process of its own."""
import os
import signal

import paddle
import pytest

from ppdet_ext.compat import threads

DECOMPRESS = 'import zlib; zlib.decompress(zlib.compress(bytes(1000)))'
USE_ZLIB = f'{DECOMPRESS}; import lap, pyclipper, pycocotools._mask; print("survived")'
COUNT_THREADS = '''
import ctypes, glob, os, paddle
libraries = glob.glob(os.path.join(os.path.dirname(paddle.__file__), 'libs', 'libiomp5*'))
print(ctypes.CDLL(libraries[0]).omp_get_max_threads(), 'threads')
'''


def test_import_is_silent_and_whole(run_python):
    finished = run_python('-c', f'import ppdet_ext; {USE_ZLIB}\n{COUNT_THREADS}')
    assert finished.stderr == ''
    assert finished.stdout == f'survived\n{threads.threads_per_process({})} threads\n'


def test_without_ppdet_ext_import_is_noisy_and_one_core_is_used(run_python):
    finished = run_python('-W', 'ignore', '-c', 'import sys, zlib; sys.modules["numba"] = None\n'
                          f'import ppdet\n{COUNT_THREADS}')
    assert 'numba' in finished.stdout
    assert finished.stdout.endswith('1 threads\n')


def test_chosen_number_of_threads_stays(run_python):
    finished = run_python('-c', f'import ppdet_ext\n{COUNT_THREADS}', OMP_NUM_THREADS='3')
    assert finished.stdout == '3 threads\n', finished.stderr


def test_sigterm_ends_a_process_without_a_word(run_python):
    program = 'import os, signal{}; os.kill(os.getpid(), signal.SIGTERM)'
    finished = run_python('-c', program.format(', ppdet_ext'))
    assert finished.returncode == -signal.SIGTERM and finished.stderr == ''
    without = run_python('-W', 'ignore', '-c', program.format(', paddle'))
    assert 'FatalError' in without.stdout + without.stderr


def test_ctrl_c_during_the_import_is_one_line(run_python):
    program = ('import signal, sys\n'
               'sys.meta_path.insert(0, type("Finder", (), {"find_spec": staticmethod('
               'lambda name, *_: name == "ppdet_ext.compat" and signal.raise_signal(signal.SIGINT) '
               'or None)}))\nimport ppdet_ext')
    finished = run_python('-c', program)
    assert finished.returncode == -signal.SIGINT and finished.stderr == 'interrupted\n'


def test_paddle_first_is_refused_exactly_where_it_crashes(run_python):
    crashed = run_python('-c', f'import paddle; {DECOMPRESS}').returncode != 0
    finished = run_python('-c', f'import paddle; import ppdet_ext; {USE_ZLIB}')
    refused = 'error: paddle was imported before zlib' in finished.stderr
    # The zlib of 3.0 was not seen to crash; that it never does is more than is known.
    assert refused == (crashed or paddle.__version__.startswith('3.0.'))
    assert refused or finished.stdout == 'survived\n', finished.stderr


def test_zlib_before_paddle_is_fine(run_python):
    finished = run_python('-c', f'import zlib, paddle, ppdet_ext; {USE_ZLIB}')
    assert finished.stdout == 'survived\n', finished.stderr


@pytest.mark.parametrize('environment, chosen', [
    ({}, False),
    ({'OMP_NUM_THREADS': '1'}, True),
    ({'PADDLE_LOCAL_SIZE': '2'}, False),
    ({'PADDLE_LOCAL_SIZE': '2', 'OMP_NUM_THREADS': '1'}, False),
    ({'PADDLE_LOCAL_SIZE': '2', 'OMP_NUM_THREADS': '3'}, True),
])
def test_who_chose_the_threads(environment, chosen):
    assert threads.chosen_by_user(environment) == chosen


def test_cores_are_shared_between_local_processes(monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: set(range(8)), raising=False)
    assert threads.threads_per_process({}) == 8
    assert threads.threads_per_process({'PADDLE_LOCAL_SIZE': '3'}) == 2
    assert threads.threads_per_process({'PADDLE_LOCAL_SIZE': '16'}) == 1
