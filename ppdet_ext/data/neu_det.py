# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Prepares NEU-DET: Pascal VOC annotations that count pixels from 1, with a new split."""
from .coco import NEU_DET_CLASSES
from .formats import SourceOptions
from .prepare import PrepareOptions, prepare_data

__all__ = ['prepare']


def prepare(source, output, class_names=NEU_DET_CLASSES, seed=0, skip_invalid=False,
            overwrite=False, box_origin=1):
    """Writes a COCO data set with a train, val and test split to ``output``.

    The division of a widespread copy into ``train`` and ``validation`` is not kept.

    Args:
        source, output (str): as for :func:`ppdet_ext.data.prepare.prepare_data`, which also says
            what it raises.
        class_names (sequence of str): categories in this order, ids from 1.
        seed (int): the same seed gives the same split, whatever the layout of the source.
        skip_invalid (bool): leave faulty images and boxes out instead of refusing the source.
        overwrite (bool): replace ``output`` if it holds a data set and nothing else.
        box_origin (int): 1 or 0, as in :func:`ppdet_ext.data.voc.read_voc`.

    Returns:
        str: the report, as in ``report.txt``.
    """
    report, _ = prepare_data(
        source, output, SourceOptions(tuple(class_names), box_origin),
        PrepareOptions('voc', seed, 'new', skip_invalid=skip_invalid, overwrite=overwrite))
    return report
