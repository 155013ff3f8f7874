# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import multiprocessing
import os
import signal

import pytest

from ppdet_ext.engine.stop_request import SIGNALS, StopRequest


@pytest.mark.parametrize('number', SIGNALS)
def test_a_signal_is_noted_and_afterwards_as_before(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), number)
        assert stop.signal == number
    assert signal.getsignal(number) == (signal.SIG_DFL if before is None else before)


def test_a_second_ctrl_c_stops_at_once():
    with pytest.raises(KeyboardInterrupt), StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_is_noted_where_nobody_reads_messages_any_more():
    reader, writer = os.pipe()
    os.close(reader)
    standard_error = os.dup(2)
    os.dup2(writer, 2)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
        os.close(writer)
    assert stop.signal == signal.SIGINT


def interrupt_itself():
    os.kill(os.getpid(), signal.SIGINT)


def test_processes_started_meanwhile_leave_ctrl_c_to_their_parent():
    with StopRequest() as stop:
        process = multiprocessing.get_context('fork').Process(target=interrupt_itself)
        process.start()
        process.join()
    assert process.exitcode == 0 and stop.signal is None
