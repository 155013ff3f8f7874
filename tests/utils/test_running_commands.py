# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import shlex
import sys

import pytest

from ppdet_ext.utils.commands import run_logged


def test_every_line_is_logged_and_shown(tmp_path):
    log, shown = tmp_path / 'step.log', []
    command = [sys.executable, '-c', 'print("a")\nprint("b")']
    for mode in ('w', 'a'):
        run_logged(command, str(log), mode, shown.append)
    assert shown == ['a', 'b'] * 2
    assert log.read_text() == f'{shlex.join(command)}\na\nb\n' * 2


def test_a_failing_command_leaves_its_log_and_shows_the_end_of_it(tmp_path):
    log, shown = tmp_path / 'step.log', []
    command = [sys.executable, '-c', 'for i in range(99): print(i)\nraise SystemExit(3)']
    with pytest.raises(ChildProcessError) as caught:
        run_logged(command, str(log), show=shown.append)
    assert shown == [str(i) for i in range(99)]
    error, *last = str(caught.value).splitlines()
    assert error == f'-c ended with code 3; the end of {log}:'
    assert last == [str(i) for i in range(84, 99)]
