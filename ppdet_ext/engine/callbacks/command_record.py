# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Keeps the command of a training once it has begun."""
from ppdet.engine.callbacks import Callback

__all__ = ['CommandRecord']


class CommandRecord(Callback):
    """Records the command once nothing can refuse the run any more.

    A refused run thus leaves the record of an earlier one as it is.

    Args:
        trainer (Trainer): whose training it is; registered last.
        keep (callable): writes the command.
    """

    def __init__(self, trainer, keep):
        super().__init__(trainer)
        self.keep = keep

    def on_train_begin(self, status):
        """Writes the command."""
        self.keep()
