# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The teacher of ppdet's distillation models does not stay frozen.

Defect: ppdet calls ``teacher_model.eval()`` once, when the model is built; the
trainer's ``model.train()`` at every epoch undoes it. The teacher then normalises
by the statistics of the batch and overwrites its own (3 training steps changed
74 of the 221 entries of a ResNet34 RetinaNet), on any Paddle.

Patch: freeze it at the beginning of every training forward. ``train()`` is the
wrong place: that of a parent layer, such as DataParallel, sets the flag of all
sublayers without calling their ``train()``.
"""
from ..compat import patching

MODULE = 'ppdet.slim.distill_model'
MODELS = ('DistillModel', 'FGDDistillModel', 'CWDDistillModel', 'LDDistillModel',
          'PPYOLOEDistillModel')


def patch():
    for model in MODELS:
        patching.expect_text(MODULE, f'{model}.forward', 'self.teacher_model')
        patching.wrap(MODULE, f'{model}.forward', _freeze_teacher_first)


def _freeze_teacher_first(forward, self, *args, **kwargs):
    if self.training:
        freeze(self.teacher_model)
    return forward(self, *args, **kwargs)


def freeze(teacher):
    """Put a detector into eval mode, but for what makes its head return training outputs.

    ppdet's LD, PPYOLOEDistill and common models compare what the two heads
    return in training: the flags of the detector and of its heads stay set,
    those of batch norm in the heads do not.

    Args:
        teacher (nn.Layer): a ppdet detector; its heads are the children whose
            name ends in ``head``.
    """
    from ..modeling.freeze import BATCH_NORMS
    for name, child in teacher.named_children():
        for layer in child.sublayers(include_self=True):
            layer.training = name.endswith('head') and not isinstance(layer, BATCH_NORMS)
