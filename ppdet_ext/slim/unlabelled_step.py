# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A distillation step on images without labels."""
import contextlib

import paddle

from ..modeling.freeze import BATCH_NORMS

__all__ = ['check_terms', 'detected_boxes', 'kept_statistics']


def check_terms(terms, pseudo_boxes):
    """Finds the terms that are to see unlabelled images.

    Args:
        terms (list of Term): of the distillation.
        pseudo_boxes (bool): whether the teacher's detections take the place of boxes.

    Returns:
        list of Term: those whose ``unlabelled`` is true.

    Raises:
        ValueError: one of them needs labels that unlabelled images do not have, or there is none.
    """
    chosen = [term for term in terms if term.unlabelled]
    for term in chosen:
        if not term.needs_boxes or (pseudo_boxes and term.takes_pseudo_boxes):
            continue
        remedy = 'set "unlabelled: false" there to keep it to the labelled images'
        if term.takes_pseudo_boxes:
            raise ValueError(f'{term.place} needs boxes, which the images of UnlabelledDataset do '
                             f'not have; {remedy}, or UnlabelledDataset.pseudo_boxes: true to '
                             f'take what the teacher detects')
        detected = ', and for which the teacher\'s detections are not enough' * pseudo_boxes
        raise ValueError(f'{term.place} needs labels, which the images of UnlabelledDataset do not '
                         f'have{detected}; {remedy}')
    if not chosen:
        raise ValueError('UnlabelledDataset: every term has "unlabelled: false", so nothing would '
                         'be learned from its images; remove it, or one of these')
    return chosen


@contextlib.contextmanager
def kept_statistics(model):
    """Lets batch norms in training normalise by their batch, but keep their running statistics.

    Args:
        model (nn.Layer): the model.
    """
    momenta = [(layer, layer._momentum) for layer in model.sublayers()
               if isinstance(layer, BATCH_NORMS)]
    try:
        for layer, _ in momenta:
            layer._momentum = 1.0  # leaves the statistics unchanged, bit for bit
        yield
    finally:
        for layer, momentum in momenta:
            layer._momentum = momentum


def detected_boxes(detections, score_threshold):
    """Picks the confident boxes of a detector's output.

    Args:
        detections (dict): ``bbox``, shape [R, 6]: class, score, x1, y1, x2, y2; and ``bbox_num``,
            shape [N], how many of the R rows, in order, each image has.
        score_threshold (float): the lowest score.

    Returns:
        list of Tensor: N tensors of shape [n_i, 4], float32; x1, y1, x2, y2.
    """
    rows, counts = detections['bbox'].numpy(), detections['bbox_num'].numpy().tolist()
    boxes, start = [], 0
    for count in counts:
        own = rows[start:start + count]
        kept = own[own[:, 1] >= score_threshold, 2:6].astype('float32')
        boxes.append(paddle.to_tensor(kept.reshape(-1, 4)))
        start += count
    return boxes
