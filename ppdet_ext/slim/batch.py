# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The parts of a batch that distillation losses need, which the reader has to keep."""
import functools

import paddle
from ppdet.utils.logger import setup_logger

from ..data.transforms import KEPT_BOXES

__all__ = ['Batch', 'check_boxes', 'keep_boxes']

logger = setup_logger('ppdet.engine')

# Operators that write boxes in other units than pixels, or as centre and size.
REWRITING_OPERATORS = ('NormalizeBox', 'BboxXYXY2XYWH', 'BboxCXCYWH2XYXY')


class Batch:
    """The ground truth of a batch in the form that losses take, computed on first use.

    A loss is given those that its ``raw_values`` names: ``gt_boxes``, ``image_shapes`` or both.

    Args:
        inputs (dict): a batch of PaddleDetection's reader.
    """

    ARGUMENTS = ('gt_boxes', 'image_shapes')

    def __init__(self, inputs):
        self.inputs = inputs

    @functools.cached_property
    def gt_boxes(self):
        """list of Tensor: N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels, all with area."""
        boxes = self.inputs.get(KEPT_BOXES, self.inputs.get('gt_bbox'))
        if boxes is None:
            raise ValueError(f'the batch has no boxes ("gt_bbox" or "{KEPT_BOXES}"); put '
                             f'"- KeepGTBox: {{}}" before the operator of '
                             f'TrainReader.batch_transforms that drops them')
        return [_real(box.astype('float32').reshape([-1, 4])) for box in boxes]

    @functools.cached_property
    def image_shapes(self):
        """Tensor: shape [N, 2]; height and width in pixels of the batch, padding included."""
        n, _, height, width = self.inputs['image'].shape
        return paddle.to_tensor([[height, width]], dtype='float32').expand([n, 2])


def keep_boxes(cfg):
    """Makes the training reader keep the boxes, where one of its operators would drop them.

    Args:
        cfg (dict): ppdet's global configuration; ``TrainReader`` is changed.
    """
    reader = cfg.get('TrainReader') or {}
    batch = list(reader.get('batch_transforms') or [])
    names = _operators(batch)
    targets = [name for name in names if name.startswith('Gt2')]
    if targets and 'KeepGTBox' not in names:
        batch.insert(names.index(targets[0]), {'KeepGTBox': {}})
        reader['batch_transforms'] = batch
        logger.info(f'TrainReader: the boxes are kept beside {targets[0]}, for the distillation')


def check_boxes(cfg):
    """Makes sure that the training reader gives boxes in pixels.

    Raises:
        ValueError: one of its operators rewrites them.
    """
    reader = cfg.get('TrainReader') or {}
    used = {name for key in ('sample_transforms', 'batch_transforms')
            for name in _operators(reader.get(key) or [])}
    rewriting = sorted(used & set(REWRITING_OPERATORS))
    if rewriting:
        raise ValueError(f'TrainReader: {", ".join(rewriting)} rewrites the boxes; this '
                         f'distillation needs x1, y1, x2, y2 in pixels')


def _operators(transforms):
    return [next(iter(entry)) for entry in transforms]


def _real(boxes):
    """Removes boxes without area: padding and degenerate ones."""
    if boxes.shape[0] == 0:
        return boxes
    kept = paddle.nonzero((boxes[:, 2:] - boxes[:, :2]).min(axis=1) > 0).flatten()
    return boxes if kept.shape[0] == boxes.shape[0] else paddle.gather(boxes, kept)
