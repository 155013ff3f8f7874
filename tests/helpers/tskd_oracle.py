# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The feature terms of TSKD once more, as plain loops over levels, images and boxes.

Slow and easy to check by eye: the tests compare the vectorised loss with it. It shares with the
loss the layers that have weights (``align`` and the graph units) and RoIAlign of one box.
"""
import math

import paddle
import paddle.nn.functional as F
from paddle.vision.ops import roi_align


def feature_terms(layers, levels_s, levels_t, gt_boxes, image_shapes):
    """The weighted terms summed over levels, and their sum ``loss``.

    Args:
        layers (list of TSKDFeatureLoss): one per level; options and weights are taken from it.
        levels_s (list of Tensor): the student's maps, shape [N, C_s, H, W].
        levels_t (list of Tensor): the teacher's maps, shape [N, C_t, H, W].
        gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels.
        image_shapes (Tensor): shape [N, 2]; height and width in pixels.

    Returns:
        dict of str to Tensor: as ``TSKDFeatureLoss``.
    """
    terms = dict.fromkeys(('fg', 'bg', 'ins_rea', 'pixel_rea', 'se'), 0.0)
    for layer, map_s, map_t in zip(layers, levels_s, levels_t):
        map_t = map_t.detach()
        if layer.align is not None:
            map_s = layer.align(map_s)
        fg, bg = expert_terms(map_s, map_t, gt_boxes, image_shapes, layer.temp)
        raw = {
            'fg': fg,
            'bg': bg,
            'ins_rea': instance_term(map_s, map_t, gt_boxes, image_shapes, layer),
            'pixel_rea': F.mse_loss(layer.pixel_graph(map_s), layer.pixel_graph(map_t)),
            'se': (1.0 - similarity(map_s, map_t)) / 2.0,
        }
        for name, value in raw.items():
            terms[name] = terms[name] + layer.weights[name] * value
    return {**terms, 'loss': sum(terms.values())}


def expert_terms(map_s, map_t, gt_boxes, image_shapes, temp):
    """Foreground and background term of a level."""
    images, channels, height, width = map_s.shape
    fg, bg = 0.0, 0.0
    for image in range(images):
        mask_fg, mask_bg = masks(gt_boxes[image], image_shapes[image], height, width)
        spatial, channel = attention(map_t[image], temp)
        weight = spatial.reshape([1, height, width]) * channel.reshape([channels, 1, 1])
        error = weight * (map_s[image] - map_t[image])**2
        fg = fg + (error * mask_fg).sum() / images
        bg = bg + (error * mask_bg).sum() / images
    return fg, bg


def attention(feature, temp):
    """Spatial attention [H, W] and channel attention [C] of one image's map [C, H, W]."""
    channels, height, width = feature.shape
    energy = feature.abs().mean(axis=0).reshape([height * width])
    spatial = (height * width * F.softmax(energy / temp, axis=0)).reshape([height, width])
    channel = channels * F.softmax(feature.abs().mean(axis=[1, 2]) / temp, axis=0)
    return spatial, channel


def cells(box, image_shape, height, width):
    """First column and row, last column and row that a box covers."""
    image_height, image_width = (float(side) for side in image_shape)
    x1, y1, x2, y2 = (box[k] for k in range(4))
    return (int(paddle.floor(x1 / image_width * width)),
            int(paddle.floor(y1 / image_height * height)),
            int(paddle.ceil(x2 / image_width * width)),
            int(paddle.ceil(y2 / image_height * height)))


def masks(boxes, image_shape, height, width):
    """Foreground and background of one image, both of shape [H, W]."""
    foreground = paddle.zeros([height, width])
    for k in range(boxes.shape[0]):
        x0, y0, x3, y3 = cells(boxes[k], image_shape, height, width)
        covered = foreground[y0:y3 + 1, x0:x3 + 1]
        area = paddle.full_like(covered, (x3 + 1 - x0) * (y3 + 1 - y0))
        foreground[y0:y3 + 1, x0:x3 + 1] = paddle.maximum(covered, 1.0 / area)
    background = (foreground == 0).astype(foreground.dtype)
    if float(background.sum()) > 0:
        background = background / background.sum()
    return foreground, background


def instance_term(map_s, map_t, gt_boxes, image_shapes, layer):
    """Instance relation of a level."""
    pooled_s, pooled_t = [], []
    for image, boxes in enumerate(gt_boxes):
        if boxes.shape[0] == 0:
            continue
        enhanced_s = enhanced(map_s[image], layer.temp)
        enhanced_t = enhanced(map_t[image], layer.temp)
        for k in range(boxes.shape[0]):
            pooled_s.append(pooled(enhanced_s, boxes[k], image_shapes[image], layer))
            pooled_t.append(pooled(enhanced_t, boxes[k], image_shapes[image], layer))
    if len(pooled_s) < 2:
        return 0.0 * map_s.sum()
    instances_s, instances_t = paddle.concat(pooled_s, axis=1), paddle.concat(pooled_t, axis=1)
    return F.mse_loss(layer.instance_graph(instances_s), layer.instance_graph(instances_t))


def enhanced(feature, temp):
    """One image's map [C, H, W] times its own attention, averaged over channels."""
    channels, height, width = feature.shape
    spatial, channel = attention(feature, temp)
    weight = spatial.reshape([1, height, width]) * channel.reshape([channels, 1, 1])
    return (feature * weight).mean(axis=0)


def pooled(feature, box, image_shape, layer):
    """One box of one image's map [H, W], shape [1, 1, 6, 6]."""
    height, width = feature.shape
    x0, y0, x3, y3 = cells(box, image_shape, height, width)
    corners = [x0, y0, x3 + 1, y3 + 1]
    if layer.clip_boxes:
        corners = [max(x0, 0), max(y0, 0), min(x3 + 1, width), min(y3 + 1, height)]
    return roi_align(feature.reshape([1, 1, height, width]),
                     paddle.to_tensor([corners], dtype=feature.dtype),
                     paddle.to_tensor([1], dtype='int32'), layer.roi_output_size,
                     spatial_scale=1.0, sampling_ratio=2, aligned=False)


def similarity(map_s, map_t):
    """SSIM with an 11 x 11 window, averaged over all cells and channels."""
    channels = map_s.shape[1]
    line = [math.exp(-(k - 5)**2 / (2 * 1.5**2)) for k in range(11)]
    line = paddle.to_tensor([value / sum(line) for value in line], dtype=map_s.dtype)
    window = paddle.matmul(line.reshape([11, 1]), line.reshape([1, 11]))
    window = window.reshape([1, 1, 11, 11]).expand([channels, 1, 11, 11])

    def blurred(feature):
        return F.conv2d(feature, window, padding=5, groups=channels)

    mean_s, mean_t = blurred(map_s), blurred(map_t)
    variance_s = blurred(map_s * map_s) - mean_s * mean_s
    variance_t = blurred(map_t * map_t) - mean_t * mean_t
    covariance = blurred(map_s * map_t) - mean_s * mean_t
    c1, c2 = 0.01**2, 0.03**2
    numerator = (2 * mean_s * mean_t + c1) * (2 * covariance + c2)
    denominator = (mean_s**2 + mean_t**2 + c1) * (variance_s + variance_t + c2)
    return (numerator / denominator).mean()
