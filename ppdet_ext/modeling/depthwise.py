# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A depthwise convolution that is fast on a CPU too."""
import ctypes
import functools

import numpy as np
import paddle
from paddle import nn
from paddle.autograd import PyLayer

__all__ = ['DepthwiseConv2D']


@functools.cache
def kernels():
    """callable or None: ``depthwise_kernels.build``, where Numba is installed."""
    # At first use, since Numba takes a while; it comes with the extra "cpu".
    try:
        from .depthwise_kernels import build
    except ImportError:
        return None
    return build


class DepthwiseConv2D(nn.Conv2D):
    """Depthwise convolution without bias, padded like TensorFlow's "SAME".

    PaddlePaddle's takes half of the training time of a network such as EfficientNet-Lite on a CPU.
    Where Numba is installed, float32 on a CPU is computed by ``depthwise_kernels`` instead, forward
    and backward; everything else, such as an exported graph, is PaddlePaddle's. Both agree within
    rounding. A second derivative needs PaddlePaddle's: uninstall Numba.

    Args:
        channels (int): C.
        kernel_size (int): of both sides.
        stride (int): of both sides; ``kernel_size`` at most.
        weight_attr (ParamAttr): of the weight [C, 1, K, K].
    """

    def __init__(self, channels, kernel_size, stride=1, weight_attr=None):
        super().__init__(channels, channels, kernel_size, stride=stride, padding='SAME',
                         groups=channels, weight_attr=weight_attr, bias_attr=False)

    def forward(self, x):
        """Maps [N, C, H, W] to [N, C, H/stride, W/stride], rounded up."""
        if (paddle.in_dynamic_mode() and x.place.is_cpu_place() and x.dtype == paddle.float32
                and kernels() is not None):
            return _CompiledConvolution.apply(x, self.weight, self._stride[0])
        # Not super(), which the static graph of Paddle 2.6 does not know.
        return nn.Conv2D.forward(self, x)


class _CompiledConvolution(PyLayer):

    @staticmethod
    def forward(ctx, x, weight, stride):
        x, kernel_size = x.contiguous(), weight.shape[-1]
        sides = [-(-side // stride) for side in x.shape[2:]]
        ctx.padding = [max((out - 1) * stride + kernel_size - side, 0) // 2
                       for out, side in zip(sides, x.shape[2:])]
        ctx.save_for_backward(x, weight)
        ctx.constant = x.stop_gradient, weight.stop_gradient
        convolve, ctx.convolve_backward = kernels()(kernel_size, stride)
        out = paddle.empty([*x.shape[:2], *sides])
        convolve(_array(x), _array(weight), _array(out), *ctx.padding)
        return out

    @staticmethod
    def backward(ctx, out_grad):
        x, weight = ctx.saved_tensor()
        out_grad = out_grad.contiguous()
        x_grad, weight_grad = paddle.empty_like(x), paddle.empty_like(weight)
        ctx.convolve_backward(*map(_array, (x, weight, out_grad, x_grad, weight_grad)),
                              *ctx.padding)
        return tuple(None if constant else grad
                     for constant, grad in zip(ctx.constant, (x_grad, weight_grad)))


def _array(tensor):
    """numpy.ndarray: the memory of a contiguous float32 tensor on the CPU, without a copy."""
    memory = (ctypes.c_float * tensor.size).from_address(tensor.data_ptr())
    return np.frombuffer(memory, np.float32).reshape(tensor.shape)
