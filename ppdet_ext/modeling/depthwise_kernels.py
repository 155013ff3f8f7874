# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution of NCHW arrays on one CPU core, compiled by Numba.

An image of one channel is padded and split by the stride into phases: phase (p, q) holds the
pixels whose padded row and column leave the remainders p and q. Every tap of the kernel then
multiplies a whole phase, moved by a number of elements, so that all inner loops run over
consecutive floats, which the processor handles 8 or 16 at a time.
"""
import functools

import numba
import numpy as np

__all__ = ['build']

# Sums may be reordered, but values that are not finite must stay so.
OPTIONS = {'fastmath': {'reassoc', 'contract', 'nsz'}, 'error_model': 'numpy'}
# Known not to be negative; with other index types loops are not vectorised.
Index = np.uintp


def compiled(function):
    """Compiles a function; the result is cached for other processes if a folder is writable."""
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's home can be written to
        return numba.njit(**OPTIONS)(function)


@compiled
def split(image, phases, top, left, width):
    """Spreads the pixels over the phases [S, S, rows * width]."""
    stride = phases.shape[0]
    for i in range(image.shape[0]):
        row = i + top
        for q in range(stride):
            first = (q - left) % stride
            phase = phases[row % stride, q, row // stride * width + (first + left) // stride:]
            for j in range((image.shape[1] - first + stride - 1) // stride):
                phase[j] = image[i, first + j * stride]


@compiled
def gather(phases, image, top, left, width):
    """The inverse of ``split``."""
    stride = phases.shape[0]
    for i in range(image.shape[0]):
        row = i + top
        for q in range(stride):
            first = (q - left) % stride
            phase = phases[row % stride, q, row // stride * width + (first + left) // stride:]
            for j in range((image.shape[1] - first + stride - 1) // stride):
                image[i, first + j * stride] = phase[j]


@functools.cache
def build(kernel_size, stride):
    """Compiles the two functions for a square kernel.

    Args:
        kernel_size (int): at least ``stride``.
        stride (int): 1 or 2.

    Returns:
        tuple: ``forward(x, weight, out, top, left)`` and
        ``backward(x, weight, out_grad, x_grad, weight_grad, top, left)``, which write the results
        into ``out``, ``x_grad`` and ``weight_grad``. All arrays are C-contiguous float32; ``x`` has
        the shape [N, C, H, W], ``weight`` [C, 1, K, K], ``out`` [N, C, OH, OW]; ``top`` and
        ``left`` are rows and columns of padding.
    """
    # The two functions close over numbers only: with a function among them Numba would not find its
    # cached results.
    reach = (kernel_size - 1) // stride

    @compiled
    def forward(x, weight, out, top, left):
        rows, columns = out.shape[2:]
        width = columns + reach
        phases = np.zeros((stride, stride, (rows + reach) * width + kernel_size), np.float32)
        flat = np.empty(rows * width, np.float32)
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                split(x[n, c], phases, top, left, width)
                flat[:] = 0
                for y in range(kernel_size):
                    for q in range(stride):
                        phase = phases[y % stride, q, y // stride * width:]
                        for f in range(rows * width):
                            total = np.float32(0)
                            for u in range((kernel_size - 1 - q) // stride + 1):
                                total += (weight[c, 0, Index(y), Index(q + u * stride)]
                                          * phase[Index(f + u)])
                            flat[f] += total
                for i in range(rows):
                    row = flat[i * width:]
                    for j in range(columns):
                        out[n, c, i, j] = row[j]

    @compiled
    def backward(x, weight, out_grad, x_grad, weight_grad, top, left):
        rows, columns = out_grad.shape[2:]
        width = columns + reach
        size = (rows + reach) * width
        phases = np.zeros((stride, stride, size + kernel_size), np.float32)
        phases_grad = np.zeros((stride, stride, size), np.float32)
        # Zeros between the rows and before the first one, so that a tap finds no neighbour's row.
        front = reach * width + reach
        padded = np.zeros(front + size, np.float32)
        weight_grad[:] = 0
        for c in range(x.shape[1]):
            for n in range(x.shape[0]):
                split(x[n, c], phases, top, left, width)
                for i in range(rows):
                    row = padded[front + i * width:]
                    for j in range(columns):
                        row[j] = out_grad[n, c, i, j]

                grad = padded[front:]
                for y in range(kernel_size):
                    for z in range(kernel_size):
                        phase = phases[y % stride, z % stride, y // stride * width + z // stride:]
                        total = np.float32(0)
                        for f in range(rows * width):
                            total += grad[f] * phase[f]
                        weight_grad[c, 0, y, z] += total

                for p in range(stride):
                    for q in range(stride):
                        phase_grad = phases_grad[p, q]
                        phase_grad[:] = 0
                        for u in range((kernel_size - 1 - p) // stride + 1):
                            grad = padded[front - u * width - reach:]
                            for f in range(size):
                                total = np.float32(0)
                                for v in range((kernel_size - 1 - q) // stride + 1):
                                    total += (weight[c, 0, Index(p + u * stride),
                                                     Index(q + v * stride)]
                                              * grad[Index(f + reach - v)])
                                phase_grad[f] += total
                gather(phases_grad, x_grad[n, c], top, left, width)

    return forward, backward
