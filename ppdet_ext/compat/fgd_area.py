# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""FGD divides floats by the integer sides of a box.

Defect: on paddlepaddle 3.3.1 ``FGDFeatureLoss`` stops with ``TypeError: Type
promotion only support ...``, and with it FGD and PPYOLOEDistill; 2.6.2 accepts
it.

Patch: cast both sides to float32; same values.
"""
from . import patching

HEIGHT = 'hmax[i].reshape([1, -1]) + 1 - hmin[i].reshape([1, -1]))'
WIDTH = 'wmax[i].reshape([1, -1]) + 1 - wmin[i].reshape([1, -1]))'


def patch():
    left, right = patching.cpu_tensor([1], 'float32'), patching.cpu_tensor([1], 'int32')
    if patching.fails(lambda: left / right, TypeError):
        patching.replace_text('ppdet.slim.distill_loss', 'FGDFeatureLoss.forward', {
            side: side + ".astype('float32')" for side in (HEIGHT, WIDTH)})
