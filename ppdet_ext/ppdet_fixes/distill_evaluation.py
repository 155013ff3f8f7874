# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""ppdet's FGD and CWD models evaluate through an old copy of the student's forward.

Defect: ``RetinaHead.post_process`` returns three values, the copies unpack two;
for GFL the CWD copy takes raw head outputs for boxes. So the first evaluation
stops with an error, after an epoch of training, on any Paddle.

Patch: in evaluation the model is its student.
"""
from ..compat import patching

MODULE = 'ppdet.slim.distill_model'
OUTDATED = {
    'FGDDistillModel.forward': 'bbox, bbox_num = self.student_model.head.post_process(',
    'CWDDistillModel.forward': 'bbox_pred, bbox_num = head_outs',
}


def patch():
    for qualname, text in OUTDATED.items():
        patching.expect_text(MODULE, qualname, text)
        patching.wrap(MODULE, qualname, _evaluate_the_student)


def _evaluate_the_student(forward, self, inputs):
    return forward(self, inputs) if self.training else self.student_model(inputs)
