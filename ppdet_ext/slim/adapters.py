# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Trainable layers between student and teacher, which start as in the papers' code.

That code leaves them at PyTorch's default. Paddle's own default has 2.4 times its standard
deviation in a 3x3 convolution, which makes the first MGD loss nearly twice as large.
"""
import paddle
from paddle import ParamAttr, nn
from paddle.nn import functional as F
from paddle.nn.initializer import Constant, KaimingNormal

from ..modeling.initializers import uniform_fan_in

__all__ = ['CrossAttention', 'GlobalContext', 'align_conv', 'generation_block']


def align_conv(student_channels, teacher_channels, bias=True):
    """nn.Conv2D: 1x1, maps [N, C_s, H, W] to [N, C_t, H, W]."""
    return nn.Conv2D(student_channels, teacher_channels, 1,
                     **uniform_fan_in(student_channels, bias))


def generation_block(channels):
    """nn.Sequential: MGD's two 3x3 convolutions with a ReLU between; keeps [N, C, H, W]."""
    start = uniform_fan_in(9 * channels)
    return nn.Sequential(nn.Conv2D(channels, channels, 3, padding=1, **start), nn.ReLU(),
                         nn.Conv2D(channels, channels, 3, padding=1, **start))


class GlobalContext(nn.Layer):
    """Adds the context of the whole map to every cell; keeps [N, C, H, W].

    The block of GCNet (Cao et al., ICCV Workshops 2019) with which FGD compares the relations
    between cells. Its last convolution starts at zero, so that the block starts as the identity.

    Args:
        channels (int): C.
    """

    def __init__(self, channels):
        super().__init__()
        hidden = max(channels // 2, 1)
        zero = ParamAttr(initializer=Constant(0.0))
        # Without bias, which the softmax would cancel.
        self.mask = nn.Conv2D(channels, 1, 1, bias_attr=False, weight_attr=ParamAttr(
            initializer=KaimingNormal(fan_in=channels)))
        self.transform = nn.Sequential(
            nn.Conv2D(channels, hidden, 1, **uniform_fan_in(channels)),
            nn.LayerNorm([hidden, 1, 1]), nn.ReLU(),
            nn.Conv2D(hidden, channels, 1, weight_attr=zero, bias_attr=zero))

    def forward(self, feature):
        """Tensor: the map and its context."""
        weight = F.softmax(self.mask(feature).flatten(2), axis=2)
        context = paddle.matmul(feature.flatten(2), weight, transpose_y=True).unsqueeze(3)
        return feature + self.transform(context)


class CrossAttention(nn.Layer):
    """Adds to every cell of the student what it attends to in all cells of the teacher.

    The block of CanKD (Sun and Ohyama, WACV 2026): a non-local block (Wang et al., CVPR 2018) in
    dot-product form whose queries are the student's and whose keys and values the teacher's, at
    every second cell in each direction. Its norm starts at zero, so that the block starts as
    the identity.

    Args:
        channels (int): of both maps, C.
    """

    def __init__(self, channels):
        super().__init__()
        hidden = max(channels // 2, 1)
        self.query, self.key, self.value = (
            nn.Conv2D(channels, hidden, 1, **uniform_fan_in(channels)) for _ in range(3))
        # Without bias, which the norm would cancel.
        self.extend = nn.Conv2D(hidden, channels, 1, **uniform_fan_in(hidden, bias=False))
        self.norm = nn.BatchNorm2D(channels, weight_attr=ParamAttr(initializer=Constant(0.0)))

    def forward(self, feature_s, feature_t):
        """Attends to the teacher.

        Args:
            feature_s (Tensor): shape [N, C, H, W].
            feature_t (Tensor): shape [N, C, H, W].

        Returns:
            Tensor: shape [N, C, H, W].
        """
        query = self.query(feature_s).flatten(2)
        key, value = (_every_second(layer(feature_t)).flatten(2)
                      for layer in (self.key, self.value))
        # Without a softmax the order of the products is free; this one avoids a matrix of cells
        # times cells.
        answers = paddle.matmul(value, key, transpose_y=True) / key.shape[2]
        attended = paddle.matmul(answers, query).reshape([*query.shape[:2], *feature_s.shape[2:]])
        return feature_s + self.norm(self.extend(attended))


def _every_second(feature):
    """Tensor: the maximum of every 2 x 2 cells, as far as the map has as many."""
    return F.max_pool2d(feature, [min(2, size) for size in feature.shape[2:]])
