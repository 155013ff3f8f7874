# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM causes a C++ traceback and "FatalError", and sometimes a hang.

Defect: importing Paddle replaces the SIGTERM handler by one that collects a
traceback of every C++ frame; if a lock is held at that moment it waits forever,
and only ``kill -9`` ends the process. Any Paddle.

Patch: the handler that Python knows of, by default the end of the process, is restored.
"""
import contextlib
import signal


def patch():
    handler = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(ValueError):  # not in the main thread, where nothing can be changed
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)
