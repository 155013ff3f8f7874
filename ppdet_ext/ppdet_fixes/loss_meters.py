# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The log of the losses stops training when one of them changes its shape.

Defect: heads return a loss of shape [1] for a batch without boxes, without
dimensions otherwise, and the median over both is ``TypeError: unsupported
format string passed to numpy.ndarray.__format__``, on any Paddle.

Patch: the log keeps numbers.
"""
from ..compat import patching


def patch():
    patching.replace_text('ppdet.utils.stats', 'TrainingStats.update', {
        'stats[k].numpy()': 'float(stats[k])'})
