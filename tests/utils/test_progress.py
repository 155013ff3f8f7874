# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from ppdet_ext.utils import progress as module

ROOT = pathlib.Path(__file__).parents[2]


def test_a_log_has_a_line_at_the_start_and_at_the_end(capsys):
    assert list(module.progress(range(5000), 'copying')) == list(range(5000))
    out, err = capsys.readouterr()
    assert re.fullmatch(r'copying: 0/5000, 00:00 passed, \? left\n'
                        r'copying: 5000/5000, \d\d:\d\d passed, 00:00 left\n', out)
    assert err == ''


def test_a_log_of_long_work_has_lines_between_with_the_time_left(capsys, monkeypatch):
    monkeypatch.setattr(module, 'SECONDS_BETWEEN_LINES', 0)
    list(module.progress(range(3), 'copying'))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(',')[0] for line in lines] == [
        f'copying: {k}/3' for k in (0, 1, 2, 3, 3)]
    assert all(re.search(r'passed, \d\d:\d\d left$', line) for line in lines[1:])


def test_work_that_fails_ends_with_its_last_line(capsys):
    with pytest.raises(ZeroDivisionError):
        for item in module.progress([1, 0, 1], 'dividing'):
            1 / item
    assert capsys.readouterr().out.splitlines()[-1].startswith('dividing: 1/3, ')


def draw(folder, stdout):
    return subprocess.Popen(
        [sys.executable, str(ROOT / 'tools/make_synthetic_steel.py'), '--output', str(folder),
         '--images-per-class', '10'], stdout=stdout, stderr=subprocess.PIPE)


def test_a_tool_with_its_output_in_a_pipe(tmp_path):
    out, err = draw(tmp_path / 'steel', subprocess.PIPE).communicate()
    lines = [line for line in out.decode().splitlines() if line.startswith('drawing: ')]
    assert len(lines) < 60 and lines[-1].startswith('drawing: 60/60, ')
    assert b'\r' not in out and b'drawing' not in err


def test_a_tool_on_a_terminal_shows_a_bar(tmp_path):
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('4H', 24, 80, 0, 0))  # rows, columns
    process = draw(tmp_path / 'steel', terminal)
    os.close(terminal)
    shown = b''
    try:
        while chunk := os.read(reader, 4096):
            shown += chunk
    except OSError:  # how Linux says that the terminal's other side was closed
        pass
    os.close(reader)
    process.communicate()
    assert re.search(rb'\rdrawing: 100%\|.* 60/60 \[.*image/s\]', shown)
