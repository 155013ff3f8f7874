# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The reader starts the next epoch before the last one is over.

Defect: ``BaseDataLoader`` starts the next epoch's loading as soon as it has given
the last batch. Up to two batches, or two for each worker process, are made before
the trainer's ``set_epoch``: ``mixup_epoch`` and the like end late for them, and
random numbers are drawn at an unpredictable moment, so that no run can be repeated
or resumed exactly. On any Paddle.

Patch: loading begins where the epoch does, with ``iter()``.
"""
from ..compat import patching

MODULE = 'ppdet.data.reader'
START = 'self.loader = iter(self.dataloader)'


def patch():
    for qualname in ('BaseDataLoader.__call__', 'BaseDataLoader.__next__'):
        patching.replace_text(MODULE, qualname, {START: 'self.loader = None'})
    patching.wrap(MODULE, 'BaseDataLoader.__iter__', _begin)
    patching.wrap(MODULE, 'BaseDataLoader.__next__', _begin_if_needed)


def _begin(original, self):
    self.loader = iter(self.dataloader)
    return original(self)


def _begin_if_needed(original, self):
    if self.loader is None:
        self.loader = iter(self.dataloader)
    return original(self)
