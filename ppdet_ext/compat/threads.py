# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""CPU computation uses every usable core.

Defect: on import paddle sets ``OMP_NUM_THREADS`` to 1 when it is not set, so a
CPU run uses one core; when it is set to more, paddle prints a warning that is
wrong for its own packages (built with MKL). Measured on paddlepaddle 2.6.2 and
3.3.1: two threads take 1.7 times less for a convolution's forward and backward.
``python -m paddle.distributed.launch`` imports paddle too and so hands the 1 on
to the processes it starts.

Patch: set the variable right after paddle's import. OpenMP reads it at the first
parallel computation, which an import does not do; NumPy has read it before, so
that the processes of a DataLoader are as in stock. A number chosen by the user
stays, except 1 under the launcher, which is the launcher's own.
"""
import os

from ..utils.cores import usable_cores

VARIABLE = 'OMP_NUM_THREADS'


def chosen_by_user(environment=os.environ):
    """Whether the user has chosen a number of threads; asked before paddle's import."""
    if 'PADDLE_LOCAL_SIZE' in environment:
        return environment.get(VARIABLE, '1') != '1'
    return VARIABLE in environment


def threads_per_process(environment=os.environ):
    """Number of cores this process may use, shared between the launcher's local processes."""
    return max(1, usable_cores() // int(environment.get('PADDLE_LOCAL_SIZE', '1')))


def use_all_cores():
    """Set the number of threads; called after paddle's import, before any computation."""
    os.environ[VARIABLE] = str(threads_per_process())
