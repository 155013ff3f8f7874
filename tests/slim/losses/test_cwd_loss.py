# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import paddle
import pytest

from ppdet_ext.slim import CWDLoss


@pytest.mark.parametrize('tau', [1.0, 4.0])
def test_is_the_divergence_of_the_distributions_over_the_cells(tau):
    # Of the student 1/4 and 3/4 of a channel lie in the two cells, of the teacher 1/2 and 1/2.
    student = paddle.to_tensor([[[[0.0, tau * math.log(3.0)]]]])
    expected = tau**2 * (0.5 * math.log(2.0) + 0.5 * math.log(2.0 / 3.0))
    loss = CWDLoss(1, 1, tau=tau, alpha_cwd=10.0)(student, paddle.full([1, 1, 1, 2], 7.0))
    np.testing.assert_allclose(float(loss), 10.0 * expected, rtol=1e-5)


def test_averages_over_images_and_channels_and_sees_no_shift_of_a_channel():
    layer = CWDLoss(3, 3)
    student, teacher = paddle.randn([2, 3, 4, 4]), paddle.randn([2, 3, 4, 4])
    loss = float(layer(student, teacher))
    single = [float(CWDLoss(1, 1)(student[n:n + 1, c:c + 1] + 5.0, teacher[n:n + 1, c:c + 1]))
              for n in range(2) for c in range(3)]
    np.testing.assert_allclose(loss, np.mean(single), rtol=1e-4)
