# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Runs a command with its own log file; the command does not outlive this process."""
import contextlib
import os
import shlex
import signal
import subprocess

__all__ = ['run_logged']

LAST_LINES = 15  # of the log, in an error
POLL_INTERVAL = 0.2  # seconds


def run_logged(command, log, mode='w', show=lambda line: None, stopped=None, **options):
    """Runs a command in a session of its own, which a Ctrl-C of the terminal does not reach.

    Args:
        command (list of str): program and arguments.
        log (str): file of what it prints; the command itself comes first.
        mode (str): ``w`` for a new log, ``a`` to append to it.
        show (callable): is given every line as it appears, without its end.
        stopped (threading.Event or None): when it is set, the command is ended.
        options: further ones of ``subprocess.Popen``, such as ``cwd`` and ``env``.

    Raises:
        ChildProcessError: the command failed; the message ends with the last lines of its log.
        KeyboardInterrupt: it was stopped.
    """
    with open(log, mode, encoding='utf-8') as f, \
            open(log, encoding='utf-8', errors='replace') as printed:
        f.write(f'{shlex.join(command)}\n')
        f.flush()
        printed.seek(0, os.SEEK_END)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f,
                                   stderr=subprocess.STDOUT, start_new_session=True, **options)
        rest = ''
        try:
            while process.returncode is None:
                if stopped and stopped.is_set():
                    raise KeyboardInterrupt
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_INTERVAL)
                *lines, rest = (rest + printed.read()).split('\n')
                for line in lines:
                    show(line)
        except BaseException:
            # A training that is killed continues from the end of an epoch and ends with the same
            # bits as an uninterrupted one; one that is asked to stop would repeat part of an epoch,
            # or, in Paddle's own handler, wait forever.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if process.returncode:
        with open(log, encoding='utf-8', errors='replace') as f:
            last = ''.join(f.readlines()[-LAST_LINES:]).rstrip('\n')
        raise ChildProcessError(f'{os.path.basename(command[1])} ended with code '
                                f'{process.returncode}; the end of {log}:\n{last}')
