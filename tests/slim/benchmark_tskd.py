# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Times TSKD's feature terms against the plain loops of ``tskd_oracle``, on synthetic maps.

    python -m pip install -e .  # once
    python tests/slim/benchmark_tskd.py
"""
import ppdet_ext  # noqa: F401, isort: skip, it must come before anything that imports paddle

import argparse
import os
import sys

import numpy as np
import paddle

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'helpers'))

import tskd_oracle  # noqa: E402

from ppdet_ext.engine.benchmark import benchmark  # noqa: E402
from ppdet_ext.slim import TSKDFeatureLoss  # noqa: E402

STRIDES = (8, 16, 32, 64, 128)


def vectorised_terms(layers, levels_s, levels_t, gt_boxes, image_shapes):
    """The sum of the losses of all levels."""
    return sum(layer(feature_s, feature_t, gt_boxes, image_shapes)['loss']
               for layer, feature_s, feature_t in zip(layers, levels_s, levels_t))


def looped_terms(*arguments):
    """The same by plain loops."""
    return tskd_oracle.feature_terms(*arguments)['loss']


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--batch_size', type=int, default=8)
    parser.add_argument('--image_size', type=int, default=320, help='pixels')
    parser.add_argument('--channels', type=int, default=64)
    parser.add_argument('--boxes', type=int, default=10, help='boxes per image')
    parser.add_argument('--steps', type=int, default=5, help='timed rounds')
    return parser.parse_args()


def synthetic_arguments(args):
    """What both functions take: layers, maps of five levels, boxes and image shapes."""
    paddle.seed(0)
    sizes = [-(-args.image_size // stride) for stride in STRIDES]
    levels_s, levels_t = ([paddle.randn([args.batch_size, args.channels, size, size])
                           for size in sizes] for _ in range(2))
    for feature in levels_s:
        feature.stop_gradient = False
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, args.image_size / 2, [args.batch_size, args.boxes, 2])
    extent = rng.uniform(8, args.image_size / 2, corner.shape)
    boxes = np.concatenate([corner, corner + extent], axis=2).astype('float32')
    return ([TSKDFeatureLoss(args.channels, args.channels) for _ in sizes], levels_s, levels_t,
            [paddle.to_tensor(b) for b in boxes],
            paddle.full([args.batch_size, 2], args.image_size, dtype='float32'))


def timed_step(terms, arguments, results):
    """callable: forward and backward; value and the finest level's gradient go to results."""

    def step(inputs):
        loss = terms(*arguments)
        loss.backward()
        results[terms] = float(loss), arguments[1][0].grad.numpy()
        for feature in arguments[1]:
            feature.clear_grad()

    return step


def main():
    args = parse_args()
    arguments, results = synthetic_arguments(args), {}
    runs = {'vectorised': timed_step(vectorised_terms, arguments, results),
            'loops': timed_step(looped_terms, arguments, results)}
    measurements = benchmark(runs, None, args.steps, warmup=1)
    (value, gradient), (looped_value, looped_gradient) = results.values()
    np.testing.assert_allclose(value, looped_value, rtol=1e-4)
    np.testing.assert_allclose(gradient, looped_gradient, rtol=1e-2, atol=1e-6)
    for name, measurement in measurements.items():
        print(f'{name:12}{1000 * measurement["seconds"]:10.1f} ms, forward and backward')
    print(f'vectorised / loops = '
          f'{measurements["vectorised"]["seconds"] / measurements["loops"]["seconds"]:.3f}')


if __name__ == '__main__':
    main()
