# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Parameters and operations, counted by hand."""
import paddle
from paddle import nn

from ppdet_ext.modeling.cost import count_flops, count_parameters


def test_a_convolution_and_a_linear_layer():
    layers = nn.Sequential(nn.Conv2D(4, 6, 3, stride=2, padding=1, groups=2), nn.BatchNorm2D(6),
                           nn.Flatten(), nn.Linear(6 * 4 * 4, 5))
    layers.eval()
    # 6 x 4 x 4 outputs of 2 channels x 3 x 3 each; 5 outputs of 96.
    assert count_flops(layers, paddle.zeros([1, 4, 8, 8])) == 2 * (96 * 18 + 5 * 96)
    # Weights and biases, scale and shift of the normalisation, whose statistics do not count.
    assert count_parameters(layers) == (6 * 2 * 9 + 6) + (6 + 6) + (96 * 5 + 5)
