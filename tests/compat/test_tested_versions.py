# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The import says once which Paddle is there, aloud only where it is untested."""
import re
from pathlib import Path

import pytest

from ppdet_ext.compat import tested_versions

ROOT = Path(__file__).parents[2]
IMPORT = '''
import zlib
import logging
import paddle
if {shown}:
    logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s",
                        force=True)
paddle.__version__ = "{version}"
import ppdet_ext
import ppdet_ext.compat
ppdet_ext.compat.apply()
'''


@pytest.mark.parametrize('version, known', [
    ('3.3.1', True), ('3.2.0', True), ('2.6.2', True), ('3.4.0', False), ('2.5.2', False),
    ('3.20.1', False), ('0.0.0', False), ('3.2.2.post1', True)])
def test_a_release_of_a_tested_series_counts_as_tested(version, known):
    tested, text = tested_versions.describe(version)
    assert tested == known
    assert f'PaddlePaddle {version} is installed' in text
    assert all(each in text for each in tested_versions.TESTED)


def test_an_untested_paddle_is_one_line(run_python):
    finished = run_python('-W', 'ignore', '-c', IMPORT.format(shown=False, version="9.8.7"))
    lines = finished.stderr.splitlines()
    assert finished.returncode == 0 and finished.stdout == '' and len(lines) == 1, finished.stderr
    assert 'PaddlePaddle 9.8.7 is installed; ppdet_ext is tested with' in lines[0]


def test_only_the_first_of_several_processes_warns(run_python):
    finished = run_python('-W', 'ignore', '-c', IMPORT.format(shown=False, version="9.8.7"),
                          PADDLE_TRAINER_ID='1')
    assert finished.returncode == 0 and finished.stderr == ''


def test_a_tested_paddle_is_a_line_for_debugging(run_python):
    finished = run_python('-W', 'ignore', '-c', IMPORT.format(shown=True, version="3.2.1"))
    said = [line for line in finished.stderr.splitlines() if line.startswith('ppdet_ext ')]
    assert len(said) == 1 and said[0].startswith('ppdet_ext DEBUG PaddlePaddle 3.2.1 is installed')


def test_the_tested_versions_are_those_that_make_tests():
    makefile = (ROOT / 'Makefile').read_text()
    others = re.search(r'^other_paddles := (.+)$', makefile, re.MULTILINE).group(1).split()
    main = re.search(r"'paddlepaddle==([\d.]+)'", (ROOT / 'setup.py').read_text()).group(1)
    assert sorted([*others, main]) == sorted(tested_versions.TESTED)
