# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Adam and AdamW leave the CPU's other threads slow.

Defect: after the first step of ``Adam`` or ``AdamW`` on the CPU with more than
one thread, every later computation of the process is 3 to 4 times slower, so
that two threads are far slower than one. Measured on paddlepaddle 3.3.1 and
2.6.2 with two cores of an AMD EPYC: forward and backward of a small RetinaNet
0.28 s before and 1.15 s after the step; 0.40 s with one thread. Momentum has
no such effect.

Patch: the step itself, 2 % of the time, runs on one thread; nothing else slows down.
"""
import threadpoolctl

from . import patching


def patch():
    import paddle
    if paddle.is_compiled_with_cuda():
        return
    threads = threadpoolctl.ThreadpoolController().select(user_api='openmp')

    def on_one_thread(step, *args, **kwargs):
        with threads.limit(limits=1):
            return step(*args, **kwargs)

    for module, qualname in (('paddle.optimizer.adam', 'Adam.step'),
                             ('paddle.optimizer.adamw', 'AdamW.step')):
        patching.wrap(module, qualname, on_one_thread)
