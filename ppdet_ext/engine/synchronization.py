# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Where several processes wait for each other, and agree to stop.

With gloo, an exchange of tensors that takes more than half a minute ends every process. What one
process does alone, such as an evaluation, may take longer: the others wait here, at the store of
the processes, which has no such limit.
"""
import signal
import time

import paddle.distributed as dist
from paddle.base import core
from ppdet.engine.callbacks import Callback

from .process_errors import COUNT as ERRORS
from .stop_request import SIGNALS

__all__ = ['barrier', 'broadcast_from_rank0', 'uses_fleet', 'DistributedStop',
           'EpochBarrier']

MEETINGS, NEWS = 'ppdet_ext/meetings', 'ppdet_ext/news'
STOPS_ASKED, LAST_STEP = 'ppdet_ext/stops_asked', 'ppdet_ext/last_step'
SECONDS_BETWEEN_LOOKS = 0.05


def _store(method, *arguments):
    """Calls a method of the store of the processes.

    A signal that arrives while Paddle waits for the answer would break the connection.
    """
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, [*SIGNALS, signal.SIGCHLD])
    try:
        return getattr(core.create_or_get_global_tcp_store(), method)(*arguments)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, usual)


def uses_fleet(cfg):
    """bool: whether to use ``fleet``, which mistakes a single process for a pipeline."""
    return bool(cfg.get('fleet')) and dist.ParallelEnv().world_size > 1


def barrier():
    """Waits until all processes have called this as often as this one.

    Raises:
        RuntimeError: one of them has ended with an error.
    """
    processes = dist.get_world_size()
    if processes < 2:
        return
    arrived = _store('add', MEETINGS, 1)
    complete = -(-arrived // processes) * processes
    while arrived < complete:
        if _store('add', ERRORS, 0):
            raise RuntimeError('another process has ended with an error')
        time.sleep(SECONDS_BETWEEN_LOOKS)
        arrived = _store('add', MEETINGS, 0)


def broadcast_from_rank0(find):
    """Returns to all processes what the first one finds.

    Args:
        find (callable): returns a str; called in the first process only.

    Returns:
        str: what it returned.
    """
    first, alone = dist.get_rank() == 0, dist.get_world_size() < 2
    found = find() if first else None
    if alone:
        return found
    if first:
        _store('set', NEWS, found)
    barrier()
    found = bytes(_store('get', NEWS)).decode()
    barrier()  # it must not be replaced before all have read it
    return found


class EpochBarrier(Callback):
    """Lets the other processes wait while the first one saves and evaluates."""

    def on_step_begin(self, status):
        """Starts the first step of an epoch once all processes have reached it."""
        if status['mode'] == 'train' and status['step_id'] == 0:
            barrier()


class DistributedStop:
    """Lets all processes stop after the same step, whichever of them is asked to.

    The first process announces the last step before it takes part in that step itself. The others
    cannot finish the step without it, so they know by then.

    Args:
        request (StopRequest): of this process.
    """

    def __init__(self, request):
        self.request = request
        self._asked = False
        self._last = None

    def due(self, step):
        """Tells whether to stop before a step.

        Args:
            step (int): its number within the run, from 1.

        Returns:
            bool: the same in all processes.
        """
        if dist.get_world_size() < 2:
            return self.request.signal is not None
        if self.request.signal is not None and not self._asked:
            self._asked = True
            _store('add', STOPS_ASKED, 1)
        if dist.get_rank() == 0:
            if self._last is None and _store('add', STOPS_ASKED, 0):
                self._last = _store('add', LAST_STEP, step)
            return self._last is not None and step > self._last
        try:
            return 0 < _store('add', LAST_STEP, 0) < step
        except RuntimeError:  # the first process, which keeps the store, has ended
            if self.request.signal is None:
                raise
            return True
