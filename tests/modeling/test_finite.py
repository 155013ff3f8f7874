# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle
import pytest

from ppdet_ext.modeling.finite import check_finite


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('dtype', ['float32', 'float16'])
def test_names_what_is_not_finite(bad, dtype):
    losses = {'loss_cls': 1.0, 'loss_reg': bad, 'loss': 1.0 + bad}
    losses = {name: paddle.to_tensor(value, dtype) for name, value in losses.items()}
    with pytest.raises(FloatingPointError, match='^loss_reg is not finite. Lower the learning rate '
                       'or set OptimizerBuilder.clip_grad_by_norm$'):
        check_finite(losses)


def test_a_sum_that_overflows_and_a_term_with_a_weight():
    with pytest.raises(FloatingPointError, match='^loss is not finite'):
        check_finite({'loss_cls': 3e38, 'loss_reg': 3e38, 'loss': float('inf')})
    with pytest.raises(FloatingPointError, match='rate, lower the weight of the term or set'):
        check_finite({'distill_mgd_p3': float('nan'), 'loss': float('nan')})


def test_numbers_pass():
    check_finite({'loss_cls': paddle.to_tensor(60000.0, 'float16'), 'loss': 0.0})
