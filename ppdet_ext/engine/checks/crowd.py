# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Refuses training if objects marked as crowd would be learned as background."""
import os

from ...utils.files import read_json

__all__ = ['check_crowd']


def check_crowd(model, dataset):
    """Makes sure that a training ignores the crowd boxes of a few-shot set.

    Only files that ``tools/make_few_shot.py --unlabelled crowd`` wrote are looked at: their
    crowd boxes are objects of classes that the detector has, or will learn later.

    Args:
        model (paddle.nn.Layer): the detector.
        dataset (ppdet.data.source.DetDataset): its training set.

    Raises:
        ValueError: the reader, the RPN or the box head does not ignore them; says what to set.
    """
    path = os.path.join(dataset.dataset_dir or '', dataset.anno_path or '')
    if not (path.endswith('.json') and os.path.isfile(path)):
        return
    content = read_json(path)
    if content.get('info', {}).get('unlabelled') != 'crowd' or not any(
            box['iscrowd'] for box in content['annotations']):
        return
    problems = list(_problems(model, dataset))
    if problems:
        raise ValueError(f'{path} marks objects as crowd that are not to be learned as '
                         f'background, but {"; ".join(problems)}; make the set again with '
                         '--unlabelled drop_image if this cannot be set')


def _problems(model, dataset):
    if not getattr(dataset, 'load_crowd', False) or 'is_crowd' not in dataset.data_fields:
        yield ('the reader leaves them out: set TrainDataset.load_crowd: true and is_crowd among '
               'its data_fields')
    rpn = getattr(getattr(model, 'rpn_head', None), 'rpn_target_assign', None)
    head = getattr(getattr(model, 'bbox_head', None), 'bbox_assigner', None)
    if rpn is None or head is None:
        yield f'{type(model).__name__} does not ignore crowd boxes, only Faster R-CNN does'
        return
    limits = (('RPNHead.rpn_target_assign', rpn, 'negative_overlap'),
              ('BBoxAssigner', head, 'bg_thresh'))
    for section, assigner, key in limits:
        limit = getattr(assigner, key)
        if not 0 < assigner.ignore_thresh <= limit:
            yield (f'{section}.ignore_thresh is {assigner.ignore_thresh}: set it to {limit}, '
                   f'its {key}')
