# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""SIGTERM is answered with a C++ traceback and "FatalError", and sometimes never.

Defect: importing Paddle replaces the answer to SIGTERM by one that collects a
traceback of every C++ frame; where a lock is held at that moment it waits forever,
and only ``kill -9`` ends the process. Any Paddle.

Patch: the answer that Python knows of, as a rule the end of the process, is put back.
"""
import contextlib
import signal


def patch():
    handler = signal.getsignal(signal.SIGTERM)
    with contextlib.suppress(ValueError):  # not in the main thread, where nothing can be changed
        signal.signal(signal.SIGTERM, signal.SIG_DFL if handler is None else handler)
