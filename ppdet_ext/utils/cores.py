# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The processor's cores."""
import os

__all__ = ['usable_cores']


def usable_cores():
    """int: how many cores this process may use, which a job's limits make fewer than there are."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
