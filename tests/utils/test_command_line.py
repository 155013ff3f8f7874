# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A tool that is asked to stop cleans up first."""
import signal
import subprocess
import sys

import pytest

TOOL = '''
import signal, sys, time
signal.signal({number}, signal.{before})
from ppdet_ext.utils.command_line import run_tool
def work(argv):
    try:
        print('working', flush=True)
        time.sleep({seconds})
    finally:
        print('cleaned up', flush=True)
run_tool(work)
'''


def run(number, before='SIG_DFL', seconds=600):
    code = TOOL.format(number=int(number), before=before, seconds=seconds)
    with subprocess.Popen([sys.executable, '-c', code], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == 'working\n'
        process.send_signal(number)
        printed, errors = process.communicate()
    return process.returncode, printed, errors


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_as_ctrl_c_does(number):
    assert run(number) == (128 + number, 'cleaned up\n', 'interrupted\n')


def test_what_nohup_has_started_outlives_the_terminal():
    assert run(signal.SIGHUP, 'SIG_IGN', seconds=0.5) == (0, 'cleaned up\n', '')


def test_the_exit_code_is_right_where_nobody_reads_messages_any_more():
    code = ('import os\nfrom ppdet_ext.utils.command_line import run_tool\n'
            'def fail(argv):\n    reader, writer = os.pipe()\n    os.close(reader)\n'
            '    os.dup2(writer, 2)\n    raise OSError("no")\nrun_tool(fail)')
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 1
