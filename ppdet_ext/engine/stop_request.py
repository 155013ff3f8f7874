# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, SIGTERM and a closed terminal as requests to stop at the next step."""
import contextlib
import os
import signal
import threading

__all__ = ['StopRequest', 'Interrupted']

SIGNALS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, 'SIGHUP') and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
    SIGNALS.append(signal.SIGHUP)
NOTICE = b'\nstopping after this step; Ctrl-C once more stops at once, without saving\n'


class Interrupted(KeyboardInterrupt):
    """A run that was asked to stop has saved its state.

    Args:
        message (str): where it stopped and how to continue.
        number (int): the signal.
    """

    def __init__(self, message, number):
        super().__init__(message)
        self.exit_code = 128 + number


class StopRequest:
    """Notes SIGINT, SIGTERM and SIGHUP within a ``with`` block instead of ending the process.

    An exception at an arbitrary moment could leave a half-updated model; code in the block checks
    ``signal`` where stopping is safe. A second Ctrl-C is a ``KeyboardInterrupt`` as usual.
    Outside the main thread, which alone receives signals, nothing is changed.

    Attributes:
        signal (int|None): what was received.
    """

    def __init__(self):
        self.signal = None

    def __enter__(self):
        self.signal = None
        self._process = os.getpid()
        self._previous = {}
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def __exit__(self, *exception):
        for number, handler in self._previous.items():
            # None is a handler that Python does not know, such as Paddle's.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _receive(self, number, frame):
        if os.getpid() != self._process:
            return  # Ctrl-C reaches the reader's processes too; this one ends them
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number
        with contextlib.suppress(OSError):  # what reads it may have been stopped too
            os.write(2, NOTICE)  # print() may be in the middle of another line
