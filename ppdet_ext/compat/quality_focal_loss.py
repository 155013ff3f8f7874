# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""GFL's quality focal loss multiplies floats by booleans.

Defect: on paddlepaddle 3.3.1 every GFL training stops with ``TypeError: Type
promotion only support calculations between floating-point numbers``; 2.6.2
accepts it.

Patch: choose by the mask instead of multiplying by it; same values, same
gradients.
"""
from . import patching


def patch():
    left, right = patching.cpu_tensor([1], 'float32'), patching.cpu_tensor([1], 'bool')
    if patching.fails(lambda: left * right, TypeError):
        patching.replace_text('ppdet.modeling.losses.gfocal_loss', 'quality_focal_loss', {
            'loss * paddle.logical_not(pos_mask) + loss_pos * pos_mask':
            'paddle.where(pos_mask, loss_pos, loss)'
        })
