# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The mathematics of the distillation losses as pure functions of tensors."""
import functools

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle.vision.ops import roi_align

from ..modeling.cosine_head import cosine_logits

__all__ = [
    'random_mask', 'masked_generation_error', 'spatial_attention', 'channel_attention',
    'foreground_background_masks', 'covered_cells', 'box_cells', 'decoupled_feature_loss',
    'foreground_background_error', 'attention_error', 'imitation_error', 'instance_relation',
    'pixel_relation', 'structural_similarity', 'align_scale', 'quality_focal_kd_loss',
    'weighted_giou_loss', 'channel_wise_divergence', 'base_class_divergence', 'row_divergence',
    'pearson_distance', 'instance_normalized_error', 'gaussian_distance', 'cosine_logits'
]

# Constants of SSIM, for values of dynamic range 1.
SSIM_C1 = 0.01**2
SSIM_C2 = 0.03**2
# What CrossKD's code adds to every divisor.
FLOAT32_EPSILON = float(np.finfo(np.float32).eps)
# What PKD's code adds to a deviation, CanKD's and WKD's to a variance.
DEVIATION_EPSILON = 1e-6
VARIANCE_EPSILON = 1e-5


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


def spatial_attention(feature, temp):
    """Attention of each cell of a map.

    FGD (Yang et al., CVPR 2022), which TSKD takes over.

    Args:
        feature (Tensor): shape [N, C, H, W].
        temp (float): temperature of the softmax.

    Returns:
        Tensor: shape [N, H, W]; sums to H W over an image.
    """
    n, _, height, width = feature.shape
    energy = feature.abs().mean(axis=1).flatten(1)
    attention = height * width * F.softmax(energy / temp, axis=1)
    return attention.reshape([n, height, width])


def channel_attention(feature, temp):
    """Attention of each channel of a map.

    Args:
        feature (Tensor): shape [N, C, H, W].
        temp (float): temperature of the softmax.

    Returns:
        Tensor: shape [N, C]; sums to C over an image.
    """
    energy = feature.abs().flatten(2).mean(axis=2)
    return feature.shape[1] * F.softmax(energy / temp, axis=1)


def foreground_background_masks(gt_boxes, image_shapes, height, width):
    """Weights of the cells inside and outside the boxes.

    FGD and TSKD: a cell x0 <= x <= x3, y0 <= y <= y3 of a box weighs 1 / ((x3 + 1 - x0)
    (y3 + 1 - y0)), the largest of these where boxes overlap. The upper bounds x3, y3 are the
    ceiling of the box's and count as inside, so that a box reaches one cell further than it
    should, and the area is that of the unclipped box: both as released, so that published settings
    keep their meaning.

    Args:
        gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels.
        image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the map covers.
        height (int): H of the map.
        width (int): W of the map.

    Returns:
        tuple of Tensor: foreground and background, both of shape [N, H, W]. The background sums
        to 1 over an image, and to 0 where boxes cover all of it.
    """
    cells, valid = _padded(box_cells(gt_boxes, image_shapes, height, width), gt_boxes)
    x0, y0, x3, y3 = (cells[:, :, k:k + 1] for k in range(4))
    foreground = _painted(cells, valid / ((x3 + 1 - x0) * (y3 + 1 - y0)), height, width)
    background = (foreground == 0).astype(cells.dtype)
    covered = background.sum(axis=[1, 2], keepdim=True)
    return foreground, background / covered.clip(min=1.0)


def _painted(cells, weights, height, width):
    """Maps that hold, in every cell of a box, its weight, and the largest where boxes overlap.

    Args:
        cells (Tensor): shape [N, M, 4]; first column and row, last column and row.
        weights (Tensor): shape [N, M, 1].
        height (int): H of the map.
        width (int): W of the map.

    Returns:
        Tensor: shape [N, H, W]; 0 in cells without a box.
    """
    x0, y0, x3, y3 = (cells[:, :, k:k + 1] for k in range(4))
    columns = paddle.arange(width, dtype=cells.dtype)
    rows = paddle.arange(height, dtype=cells.dtype)
    in_columns = paddle.logical_and(columns >= x0, columns <= x3).astype(cells.dtype)
    in_rows = paddle.logical_and(rows >= y0, rows <= y3).astype(cells.dtype)
    return ((in_rows * weights).unsqueeze(3) * in_columns.unsqueeze(2)).max(axis=1)


def covered_cells(gt_boxes, image_shapes, height, width):
    """The cells of a map that boxes cover, even in part.

    Args:
        gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels.
        image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the map covers.
        height (int): H of the map.
        width (int): W of the map.

    Returns:
        Tensor: shape [N, H, W]; 1 for such a cell, 0 for others.
    """
    cells, valid = _padded(box_cells(gt_boxes, image_shapes, height, width), gt_boxes)
    # The last column and row are the first ones after the box.
    return _painted(cells - paddle.to_tensor([0, 0, 1, 1], dtype=cells.dtype), valid, height, width)


def box_cells(gt_boxes, image_shapes, height, width):
    """The cells of a map that boxes reach, as FGD and TSKD count them.

    Args:
        gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels.
        image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the map covers.
        height (int): H of the map.
        width (int): W of the map.

    Returns:
        Tensor: shape [R, 4], R the boxes of all images in order; first column and row, last
        column and row, both counted as reached and not clipped to the map.
    """
    counts = [box.shape[0] for box in gt_boxes]
    if not any(counts):
        return paddle.zeros([0, 4], dtype=gt_boxes[0].dtype)
    boxes = paddle.concat([box.reshape([-1, 4]) for box in gt_boxes])
    image = paddle.to_tensor(np.repeat(np.arange(len(counts)), counts))
    shapes = paddle.gather(image_shapes, image).astype(boxes.dtype)
    image_height, image_width = shapes[:, 0], shapes[:, 1]
    # Divided first, as released: the last bit decides where a box ends on a cell's edge.
    return paddle.stack([
        paddle.floor(boxes[:, 0] / image_width * width),
        paddle.floor(boxes[:, 1] / image_height * height),
        paddle.ceil(boxes[:, 2] / image_width * width),
        paddle.ceil(boxes[:, 3] / image_height * height),
    ], axis=1)


def _padded(rows, gt_boxes):
    """Spreads rows of all images' boxes to [N, M, 4], M the most boxes of an image (at least 1).

    Returns:
        tuple of Tensor: the rows, and 1 for a box and 0 for padding, shape [N, M, 1].
    """
    counts = [box.shape[0] for box in gt_boxes]
    images, most = len(counts), max(*counts, 1)
    padded = paddle.zeros([images * most, 4], dtype=rows.dtype)
    valid = paddle.zeros([images * most, 1], dtype=rows.dtype)
    places = [image * most + k for image, count in enumerate(counts) for k in range(count)]
    if places:
        index = paddle.to_tensor(places)
        padded = paddle.scatter(padded, index, rows)
        valid = paddle.scatter(valid, index, paddle.ones([len(places), 1], dtype=rows.dtype))
    return padded.reshape([images, most, 4]), valid.reshape([images, most, 1])


def decoupled_feature_loss(preds_s, preds_t, mask_fg, mask_bg, spatial_t, channel_t):
    """Squared errors of foreground and background, weighted by the teacher's attention.

    The decoupled expert term of TSKD (Wen et al., Computers in Industry 2025), which is FGD's.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        mask_fg (Tensor): shape [N, H, W].
        mask_bg (Tensor): shape [N, H, W].
        spatial_t (Tensor): shape [N, H, W]; the teacher's, gets no gradient.
        channel_t (Tensor): shape [N, C]; the teacher's, gets no gradient.

    Returns:
        tuple of Tensor: foreground and background term, scalars, summed over channels and cells,
        averaged over images.
    """
    error = paddle.square(preds_s - preds_t.detach()).flatten(2)
    error = paddle.matmul(channel_t.detach().unsqueeze(1), error).squeeze(1)
    error = error * spatial_t.detach().flatten(1) / preds_s.shape[0]
    return (error * mask_fg.flatten(1)).sum(), (error * mask_bg.flatten(1)).sum()


def foreground_background_error(preds_s, preds_t, gt_boxes, image_shapes, temp):
    """``decoupled_feature_loss`` with the masks of the boxes and the teacher's attention.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels.
        image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the map covers.
        temp (float): temperature of the attention.

    Returns:
        tuple of Tensor: foreground and background term, scalars.
    """
    masks = foreground_background_masks(gt_boxes, image_shapes, *preds_t.shape[2:])
    return decoupled_feature_loss(
        preds_s, preds_t, *(mask.astype(preds_s.dtype) for mask in masks),
        spatial_attention(preds_t, temp), channel_attention(preds_t, temp))


def attention_error(preds_s, preds_t, temp):
    """Difference between what the student and the teacher attend to.

    The attention term of FGD (Yang et al., CVPR 2022).

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        temp (float): temperature of the attention.

    Returns:
        Tensor: scalar; absolute differences, summed over cells and over channels, averaged over
        images.
    """
    difference = sum((attention(preds_s, temp) - attention(preds_t.detach(), temp)).abs().sum()
                     for attention in (spatial_attention, channel_attention))
    return difference / preds_s.shape[0]


def imitation_error(preds_s, preds_t, mask=None):
    """Half the squared distance between the features of a cell, averaged over cells.

    Wang et al., Distilling Object Detectors with Fine-grained Feature Imitation, CVPR 2019.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        mask (Tensor|None): shape [N, H, W] of 0 and 1, 1 for a cell that counts; None for all.

    Returns:
        Tensor: scalar, summed over channels, averaged over the cells of the batch that count; 0
        without any.
    """
    distance = paddle.square(preds_s - preds_t.detach()).sum(axis=1)
    if mask is None:
        return distance.mean() / 2.0
    return (distance * mask).sum() / (2.0 * mask.sum().clip(min=1.0))


def instance_relation(preds_s, preds_t, gt_boxes, image_shapes, unit, temp, output_size=6,
                      clip_boxes=False):
    """Mean squared error between the relations that a graph unit finds among the instances.

    The instance part of TSKD's dual-relation term. Both maps are enhanced by their own attention
    and averaged over channels; every box is pooled from that, and the pooled boxes of the batch
    go through the unit together. Boxes are pooled as whole cells, ``[x0, y0, x3 + 1, y3 + 1]``.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels.
        image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the map covers.
        unit (callable): maps [1, R, output_size, output_size] to the same shape; R boxes in the
            batch.
        temp (float): temperature of the attention.
        output_size (int): cells of a pooled box in each direction.
        clip_boxes (bool): whether boxes are clipped to the map. The released code pools boxes at
            the right and bottom edge one cell beyond it, where everything is 0.

    Returns:
        Tensor: scalar, averaged over instances and their cells; 0 with fewer than two boxes, which
        have no relation.
    """
    counts = [box.shape[0] for box in gt_boxes]
    if sum(counts) < 2:
        return (preds_s * 0.0).sum()
    height, width = preds_s.shape[2:]
    cells = box_cells(gt_boxes, image_shapes, height, width).astype(preds_s.dtype)
    cells = cells + paddle.to_tensor([0.0, 0.0, 1.0, 1.0], dtype=cells.dtype)
    if clip_boxes:
        edge = paddle.to_tensor([width, height, width, height], dtype=cells.dtype)
        cells = paddle.minimum(cells.clip(min=0.0), edge)
    maps = paddle.stack([_enhanced(preds_s, temp), _enhanced(preds_t.detach(), temp)], axis=1)
    pooled = roi_align(maps, cells, paddle.to_tensor(counts, dtype='int32'), output_size,
                       spatial_scale=1.0, sampling_ratio=2, aligned=False)
    pooled_s, pooled_t = pooled[:, 0].unsqueeze(0), pooled[:, 1].unsqueeze(0).detach()
    return F.mse_loss(unit(pooled_s), unit(pooled_t))


def _enhanced(feature, temp):
    """The map times its own attention, averaged over channels, shape [N, H, W]."""
    n, channels, height, width = feature.shape
    attention = channel_attention(feature, temp).unsqueeze(1)
    summed = paddle.matmul(attention, feature.flatten(2)).reshape([n, height, width])
    return spatial_attention(feature, temp) * summed / channels


def pixel_relation(preds_s, preds_t, unit):
    """Mean squared error between the maps after graph reasoning over their pixels.

    The pixel part of TSKD's dual-relation term.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        unit (callable): maps [N, C, H, W] to the same shape.

    Returns:
        Tensor: scalar, averaged over all elements.
    """
    return F.mse_loss(unit(preds_s), unit(preds_t.detach()))


def structural_similarity(x, y, window_size=11):
    """Structural similarity (SSIM) of two maps, for values of dynamic range 1.

    Wang et al., Image Quality Assessment, 2004, with a Gaussian window of deviation 1.5 and zeros
    beyond the edge, as in TSKD. The window is the exact Gaussian; the released code rounds it to
    float32, which moves the value by 2e-8.

    Args:
        x (Tensor): shape [N, C, H, W].
        y (Tensor): shape [N, C, H, W].
        window_size (int): cells, odd.

    Returns:
        Tensor: scalar between -1 and 1, averaged over all elements; 1 where x equals y.
    """
    mean_x, mean_y = _blurred(x, window_size), _blurred(y, window_size)
    product, squares = mean_x * mean_y, paddle.square(mean_x) + paddle.square(mean_y)
    covariance = _blurred(x * y, window_size) - product
    variances = _blurred(paddle.square(x) + paddle.square(y), window_size) - squares
    numerator = (2 * product + SSIM_C1) * (2 * covariance + SSIM_C2)
    return (numerator / ((squares + SSIM_C1) * (variances + SSIM_C2))).mean()


def _blurred(maps, window_size):
    """Convolves every channel with the Gaussian window; as it is separable, by two products."""
    height, width = maps.shape[2:]
    rows = paddle.to_tensor(_band_matrix(height, window_size), dtype=maps.dtype)
    columns = paddle.to_tensor(_band_matrix(width, window_size), dtype=maps.dtype)
    return paddle.matmul(paddle.matmul(rows, maps), columns)


@functools.cache
def _band_matrix(size, window_size):
    """ndarray: shape [size, size], symmetric; row i weighs the neighbours of cell i."""
    distance = np.abs(np.arange(size)[:, None] - np.arange(size)[None])
    window = np.exp(-(np.arange(window_size) - window_size // 2)**2 / (2 * 1.5**2))
    weight = np.exp(-distance**2 / (2 * 1.5**2)) / window.sum()
    return np.where(distance <= window_size // 2, weight, 0.0)


def align_scale(feature_s, feature_t, eps=1e-6):
    """Gives every channel of the student's map the teacher's mean and standard deviation.

    CrossKD (Wang et al., CVPR 2024), which TSKD's cross-response term takes over. Statistics run
    over N, H and W; the deviation is the unbiased one.

    Args:
        feature_s (Tensor): shape [N, C, H, W].
        feature_t (Tensor): shape [N, C, H', W']; gets no gradient.
        eps (float): added to the student's deviation.

    Returns:
        Tensor: shape [N, C, H, W].
    """
    mean_t, deviation_t = _channel_statistics(_channel_rows(feature_t.detach()))
    n, channels, height, width = feature_s.shape
    rows = _channel_rows(feature_s)
    mean_s, deviation_s = _channel_statistics(rows)
    rows = (rows - mean_s) / (deviation_s + eps) * deviation_t + mean_t
    return rows.reshape([channels, n, height, width]).transpose([1, 0, 2, 3])


def _channel_rows(feature):
    """Tensor: shape [C, N H W], which a CPU reduces faster than the axes 0, 2 and 3."""
    return feature.transpose([1, 0, 2, 3]).flatten(1)


def _channel_statistics(rows):
    """tuple of Tensor: mean and unbiased deviation of every row, shape [C, 1]."""
    mean = rows.mean(axis=1, keepdim=True)
    variance = paddle.square(rows - mean).sum(axis=1, keepdim=True) / max(rows.shape[1] - 1, 1)
    # The gradient of the root is infinite at 0, so a constant channel gets none.
    constant = variance == 0
    root = paddle.sqrt(paddle.where(constant, paddle.ones_like(variance), variance))
    return mean, paddle.where(constant, paddle.zeros_like(variance), root)


def quality_focal_kd_loss(logits_s, logits_t, beta=1.0, weight=None, avg_factor=None):
    """Focal cross entropy between the student's scores and the teacher's.

    CrossKD, after Generalized Focal Loss: the cross entropy of sigmoid scores times their
    distance to the power of ``beta``. The gradient flows through both factors.

    Args:
        logits_s (Tensor): shape [R, K]; R predictions, K classes.
        logits_t (Tensor): shape [R, K]; gets no gradient.
        beta (float): focusing power.
        weight (Tensor|None): shape [R].
        avg_factor (float|Tensor|None): what the sum is divided by.

    Returns:
        Tensor: scalar; without ``avg_factor`` the mean over R K elements, weighted or not.
    """
    target = F.sigmoid(logits_t.detach())
    loss = F.binary_cross_entropy_with_logits(logits_s, target, reduction='none')
    loss = loss * (F.sigmoid(logits_s) - target).abs()**beta
    return _reduced(loss, None if weight is None else weight.unsqueeze(1), avg_factor)


def weighted_giou_loss(boxes_s, boxes_t, weight=None, avg_factor=None, eps=1e-6):
    """1 - GIoU of paired boxes.

    Rezatofighi et al., Generalized Intersection over Union, CVPR 2019.

    Args:
        boxes_s (Tensor): shape [R, 4]; x1, y1, x2, y2.
        boxes_t (Tensor): shape [R, 4]; gets no gradient.
        weight (Tensor|None): shape [R].
        avg_factor (float|Tensor|None): what the sum is divided by.
        eps (float): least area of the union and of the enclosing box.

    Returns:
        Tensor: scalar; without ``avg_factor`` the mean over R boxes, weighted or not.
    """
    boxes_t = boxes_t.detach()
    inner = paddle.minimum(boxes_s[:, 2:], boxes_t[:, 2:]) - paddle.maximum(
        boxes_s[:, :2], boxes_t[:, :2])
    outer = paddle.maximum(boxes_s[:, 2:], boxes_t[:, 2:]) - paddle.minimum(
        boxes_s[:, :2], boxes_t[:, :2])
    overlap = _area(inner.clip(min=0.0))
    union = (_area(boxes_s[:, 2:] - boxes_s[:, :2]) + _area(boxes_t[:, 2:] - boxes_t[:, :2]) -
             overlap).clip(min=eps)
    enclosing = _area(outer.clip(min=0.0)).clip(min=eps)
    giou = overlap / union - (enclosing - union) / enclosing
    return _reduced(1.0 - giou, weight, avg_factor)


def channel_wise_divergence(preds_s, preds_t, tau):
    """Divergence between the distributions of each channel of two maps over the cells.

    Shu et al., Channel-wise Knowledge Distillation for Dense Prediction, ICCV 2021, which DKAN
    takes for its feature knowledge alignment: the Kullback-Leibler divergence from the teacher's
    softmax over the cells of a channel to the student's.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        tau (float): temperature of the softmax.

    Returns:
        Tensor: scalar, tau^2 times the mean over N and C.
    """
    return _divergence(preds_s.flatten(2).flatten(0, 1), preds_t.flatten(2).flatten(0, 1), tau)


def base_class_divergence(logits_s, logits_t, num_base_classes, tau):
    """Divergence between two classifiers' distributions over the base classes.

    DKAN's logit knowledge alignment: the Kullback-Leibler divergence from the teacher's softmax
    over the base classes to the student's. Background and new classes do not count, and their
    logits get no gradient.

    Args:
        logits_s (Tensor): the student's logits, shape [R, K_s]; R boxes.
        logits_t (Tensor): the teacher's logits of the same boxes, shape [R, K_t]; gets no
            gradient.
        num_base_classes (int): columns that are compared, the first ones.
        tau (float): temperature of the softmax.

    Returns:
        Tensor: scalar, tau^2 times the mean over R; 0 without rows.
    """
    return _divergence(logits_s[:, :num_base_classes], logits_t[:, :num_base_classes], tau)


def row_divergence(scores_s, scores_t, tau):
    """Divergence between two detectors' distributions over the last axis of their scores.

    Hinton et al., Distilling the Knowledge in a Neural Network, 2015. For the distributions that
    GFL predicts for the sides of a box, it is localization distillation (Zheng et al., CVPR 2022).

    Args:
        scores_s (Tensor): the student's scores, shape [..., K].
        scores_t (Tensor): the teacher's scores, shape [..., K]; gets no gradient.
        tau (float): temperature of the softmax.

    Returns:
        Tensor: shape [...]; tau^2 times the Kullback-Leibler divergence from the teacher's softmax
        to the student's, summed over K.
    """
    log_s = F.log_softmax(scores_s / tau, axis=-1)
    log_t = F.log_softmax(scores_t.detach() / tau, axis=-1)
    return tau**2 * (log_t.exp() * (log_t - log_s)).sum(axis=-1)


def _divergence(scores_s, scores_t, tau):
    """The mean of ``row_divergence`` over the rows of [R, K]; 0 without rows."""
    if scores_s.shape[0] == 0:
        return paddle.zeros([], dtype=scores_s.dtype)
    return row_divergence(scores_s, scores_t, tau).mean()


def pearson_distance(preds_s, preds_t):
    """One minus Pearson's correlation of each channel, averaged over channels.

    PKD (Cao et al., NeurIPS 2022), computed as its code does: half the mean squared error between
    the maps whose channels have mean 0 and deviation 1 over N, H and W.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.

    Returns:
        Tensor: scalar from 0 to 2, but for a factor (N H W - 1) / (N H W).
    """
    return F.mse_loss(_standardized(preds_s), _standardized(preds_t.detach())) / 2.0


def _standardized(feature):
    """Tensor: rows of mean 0 and deviation 1, shape [C, N H W]."""
    rows = _channel_rows(feature)
    mean, deviation = _channel_statistics(rows)
    return (rows - mean) / (deviation + DEVIATION_EPSILON)


def instance_normalized_error(preds_s, preds_t):
    """Half the mean squared error between maps whose channels are normalized image by image.

    The loss of CanKD (Sun and Ohyama, WACV 2026).

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.

    Returns:
        Tensor: scalar from 0 to 2; 0 for maps of a single cell.
    """
    return F.mse_loss(_instance_normalized(preds_s), _instance_normalized(preds_t.detach())) / 2.0


def _instance_normalized(feature):
    centred = feature - feature.mean(axis=[2, 3], keepdim=True)
    variance = paddle.square(centred).mean(axis=[2, 3], keepdim=True)
    return centred / paddle.sqrt(variance + VARIANCE_EPSILON)


def gaussian_distance(preds_s, preds_t, grid=1):
    """Squared Wasserstein distance between the maps, each channel taken as a normal distribution.

    WKD-F (Lv et al., NeurIPS 2024) with diagonal covariances: where a feature lies within a block
    does not matter, only how its values are spread there.

    Args:
        preds_s (Tensor): the student's map, shape [N, C, H, W].
        preds_t (Tensor): the teacher's map, shape [N, C, H, W]; gets no gradient.
        grid (int): blocks of the map in each direction, each with its own distribution; at most H
            and W.

    Returns:
        tuple of Tensor: squared differences of the means and of the unbiased deviations, scalars,
        summed over channels, averaged over images and blocks.
    """
    rows, columns = min(grid, preds_s.shape[2]), min(grid, preds_s.shape[3])
    statistics_s = _block_statistics(preds_s, rows, columns)
    statistics_t = _block_statistics(preds_t.detach(), rows, columns)
    blocks = preds_s.shape[0] * rows * columns
    return tuple(paddle.square(of_s - of_t).sum() / blocks
                 for of_s, of_t in zip(statistics_s, statistics_t))


def _block_statistics(feature, rows, columns):
    """tuple of Tensor: mean and unbiased deviation of blocks, both [N, C, rows, columns]."""
    # The remaining squares are small, so that the difference below is accurate.
    centre = feature.detach().mean(axis=[2, 3], keepdim=True)
    mean = F.adaptive_avg_pool2d(feature - centre, [rows, columns])
    square = F.adaptive_avg_pool2d(paddle.square(feature - centre), [rows, columns])
    count = np.outer(_block_sizes(feature.shape[2], rows), _block_sizes(feature.shape[3], columns))
    unbiased = paddle.to_tensor(count / np.maximum(count - 1, 1), dtype=feature.dtype)
    variance = (square - paddle.square(mean)).clip(min=0.0) * unbiased
    return mean + centre, paddle.sqrt(variance + VARIANCE_EPSILON)


def _block_sizes(size, blocks):
    """ndarray: cells of each block that adaptive pooling makes of a row; blocks may overlap."""
    index = np.arange(blocks)
    return -(-(index + 1) * size // blocks) - index * size // blocks


def _area(sides):
    return sides[:, 0] * sides[:, 1]


def _reduced(loss, weight, avg_factor):
    loss = loss if weight is None else loss * weight
    return loss.mean() if avg_factor is None else loss.sum() / (avg_factor + FLOAT32_EPSILON)
