# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Soft non-maximum suppression for two-stage detectors."""
import numpy as np
import paddle
from ppdet.core.workspace import register

from ..utils.options import POSITIVE, check_value

__all__ = ['MultiClassSoftNMS']

DECAYS = {
    'linear': lambda iou, threshold, sigma: np.where(iou > threshold, 1.0 - iou, 1.0),
    'gaussian': lambda iou, threshold, sigma: np.exp(-iou**2 / sigma),
}


@register
class MultiClassSoftNMS:
    """Lowers the scores of boxes that overlap a better one of their class; drops none for that.

    Bodla et al., Soft-NMS, ICCV 2017. Replaces ``MultiClassNMS`` in
    ``BBoxPostProcess`` (PaddleDetection's ``MatrixNMS`` takes one box for all classes, Faster
    R-CNN has one for each). It is computed on the CPU and cannot be exported.

    Args:
        score_threshold (float): boxes with a lower score are removed first.
        nms_threshold (float): IoU above which ``linear`` lowers a score.
        keep_top_k (int): boxes kept per image; -1 keeps all, as in PaddleDetection.
        decay (str): ``linear``, times 1 - IoU, or ``gaussian``, times exp(-IoU^2 / sigma).
        sigma (float): of ``gaussian``.
        min_score (float): boxes whose score falls below this are removed.

    Raises:
        ValueError: another decay, or a sigma that is not above 0.
    """

    def __init__(self, score_threshold=0.05, nms_threshold=0.5, keep_top_k=100, decay='linear',
                 sigma=0.5, min_score=0.001):
        if decay not in DECAYS:
            raise ValueError(f'MultiClassSoftNMS: decay must be one of {", ".join(DECAYS)}, '
                             f'got {decay!r}')
        check_value('MultiClassSoftNMS: sigma', sigma, POSITIVE)
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        self.keep_top_k = keep_top_k
        self.decay = decay
        self.sigma = sigma
        self.min_score = min_score

    def __call__(self, bboxes, score, background_label=-1):
        """Selects the boxes of every image.

        Args:
            bboxes (tuple of Tensor): boxes, shape [R, C, 4] (x1, y1, x2, y2; R regions of all
                images, C classes), and regions of each image, shape [N].
            score (Tensor): shape [R, C].
            background_label (int): as ``MultiClassNMS`` takes it; there is no such column here.

        Returns:
            tuple of Tensor: class, score and box, shape [K, 6], best first in each image; boxes of
            each image, shape [N]; region of each box, shape [K, 1].

        Raises:
            ValueError: while a model is exported.
        """
        if not paddle.in_dynamic_mode():
            raise ValueError('a model with MultiClassSoftNMS cannot be exported; set '
                             'BBoxPostProcess.nms.name: MultiClassNMS for the export')
        boxes, counts = (tensor.numpy() for tensor in bboxes)
        starts = np.cumsum(counts)[:-1]
        images = [self._image(*image) for image in zip(np.split(boxes, starts),
                                                       np.split(score.numpy(), starts))]
        offsets = np.concatenate([[0], starts])
        chosen = np.concatenate([rows for rows, _ in images])
        regions = np.concatenate([index + offset for (_, index), offset in zip(images, offsets)])
        numbers = [len(rows) for rows, _ in images]
        return (paddle.to_tensor(chosen.astype('float32').reshape([-1, 6])),
                paddle.to_tensor(np.array(numbers, 'int32')),
                paddle.to_tensor(regions.astype('int32').reshape([-1, 1])))

    def _image(self, boxes, scores):
        """Rows [K, 6] and regions [K] of an image with boxes [R, C, 4] and scores [R, C]."""
        scores = np.where(scores > self.score_threshold, scores, 0.0)
        candidates = np.flatnonzero(scores.any(axis=1))
        boxes, scores = boxes[candidates], scores[candidates]
        classes = np.arange(scores.shape[1])
        rows, regions = [np.zeros([0, 6])], [np.zeros([0], 'int64')]
        limit = scores.size if self.keep_top_k < 0 else self.keep_top_k
        for _ in range(min(limit, len(candidates))):
            best = scores.argmax(axis=0)  # one of each class
            best_scores, best_boxes = scores[best, classes], boxes[best, classes]
            found = best_scores > 0.0
            if not found.any():
                break
            rows.append(np.column_stack([classes, best_scores, best_boxes])[found])
            regions.append(candidates[best[found]])
            scores = scores * DECAYS[self.decay](_iou(boxes, best_boxes), self.nms_threshold,
                                                 self.sigma)
            scores[best, classes] = 0.0
            scores[scores < self.min_score] = 0.0
        rows, regions = np.concatenate(rows), np.concatenate(regions)
        order = np.argsort(-rows[:, 1], kind='stable')[:limit]
        return rows[order], regions[order]


def _iou(boxes, others):
    """IoU [R, C] of boxes [R, C, 4] with one box a class [C, 4]."""
    inner = np.minimum(boxes[..., 2:], others[:, 2:]) - np.maximum(boxes[..., :2], others[:, :2])
    overlap = inner.clip(min=0.0).prod(axis=-1)
    areas = [(b[..., 2:] - b[..., :2]).prod(axis=-1) for b in (boxes, others)]
    return overlap / np.maximum(areas[0] + areas[1] - overlap, 1e-9)
