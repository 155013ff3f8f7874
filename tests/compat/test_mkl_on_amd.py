# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from ppdet_ext.compat import mkl_on_amd

CPU = 'processor\t: 0\nvendor_id\t: {}\nmodel name\t: a processor\nflags\t\t: fpu sse2 {} aes\n'
AMD = CPU.format('AuthenticAMD', 'avx avx2')
IS_AMD = os.path.exists('/proc/cpuinfo') and mkl_on_amd._is_amd_with_avx2('/proc/cpuinfo')

WATCH = '''
import os, sys
class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == "paddle":
            print("before paddle:", os.environ.get("MKL_DEBUG_CPU_TYPE"))
sys.meta_path.insert(0, Finder)
import ppdet_ext, subprocess
subprocess.run([sys.executable, "-c",
                "import os; print('child:', os.environ.get('MKL_DEBUG_CPU_TYPE'))"])
'''


def test_the_tests_processes_have_it_where_it_helps():
    assert ('MKL_DEBUG_CPU_TYPE' in os.environ) == IS_AMD


@pytest.mark.parametrize('chosen, expected', [
    ({}, '5' if IS_AMD else 'None'), ({'MKL_DEBUG_CPU_TYPE': '4'}, '4')])
def test_it_is_there_before_paddle_and_in_child_processes(run_python, monkeypatch, chosen,
                                                          expected):
    monkeypatch.delenv('MKL_DEBUG_CPU_TYPE', raising=False)
    finished = run_python('-c', WATCH, **chosen)
    lines = finished.stdout.splitlines()
    assert f'before paddle: {expected}' in lines and f'child: {expected}' in lines, finished.stderr


@pytest.mark.parametrize('text, environment, expected', [
    (AMD, {}, {'MKL_DEBUG_CPU_TYPE': '5'}),
    (AMD, {'MKL_DEBUG_CPU_TYPE': ''}, {'MKL_DEBUG_CPU_TYPE': ''}),
    (CPU.format('AuthenticAMD', 'avx'), {}, {}),
    (CPU.format('GenuineIntel', 'avx avx2'), {}, {}),
    ('Hardware\t: an ARM board\n', {}, {}),
    (None, {}, {}),
])
def test_only_amd_with_avx2_and_never_over_the_user(tmp_path, text, environment, expected):
    path = tmp_path / 'cpuinfo'
    if text is not None:
        path.write_text(text)
    mkl_on_amd.patch(environment, str(path))
    assert environment == expected
