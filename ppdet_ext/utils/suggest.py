# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Near matches for unknown names."""
import difflib
import os

__all__ = ['did_you_mean', 'near_file']

SHOWN = 5  # names of files
ALIKE = 0.8  # similarity of two file names, above which one may be a misspelling of the other


def did_you_mean(name, known):
    """str: ' (did you mean "x"?)' or nothing."""
    near = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f' (did you mean "{near[0]}"?)' if near else ''


def near_file(path):
    """str: ' (did you mean "x"?)' with a file of nearly this name in the same folder, or those of
    its suffix, or nothing."""
    folder, name = os.path.split(path)
    if not os.path.isdir(folder or os.curdir):
        return ''
    files = [entry.name for entry in os.scandir(folder or os.curdir) if entry.is_file()]
    near = difflib.get_close_matches(name, files, n=1, cutoff=ALIKE)
    same_kind = sorted(file for file in files if file.endswith(os.path.splitext(name)[1] or name))
    if not near and folder and same_kind:
        more = ' ...' if len(same_kind) > SHOWN else ''
        return f' (the folder has {", ".join(same_kind[:SHOWN])}{more})'
    return f' (did you mean "{os.path.join(folder, near[0])}"?)' if near else ''
