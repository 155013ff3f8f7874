# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""ppdet's distillation losses are never trained.

Defect: FGD and CWD keep their losses in a dict, ``DistillPPYOLOELoss`` in a
list, so the layers in them (align convolutions, attention and relation blocks)
are not sublayers and in no state dict; ``DistillModel.parameters()`` hands only
the student's to the optimizer. They stay at their random start, on any Paddle.

Patch: keep them in ``LayerDict`` and ``LayerList``, and add them to
``parameters()``. The teacher's parameters stay out.
"""
from ..compat import patching

MODELS = 'ppdet.slim.distill_model'
LOSSES = 'ppdet.slim.distill_loss'


def patch():
    patching.expect_text(MODELS, 'DistillModel.parameters',
                         'return self.student_model.parameters()')
    patching.wrap(MODELS, 'DistillModel.parameters', _with_loss_parameters)
    for model in ('FGDDistillModel', 'CWDDistillModel'):
        patching.expect_text(MODELS, f'{model}.build_loss', 'loss_func = dict()')
        patching.wrap(MODELS, f'{model}.build_loss', _as_layer_dict)
    patching.expect_text(LOSSES, 'DistillPPYOLOELoss.__init__',
                        'self.distill_feat_loss_modules = []')
    patching.wrap(LOSSES, 'DistillPPYOLOELoss.__init__', _register_feature_losses)


def _with_loss_parameters(parameters, self, *args, **kwargs):
    own = list(parameters(self))
    return own if self.distill_loss is None else own + self.distill_loss.parameters()


def _as_layer_dict(build_loss, self, *args, **kwargs):
    from paddle import nn
    return nn.LayerDict(build_loss(self, *args, **kwargs))


def _register_feature_losses(init, self, *args, **kwargs):
    from paddle import nn
    init(self, *args, **kwargs)
    if hasattr(self, 'distill_feat_loss_modules'):
        self.distill_feat_loss_modules = nn.LayerList(self.distill_feat_loss_modules)
