# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
from vectors import float64

from ppdet_ext.slim import CanKDLoss
from ppdet_ext.slim.adapters import CrossAttention


def convolved(conv, feature):
    out = np.einsum('oc,chw->ohw', conv.weight.numpy()[:, :, 0, 0], feature)
    return out if conv.bias is None else out + conv.bias.numpy()[:, None, None]


def pooled(feature):
    channels, height, width = (size // 2 * 2 for size in feature.shape)
    cut = feature[:, :height, :width].reshape(len(feature), height // 2, 2, width // 2, 2)
    return cut.max(axis=(2, 4)).reshape(len(feature), -1)


def attended(block, student, teacher):
    """What the block adds, before its norm, with the matrix of cells times cells written out."""
    query = convolved(block.query, student)
    key, value = pooled(convolved(block.key, teacher)), pooled(convolved(block.value, teacher))
    relation = query.reshape(len(query), -1).T @ key / key.shape[1]
    return convolved(block.extend, (relation @ value.T).T.reshape(query.shape))


def normalized(feature):
    centred = feature - feature.mean(axis=(2, 3), keepdims=True)
    return centred / np.sqrt(feature.var(axis=(2, 3), keepdims=True) + 1e-5)


@float64()
def test_equals_the_formula_with_plain_numbers():
    paddle.seed(0)
    layer = CanKDLoss(6, 6, alpha_cankd=10.0)
    block = layer.attention
    for parameter in layer.parameters():
        parameter.set_value(paddle.randn(parameter.shape))
    student, teacher = paddle.randn([2, 6, 5, 8]), paddle.randn([2, 6, 5, 8])
    loss = layer(student, teacher)
    added = np.stack([attended(block, s, t) for s, t in zip(student.numpy(), teacher.numpy())])
    mean, var = (getattr(added, of)(axis=(0, 2, 3), keepdims=True) for of in ('mean', 'var'))
    scale, shift = (p.numpy().reshape(1, -1, 1, 1) for p in (block.norm.weight, block.norm.bias))
    answered = student.numpy() + scale * (added - mean) / np.sqrt(var + 1e-5) + shift
    expected = ((normalized(answered) - normalized(teacher.numpy()))**2).mean() / 2.0
    np.testing.assert_allclose(float(loss), 10.0 * expected, rtol=1e-6)


def test_starts_without_attention():
    block, layer = CrossAttention(4), CanKDLoss(4, 4, alpha_cankd=1.0)
    student, teacher = paddle.randn([2, 4, 6, 6]), paddle.randn([2, 4, 6, 6])
    np.testing.assert_array_equal(block(student, teacher).numpy(), student.numpy())
    expected = ((normalized(student.numpy()) - normalized(teacher.numpy()))**2).mean() / 2.0
    np.testing.assert_allclose(float(layer(student, teacher)), expected, rtol=1e-4)
