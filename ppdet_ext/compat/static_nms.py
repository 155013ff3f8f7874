# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression cannot be part of an exported graph.

Defect: ppdet adds the operator to the graphs of Paddle 2 only; on paddlepaddle 3.3.1 exporting any
one-stage detector ends with ``TypeError: The type of '%BBoxes' in operator multiclass_nms3 should
be one of [str, bytes, Variable]``.

Patch: in a graph of Paddle 3 the operator itself is called.
"""
import inspect

from . import patching


def patch():
    import paddle
    patching.expect_text('ppdet.modeling.ops', 'multiclass_nms', 'type="multiclass_nms3"',
                         'return output, nms_rois_num, index')
    patching.wrap('ppdet.modeling.ops', 'multiclass_nms', _in_any_graph)
    owner, name, wrapped = patching.find('ppdet.modeling.ops', 'multiclass_nms')
    setattr(owner, name, paddle.jit.not_to_static(wrapped))


def _in_any_graph(original, *args, **kwargs):
    import paddle
    if paddle.in_dynamic_mode() or not paddle.base.framework.in_pir_mode():
        return original(*args, **kwargs)
    given = inspect.signature(original).bind(*args, **kwargs)
    given.apply_defaults()
    boxes, index, count = paddle._C_ops.multiclass_nms3(*(given.arguments[name] for name in (
        'bboxes', 'scores', 'rois_num', 'score_threshold', 'nms_top_k', 'keep_top_k',
        'nms_threshold', 'normalized', 'nms_eta', 'background_label')))
    return boxes, count, index if given.arguments['return_index'] else None
