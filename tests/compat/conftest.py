# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
# The probes are imported by the tests and by the processes that these start.
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope='session')
def run_python():
    """Run Python on some arguments, in a process of its own that may import ppdet_ext."""

    def run(*arguments, **environment):
        settled = {key: value for key, value in os.environ.items() if key != 'OMP_NUM_THREADS'}
        settled['PYTHONPATH'] = os.pathsep.join(
            [str(ROOT), str(FOLDER), settled.get('PYTHONPATH', '')])
        return subprocess.run([sys.executable, *arguments], env={**settled, **environment},
                              capture_output=True, text=True, timeout=600)

    return run
