# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Boxes of one-stage detectors end at the border of the image.

Defect: RetinaNet, FCOS, GFL, PicoDet and PP-YOLOE predict boxes that reach beyond the image (Faster
R-CNN's are cut off at its border). Where defects touch the border, as on steel that is
photographed in tiles, this costs more than one point of mAP. Any Paddle.

Mend: the boxes that a detector returns are cut off at the border of the original image.
"""
from ..compat import patching

FORWARD = ('ppdet.modeling.architectures.meta_arch', 'BaseArch.forward')


def mend():
    patching.expect_text(*FORWARD, 'out = outs[0]')
    patching.wrap(*FORWARD, _inside_the_image)


def _inside_the_image(forward, self, inputs):
    out = forward(self, inputs)
    if self.training or not isinstance(out, dict) or 'bbox_num' not in out:
        return out
    # Rows of another length are boxes of another kind, such as rotated ones.
    if out['bbox'].shape[-1] == 6:
        out['bbox'] = _clip(out['bbox'], out['bbox_num'], self.inputs)
    return out


def _clip(boxes, count, inputs):
    """Cut off boxes [M, 6] of class, score, x1, y1, x2, y2; ``count`` [N] of them an image."""
    import paddle
    shape = paddle.floor(inputs['im_shape'] / inputs['scale_factor'] + 0.5)
    last = count.cumsum().unsqueeze(0)
    image = (paddle.arange(boxes.shape[0], dtype=last.dtype).unsqueeze(1) >= last).sum(1)
    # Rows that fill up an image without boxes are behind the last one.
    height, width = shape.gather(image.clip(max=shape.shape[0] - 1)).split(2, axis=1)
    corners = boxes[:, 2:].clip(min=0)
    return paddle.concat([boxes[:, :2], paddle.minimum(
        corners, paddle.concat([width, height, width, height], axis=1))], axis=1)
