# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Layers that stay in float32 when mixed precision casts a model (``amp_level: O2``).

Every paddle layer has a flag for that; paddlepaddle 2.6.2 misspells its name.
"""

FLAGS = ('_cast_to_low_precision', '_cast_to_low_precison')


def keep_float32(layer):
    """Keep a layer and its sublayers in float32.

    Args:
        layer (nn.Layer): any layer.
    """
    for sublayer in layer.sublayers(include_self=True):
        for flag in FLAGS:
            if hasattr(sublayer, flag):
                setattr(sublayer, flag, False)
