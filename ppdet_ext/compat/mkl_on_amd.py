# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""MKL uses AVX2 on AMD processors.

Defect: Paddle's CPU packages bundle an MKL of 2019, which asks who made the
processor and not what it can do. On AMD it takes code for processors of 2008:
measured on an EPYC with paddlepaddle 3.3.1, a matrix product is three times and a
distillation step of small detectors 1.2 to 2.2 times slower than it could be
(docs/training.md has the measurements).

Patch: ``MKL_DEBUG_CPU_TYPE=5``, by which that MKL takes its AVX2 code. It reads
the variable when it is loaded, so this comes before paddle's import, and child
processes inherit it. Only on AMD with AVX2, and never over the user's own value
(an empty one switches it off). Newer MKLs ignore the variable.
"""
import os
import re

VARIABLE = 'MKL_DEBUG_CPU_TYPE'
AVX2 = '5'
CPU_INFO = '/proc/cpuinfo'


def patch(environment=os.environ, cpu_info=CPU_INFO):
    """Sets the variable where it helps.

    Args:
        environment (dict): the process's environment variables.
        cpu_info (str): path of Linux's description of the processors; nothing is done where it
            does not exist.
    """
    if VARIABLE not in environment and _is_amd_with_avx2(cpu_info):
        environment[VARIABLE] = AVX2


def _is_amd_with_avx2(cpu_info):
    try:
        with open(cpu_info, encoding='utf-8', errors='replace') as f:
            text = f.read()
    except OSError:
        return False
    flags = re.search(r'^flags\s*:(.*)$', text, re.MULTILINE)
    return 'AuthenticAMD' in text and bool(flags) and 'avx2' in flags.group(1).split()
