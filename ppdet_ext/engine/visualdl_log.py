# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""VisualDL curves of a training run."""
import ppdet.engine.callbacks

from ..metrics import scalars

__all__ = ['VisualDLWriter']


class VisualDLWriter(ppdet.engine.callbacks.VisualDLWriter):
    """PaddleDetection's, with every figure of an evaluation: by size, class, base and novel."""

    def on_epoch_end(self, status):
        """Adds the figures of the evaluation that has just ended."""
        if self.vdl_writer is None:  # another process than the first
            return
        step = self.vdl_mAP_step
        super().on_epoch_end(status)
        if status['mode'] == 'eval':
            for metric in self.model._metrics:
                for tag, value in scalars(getattr(metric, 'summary', None) or {}).items():
                    self.vdl_writer.add_scalar(tag, value, step)
