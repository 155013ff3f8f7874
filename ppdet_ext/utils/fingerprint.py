# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Tells whether two states of a model are the same."""
import hashlib

import numpy as np

__all__ = ['fingerprint']


def fingerprint(state):
    """str: SHA-256 of names and values, the same for a model and for the file of its weights.

    Args:
        state (dict of str to Tensor|ndarray): a ``state_dict``.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        value = np.ascontiguousarray(state[name])
        digest.update(f'{name} {value.dtype} {value.shape}'.encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
