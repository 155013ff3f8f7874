# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Faster R-CNN and TOOD concatenate tensors without dimensions.

Defect: on paddlepaddle 2.6.2 and 3.3.1 a tensor's item and an item of its shape
have no dimension, and ``paddle.concat`` of such tensors is ``ValueError: The
axis is expected to be in range of [0, 0)``.

Patch: the modules concerned, and no others, see a ``paddle`` whose ``concat``
takes them as tensors of one element.
"""
from . import patching

MODULES = {
    'ppdet.modeling.proposal_generator.rpn_head':
    ('RPNHead._gen_proposal', 'paddle.concat(bs_rois_num_collect)'),
    'ppdet.modeling.proposal_generator.target':
    ('generate_proposal_target', 'paddle.concat(new_rois_num)'),
    'ppdet.modeling.post_process':
    ('BBoxPostProcess.get_pred', 'paddle.concat([scale_x, scale_y, scale_x, scale_y])'),
    'ppdet.modeling.heads.tood_head':
    ('TOODHead._reg_grid_sample', 'paddle.concat([w, h])'),
}


def patch():
    import paddle
    scalar = patching.cpu_tensor(1, 'int32')
    if patching.fails(lambda: paddle.concat([scalar, scalar]), ValueError):
        for module, (qualname, text) in MODULES.items():
            patching.expect_text(module, qualname, text)
            patching.replace_in_import(module, 'paddle', concat=concat)


def concat(x, axis=0, name=None):
    """``paddle.concat`` that takes tensors without dimensions as of one element."""
    import paddle
    if isinstance(x, (list, tuple)):
        x = [item.reshape([1]) if len(item.shape) == 0 else item for item in x]
    return paddle.concat(x, axis, name)
