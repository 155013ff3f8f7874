# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Silences verbose libraries."""
import contextlib
import io
import logging

__all__ = ['quiet']


@contextlib.contextmanager
def quiet():
    """Hides what Python code in the block prints or logs; errors pass through."""
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
