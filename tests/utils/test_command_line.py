# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Values of flags are checked, and a tool that is asked to stop cleans up first."""
import argparse
import signal
import subprocess
import sys

import pytest

from ppdet_ext.utils.command_line import fraction, not_empty, not_negative, positive

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


@pytest.mark.parametrize('parse, text, value', [
    (positive, '3', 3), (not_negative, '0', 0.0), (not_negative, '2.5', 2.5),
    (fraction, '1', 1.0), (fraction, '.25', 0.25), (not_empty, 'a', 'a'),
])
def test_a_value_of_its_kind(parse, text, value):
    found = parse(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize('parse, text, message', [
    *((positive, text, f'expected an integer of at least 1, got "{text}"')
      for text in ('0', '-1', '1.5', '1e3', 'many', '')),
    *((not_negative, text, f'expected a number of at least 0, got "{text}"')
      for text in ('-1', 'nan', 'inf', 'x')),
    *((fraction, text, f'expected a number from 0 to 1, got "{text}"')
      for text in ('50', '-0.1', 'nan', 'high')),
    (not_empty, '', 'expected a value, got an empty text; is a shell variable not set?'),
])
def test_another_value_says_what_was_expected(parse, text, message):
    with pytest.raises(argparse.ArgumentTypeError) as error:
        parse(text)
    assert str(error.value) == message
