# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The VisualDL log loses its last records.

Defect: ``VisualDLWriter`` writes asynchronously and is never closed, so the last
records, such as the final mAP, are missing from most logs. And every process of a
distributed run opens a log file, empty but for the first's; two that open it in
the same second share one name. Any Paddle.

Patch: only the first process opens one; it is closed when training ends, and at
the end of the program in case training does not reach its end.
"""
import atexit

from ..compat import patching

MODULE = 'ppdet.engine.callbacks'


def patch():
    patching.expect_text(MODULE, 'VisualDLWriter.__init__', 'self.vdl_writer = LogWriter(')
    patching.wrap(MODULE, 'VisualDLWriter.__init__', _open_on_first_rank)
    patching.find(MODULE, 'VisualDLWriter')[2].on_train_end = _close


def _open_on_first_rank(init, self, model):
    import paddle.distributed as dist
    if dist.get_rank() == 0:
        init(self, model)
        atexit.register(self.vdl_writer.close)
    else:
        self.model = model
        self.vdl_writer = None


def _close(self, status):
    if self.vdl_writer is not None:
        self.vdl_writer.close()
