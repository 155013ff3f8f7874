# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The assigners of PicoDet, PP-YOLOE and TOOD add int64 to the labels' int32.

Defect: on paddlepaddle 3.3.1 ``TypeError: Type promotion only support ...`` at
the first training step; 2.6.2 accepts it.

Patch: the assigners get their labels as int64, which their documentation allows.
"""
import inspect

from . import patching

ASSIGNERS = (
    ('ppdet.modeling.assigners.atss_assigner', 'ATSSAssigner.forward'),
    ('ppdet.modeling.assigners.task_aligned_assigner', 'TaskAlignedAssigner.forward'),
)


def patch():
    if patching.fails(lambda: patching.cpu_tensor([1], 'int64') + patching.cpu_tensor([1], 'int32'),
                     TypeError):
        for module, qualname in ASSIGNERS:
            patching.expect_text(module, qualname, 'dtype=gt_labels.dtype',
                                'assigned_gt_index + batch_ind * num_max_boxes')
            patching.wrap(module, qualname, _with_int64_labels)


def _with_int64_labels(forward, *args, **kwargs):
    arguments = inspect.signature(forward).bind(*args, **kwargs)
    arguments.arguments['gt_labels'] = arguments.arguments['gt_labels'].astype('int64')
    return forward(*arguments.args, **arguments.kwargs)
