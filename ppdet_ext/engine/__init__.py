# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Training and evaluation, mirroring ``ppdet.engine``."""
import importlib

__all__ = ['Checkpointer', 'Trainer']


def __getattr__(name):
    # At first use, since the command line, which is here too, needs no Paddle.
    modules = {'Checkpointer': '.callbacks.checkpointer', 'Trainer': '.trainer'}
    if name not in modules:
        raise AttributeError(f'module {__name__} has no attribute {name}')
    return getattr(importlib.import_module(modules[name], __name__), name)
