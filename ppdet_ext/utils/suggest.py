# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Near matches for names that are not known."""
import difflib

__all__ = ['did_you_mean']


def did_you_mean(name, known):
    """str: ' (did you mean "x"?)' or nothing."""
    near = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f' (did you mean "{near[0]}"?)' if near else ''
