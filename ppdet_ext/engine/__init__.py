# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Training and evaluation, mirroring ``ppdet.engine``."""
from .callbacks.checkpointer import Checkpointer
from .trainer import Trainer

__all__ = ['Checkpointer', 'Trainer']
