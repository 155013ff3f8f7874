# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Shared by the command lines of all tools; needs no Paddle."""
import argparse
import contextlib
import os
import signal
import sys
import traceback

from .error_text import is_ours, place, summary
from .options import FRACTION, NOT_NEGATIVE, integer

__all__ = ['boolean', 'fraction', 'not_empty', 'not_negative', 'plain_parser', 'positive',
           'add_verbose', 'run_tool']


def plain_parser(description):
    """argparse.ArgumentParser: of a tool that takes no config."""
    parser = argparse.ArgumentParser(description=description)
    add_verbose(parser)
    return parser


def add_verbose(parser):
    parser.add_argument('--verbose', action='store_true', help='show tracebacks of errors')


def boolean(text):
    """bool: what ``--flag=true``, ``--flag False`` ... mean."""
    values = {'true': True, 'yes': True, '1': True, 'false': False, 'no': False, '0': False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f'expected true or false, got "{text}"')
    return values[text.lower()]


def positive(text):
    """int: the value of a flag that counts something."""
    return _number(text, integer(1))


def not_negative(text):
    """float: the value of a flag."""
    return float(_number(text, NOT_NEGATIVE))


def fraction(text):
    """float: a score, or a part of a whole; 50 for 50 % would be above all scores."""
    return float(_number(text, FRACTION))


def _number(text, kind):
    try:
        number = int(text) if text.isdecimal() else float(text)
    except ValueError:
        number = None
    if not kind.fits(number):
        raise argparse.ArgumentTypeError(f'expected {kind.words}, got "{text}"')
    return number


def not_empty(text):
    """str: the text; an empty one comes from a shell variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError('expected a value, got an empty text; is a shell variable '
                                         'not set?')
    return text


def _is_expected(error):
    """bool: whether the error's own text is enough, being written for the user."""
    return isinstance(error, (OSError, ImportError, FloatingPointError)) or (
        isinstance(error, ValueError) and is_ours(error))


def _describe(error):
    """str: one line; an error of the operating system names the path and what to do."""
    path = getattr(error, 'filename', None)
    if isinstance(error, OSError) and path is not None:
        return (f'{path}: {error.strerror}; give another path, or correct what is there or its '
                f'permissions')
    if _is_expected(error) and str(error):
        return str(error)
    return f'{summary(error)}, in {place(error)}; --verbose shows the traceback'


def _warn_of_file_names():
    """Warns if file names are read as ASCII, as in a container or service without a locale."""
    encoding = sys.getfilesystemencoding()
    if encoding.lower() not in ('utf-8', 'utf8'):
        print(f'warning: Python reads file names as {encoding} here, so that names with Chinese '
              f'or accented letters are not found; set PYTHONUTF8=1', file=sys.stderr)


class Stopped(KeyboardInterrupt):
    """A signal that would have ended the process without any clean-up.

    Args:
        number (int): the signal.
    """

    def __init__(self, number):
        super().__init__()
        self.exit_code = 128 + number


def _stop_at_signals():
    """Lets SIGTERM and a closed terminal end this process as Ctrl-C does.

    Otherwise temporary files would stay, and commands that it has started go on.
    """
    process = os.getpid()

    def stop(number, frame):
        if os.getpid() == process:
            raise Stopped(number)
        signal.signal(number, signal.SIG_DFL)  # in a process that loads images
        os.kill(os.getpid(), number)

    for name in ('SIGTERM', 'SIGHUP'):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, stop)


def _say(text):
    with contextlib.suppress(OSError):  # what reads it may have been stopped too
        print(text, file=sys.stderr, flush=True)


def run_tool(main, earlier_error=lambda text: None):
    """Runs a tool's ``main(argv)``; any error ends it with one line and code 1.

    Ctrl-C ends it with one line and code 130, as shells expect, SIGTERM with 143.

    Args:
        main (callable): the tool.
        earlier_error (callable): is given this process's error and returns that of another
            process, which is the cause, or None.
    """
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a character must not fail work that is done.
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
    _warn_of_file_names()
    _stop_at_signals()
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt as stop:
        _say(str(stop) or 'interrupted')
        sys.exit(getattr(stop, 'exit_code', 130))
    except Exception as error:
        text = _describe(error)
        earlier = earlier_error(text)
        if '--verbose' in sys.argv:
            traceback.print_exc()
        # If another process failed first, an unexpected error here is only its consequence.
        for line in (text if _is_expected(error) or earlier is None else None, earlier):
            if line is not None:
                _say(f'error: {line}')
        sys.exit(1)
