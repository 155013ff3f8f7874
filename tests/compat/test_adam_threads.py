# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle
import pytest
import threadpoolctl


def openmp_threads():
    return {pool['filepath']: pool['num_threads'] for pool in threadpoolctl.threadpool_info()
            if pool['user_api'] == 'openmp'}


class Recorder(paddle.nn.ClipGradByGlobalNorm):
    """A gradient clip, which runs inside the step, that notes the number of threads there."""

    def __call__(self, params_grads):
        self.seen = openmp_threads()
        return super().__call__(params_grads)


@pytest.mark.skipif(paddle.is_compiled_with_cuda(), reason='only the CPU has the defect')
@pytest.mark.parametrize('optimizer', [paddle.optimizer.Adam, paddle.optimizer.AdamW])
def test_the_step_and_nothing_else_runs_on_one_thread(optimizer):
    with threadpoolctl.threadpool_limits(2, user_api='openmp'):
        before = openmp_threads()
        layer, clip = paddle.nn.Linear(4, 4), Recorder(1.0)
        layer(paddle.ones([2, 4])).sum().backward()
        weight = layer.weight.numpy().copy()
        optimizer(0.1, parameters=layer.parameters(), grad_clip=clip).step()
        assert set(before.values()) == {2}
        assert set(clip.seen.values()) == {1}
        assert openmp_threads() == before
        assert (layer.weight.numpy() != weight).all()
