# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Times a training step of the lite backbones with PaddlePaddle's and our depthwise convolution.

    OMP_NUM_THREADS=1 python tests/modeling/benchmark_depthwise.py

The two take turns; the shortest of some steps counts.
"""
import ppdet_ext  # noqa: F401, isort: skip, it must come before anything that imports paddle

import time

import paddle

from ppdet_ext.modeling import EfficientNetLite, depthwise

ROUNDS = 6
BACKBONES = {'lite0 up to C4': dict(version=0, return_idx=[1, 2]), 'lite2': dict(version=2)}


def step_time(model, image):
    start = time.perf_counter()
    sum(level.mean() for level in model({'image': image})).backward()
    return time.perf_counter() - start


def without():
    return None


def main():
    compiled, image = depthwise.kernels, paddle.randn([8, 3, 192, 192])
    print('forward and backward, batch 8, 192 x 192 pixels, ms')
    for name, options in BACKBONES.items():
        model, times = EfficientNetLite(freeze_at=0, **options), {compiled: [], without: []}
        for _ in range(ROUNDS):
            for depthwise.kernels in times:
                times[depthwise.kernels].append(step_time(model, image))
        fast, slow = (1000 * min(times[kernels]) for kernels in (compiled, without))
        print(f'{name}: PaddlePaddle {slow:.0f}, compiled {fast:.0f}, ratio {slow / fast:.2f}')


if __name__ == '__main__':
    main()
