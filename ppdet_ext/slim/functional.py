# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The mathematics of the distillation losses as pure functions of tensors."""
import paddle
import paddle.nn.functional as F

__all__ = ['random_mask', 'masked_generation_error']


def random_mask(feature, lambda_mgd):
    """Draws the 0/1 mask of masked generative distillation.

    Args:
        feature (Tensor): shape [N, C, H, W]; N images, C channels, H x W cells.
        lambda_mgd (float): probability that a cell is erased.

    Returns:
        Tensor: shape [N, 1, H, W], 1 where a cell is kept; all channels of an image share it.
    """
    n, _, height, width = feature.shape
    draw = paddle.rand([n, 1, height, width], dtype='float32')
    return (draw <= 1.0 - lambda_mgd).astype(feature.dtype)


def masked_generation_error(feature_s, feature_t, mask, generation):
    """Squared error between the teacher's map and the one generated from the masked student's.

    MGD (Yang et al., ECCV 2022), detection version: the sum runs over all cells, erased or not,
    and the masked map is not rescaled.

    Args:
        feature_s (Tensor): the student's map, aligned to C channels, shape [N, C, H, W].
        feature_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        mask (Tensor): shape [N, 1, H, W], 1 = kept.
        generation (callable): maps [N, C, H, W] to [N, C, H, W].

    Returns:
        Tensor: scalar, summed over C, H and W, averaged over N.
    """
    generated = generation(feature_s * mask)
    return F.mse_loss(generated, feature_t.detach(), reduction='sum') / feature_s.shape[0]
