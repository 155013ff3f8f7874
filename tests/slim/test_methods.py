# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Every method trains a small RetinaNet from another; CrossKD and LD have files of their own."""
import numpy as np
import pytest
from slim.test_distill_model import train_steps
from tiny import batch, moved, values

# Of one value the levels are logged, of several their sums.
LEVELS = ('p3', 'p4', 'p5', 'p6')
METHODS = {
    'MIMIC': {f'mimic_{level}' for level in LEVELS},
    'CWD': {f'cwd_{level}' for level in LEVELS},
    'PKD': {f'pkd_{level}' for level in LEVELS},
    'CanKD': {f'cankd_{level}' for level in LEVELS},
    'FGD': {'fgd_fg', 'fgd_bg', 'fgd_attention', 'fgd_relation'},
    'WKD': {'wkd_mean', 'wkd_deviation'},
}
ALL_LOSSES = ('MimicLoss', 'BoxMimicLoss', 'CWDLoss', 'PKDLoss', 'CanKDLoss', 'FGDLoss', 'WKDLoss')


@pytest.mark.parametrize('method', METHODS)
def test_trains_the_student_and_its_own_layers(build, method):
    model = build(slim_method=method, distill_losses=[{}])
    student, teacher = values(model.student_model), values(model.teacher_model)
    losses = values(model.distill_losses)
    logged = train_steps(model)
    assert {name for name in logged if name.startswith('distill_')} == {
        f'distill_{name}' for name in METHODS[method]}
    assert all(np.isfinite(float(value)) for value in logged.values())
    assert moved(teacher, model.teacher_model) == set()
    assert {'neck', 'backbone'} <= {name.split('.')[0]
                                    for name in moved(student, model.student_model)}
    assert {name for name in losses if 'align.weight' in name and 'p6' not in name} <= moved(
        losses, model.distill_losses)


def test_class_scores_can_be_compared_instead_of_the_neck(build):
    model = build(slim_method='CWD', distill_losses=[{'feature': 'head.retina_cls'}])
    model.train()
    losses = model(batch())
    losses['distill_cwd_p3'].backward()
    assert float(losses['distill_cwd_p3']) > 0.0
    assert not model.distill_losses.parameters(), 'both score the same classes'
    assert float(model.student_model.head.retina_cls.weight.grad.abs().max()) > 0.0


@pytest.mark.parametrize('options', [{'boxes': 0}, {'images': 1, 'boxes': 0}])
def test_all_of_them_train_together(build, options):
    model = build(distill_losses=[{'loss': loss} for loss in ALL_LOSSES])
    model.train()
    usual, unusual = model(batch()), model(batch(**options))
    unusual['loss'].backward()
    assert set(usual) == set(unusual) >= {f'distill_{name}' for names in METHODS.values()
                                          for name in names}
    assert all(np.isfinite(float(value)) for value in unusual.values())
