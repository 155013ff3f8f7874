# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Upsampling of an exported graph does not run with oneDNN.

Defect: Paddle Inference 3.3.1 uses oneDNN on a CPU unless it is told otherwise, and then fails at
any interpolation with ``NotImplementedError: ConvertPirAttribute2RuntimeAttribute``.

Patch: in a graph, the necks double a map by repeating its rows and columns, which is what nearest
interpolation does. Eager computation is as it was.
"""
from . import patching

TEXTS = {
    'ppdet.modeling.necks.fpn': ('FPN.forward', 'F.interpolate('),
    'ppdet.modeling.necks.custom_pan': ('CustomCSPPAN.forward', 'F.interpolate('),
    'ppdet.modeling.necks.csp_pan': ('CSPPAN.__init__', 'nn.Upsample(scale_factor=2'),
    'ppdet.modeling.necks.lc_pan': ('LCPAN.__init__', 'nn.Upsample(scale_factor=2'),
}


def patch():
    from paddle import nn

    class Upsample(nn.Upsample):
        """Paddle's, but for the doubling of a map in a graph."""

        def forward(self, x):
            return interpolate(x, scale_factor=self.scale_factor, mode=self.mode)

    for module, (qualname, text) in TEXTS.items():
        patching.expect_text(module, qualname, text)
    for module, (_, text) in TEXTS.items():
        if text.startswith('F.'):
            patching.replace_in_import(module, 'F', interpolate=interpolate)
        else:
            patching.replace_in_import(module, 'nn', Upsample=Upsample)


def interpolate(x, size=None, scale_factor=None, mode='nearest', data_format='NCHW'):
    """``paddle.nn.functional.interpolate``; in a graph, doubling [N, C, H, W] repeats pixels."""
    import paddle
    height, width = x.shape[2:4]
    doubles = (scale_factor == 2 and mode == 'nearest' and data_format == 'NCHW'
               and height > 0 and width > 0)
    if paddle.in_dynamic_mode() or not doubles:
        return paddle.nn.functional.interpolate(x, size, scale_factor, mode,
                                                data_format=data_format)
    channels = x.shape[1]
    repeated = x.unsqueeze([3, 5]).expand([-1, channels, height, 2, width, 2])
    return repeated.reshape([-1, channels, 2 * height, 2 * width])
