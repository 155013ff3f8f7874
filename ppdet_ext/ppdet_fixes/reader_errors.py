# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""An unreadable image leaves a run waiting forever.

Defect: images are loaded in a thread, or in processes that a thread listens to.
Without ``worker_num`` an error ends only that thread: training waits for its next
batch until it is killed. With processes the run gets an error that names
neither file nor cause, and then waits for its processes. What PaddleDetection logs
is a traceback without the file. Any Paddle.

If a loading process is killed, an error is raised between any two instructions of the
run. If the run is killed, its loading processes stay.

A loading process may free what the run was about to free, such as the loader of an
earlier epoch. Paddle then waits for threads that this process does not have, and aborts
it where another thread has taken their place.

Patch: the error names the file and the transform, and is raised where the batch is
awaited, after the processes have been ended. A process that was killed is named there,
and all of them end with the run. They leave the run's objects alone.
"""
import functools
import gc
import os
import threading
import time

from paddle.base import core

from ..compat import patching

READER = 'ppdet.data.reader'
LOADER = 'paddle.io.dataloader.dataloader_iter'
WORKER = 'paddle.io.dataloader.worker'
PROCESSES = 'paddle.io.multiprocess_utils'
ITERATORS = ('_DataLoaderIterSingleProcess', '_DataLoaderIterMultiProcess')
SECONDS_TO_END = 5  # for a process that loads images


class ReadingError(ValueError):
    """An image that cannot be read or transformed."""


def patch():
    patching.replace_text(READER, 'Compose.__call__', {
        'for f in self': 'files = file_names(data)\n    for f in self',
        'logger.warning(': 'logger.debug(',
        'raise e': 'raise reading_error(files, f, e) from e',
    })
    patching.replace_text(READER, 'BatchCompose.__call__', {
        'logger.warning(': 'logger.debug(',
        'raise e': "raise reading_error(['a batch'], f, e) from e",
    })
    names = patching.find(READER, 'Compose.__call__')[2].__globals__
    names.update(file_names=_file_names, reading_error=_reading_error)
    patching.wrap(WORKER, '_WorkerException.reraise', _raise_in_one_line)
    patching.wrap(LOADER, '_worker_loop', _end_with_parent)
    for iterator in ITERATORS:
        patching.expect_text(LOADER, f'{iterator}.__next__', 'except StopIteration:')
        patching.wrap(LOADER, f'{iterator}._thread_loop', _keep_error)
        patching.wrap(LOADER, f'{iterator}.__next__', _raise_kept_error)
    patching.replace_in_import(PROCESSES, 'core', _throw_error_if_process_failed=functools.partial(
        _keep_quiet, core._throw_error_if_process_failed))
    os.register_at_fork(after_in_child=gc.freeze)


def _file_names(data):
    samples = data if isinstance(data, (list, tuple)) else [data]
    return [sample.get('im_file', 'an image') for sample in samples]


def _reading_error(files, transform, error):
    return ReadingError(
        f'{" and ".join(files)} cannot be read or transformed: {type(transform).__name__}: '
        f'{type(error).__name__}: {" ".join(str(error).split())}; copy the image again, or correct '
        f'the transform')


def _raise_in_one_line(reraise, self):
    if self.exc_type is ReadingError:
        # The text is a traceback, its last line the error itself.
        raise ReadingError(self.exc_msg.strip().splitlines()[-1].split(': ', 1)[1])
    reraise(self)


def _keep_error(loop, self, *args):
    try:
        loop(self, *args)
    except Exception as error:
        self.reading_error = error
        self._exit_thread_unexpectedly()


def _raise_kept_error(original, self):
    try:
        return original(self)
    except StopIteration:
        raise
    except Exception as error:
        processes = getattr(self, '_workers', ())
        killed = [process.pid for process in processes if process.exitcode]
        self._try_shutdown_all(*([SECONDS_TO_END] if processes else []))
        if hasattr(self, 'reading_error'):
            raise self.reading_error from None
        if killed:
            raise ChildProcessError(
                f'the process {killed[0]}, which loads images, was killed from outside, maybe '
                f'for lack of memory: lower worker_num or the batch size') from error
        raise


def _end_with_parent(loop, *args, **kwargs):
    """Makes a process that loads images end with the run; it would otherwise wait forever."""
    threading.Thread(target=_end_after, args=(os.getppid(), ), daemon=True).start()
    return loop(*args, **kwargs)


def _end_after(parent):
    # A signal at the parent's death would come when the thread ends that started this process.
    while os.getppid() == parent:
        time.sleep(1)
    core._cleanup_mmap_fds()  # else its shared memory would stay
    os._exit(1)


def _keep_quiet(throw):
    """Replaces the function that Paddle calls, between any two instructions, when a process ends.

    An error there could corrupt a checkpoint. The loader notices by itself, while it waits.
    """
    try:
        throw()
    except SystemError:
        pass
