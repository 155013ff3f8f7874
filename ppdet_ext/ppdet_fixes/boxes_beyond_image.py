# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Boxes of one-stage detectors end at the border of the image.

Defect: RetinaNet, FCOS, GFL, PicoDet and PP-YOLOE predict boxes that reach beyond the image (Faster
R-CNN's are cut off at its border). Where defects touch the border, as on steel that is
photographed in tiles, this costs more than one point of mAP. Any Paddle.

Patch: the boxes that a detector returns are clipped to the original image. This is part of the
detector's own ``forward`` and uses only operations on tensors of any length, so that an exported
graph does the same.
"""
from ..compat import patching

FORWARD = ('ppdet.modeling.architectures.meta_arch', 'BaseArch.forward')


def patch():
    patching.replace_text(*FORWARD, {
        'out = outs[0]': 'out = inside_the_image(outs[0], self.inputs)'})
    patching.find(*FORWARD)[2].__globals__['inside_the_image'] = inside_the_image


def inside_the_image(out, inputs):
    """Clips ``out['bbox']`` [M, 6] (class, score, x1, y1, x2, y2) to its image."""
    if not isinstance(out, dict) or out.get('bbox_num') is None:  # None before post-processing
        return out
    # Rows of another length are boxes of another kind, such as rotated ones. Paddle 2.6 cannot
    # count rows where there are none; in a graph their number is not known, but not 0.
    if out['bbox'].shape[-1] == 6 and out['bbox'].shape[0] != 0:
        out['bbox'] = _clip(out['bbox'], out['bbox_num'], inputs)
    return out


def _clip(boxes, count, inputs):
    """Clip boxes [M, 6] of class, score, x1, y1, x2, y2; ``count`` [N] is their number by image."""
    import paddle
    shape = paddle.floor(inputs['im_shape'] / inputs['scale_factor'] + 0.5)
    # Rows that fill up an image without boxes are behind the last one.
    shape = paddle.concat([shape, shape[-1:]])
    last = count.cumsum().unsqueeze(0)
    row = paddle.ones_like(boxes[:, :1], dtype=last.dtype).cumsum(0)
    height, width = shape.gather((row > last).sum(1)).split(2, axis=1)
    corners = boxes[:, 2:].clip(min=0)
    return paddle.concat([boxes[:, :2], paddle.minimum(
        corners, paddle.concat([width, height, width, height], axis=1))], axis=1)
