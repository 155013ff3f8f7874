# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Says in one line which package is missing; imports none itself."""
import contextlib
import sys
from importlib.machinery import PathFinder

__all__ = ['explain', 'explained']

PYTHONS = (3, 9), (3, 11)  # first and last supported


def explain():
    """From here on an ``ImportError`` ends a program with one line that says what to install.

    With ``--verbose`` on the command line Python still shows the traceback.
    """
    if '--verbose' not in sys.argv:
        sys.excepthook = _in_one_line(sys.excepthook)


@contextlib.contextmanager
def explained():
    """Adds to an ``ImportError`` of the block what to install, and ends programs with one line.

    An import can only raise, and Python would show a traceback through unrelated packages. With
    ``--verbose`` on the command line it still does.

    Raises:
        ImportError: names the package, the Python that misses it and the remedy.
    """
    try:
        yield
    except ImportError as error:
        explain()
        if error.name is None:  # one of ours, with its own remedy
            raise
        raise ImportError(_with_remedy(error)) from error
    except KeyboardInterrupt:
        sys.excepthook = _in_one_line(sys.excepthook)
        raise


def _with_remedy(error):
    """str: an error's text; one without the name of a package has its own remedy."""
    return str(error) if error.name is None else f'{error}. {_remedy()}'


def _remedy():
    found = sys.version_info[:2]
    if not PYTHONS[0] <= found <= PYTHONS[1]:
        return (f'This is Python {found[0]}.{found[1]} ({sys.executable}); ppdet_ext needs 3.9, '
                f'3.10 or 3.11')
    # The extra would replace a Paddle that is there, maybe one for the GPU.
    project = '.' if PathFinder.find_spec('paddle') else '".[cpu]"'
    return (f'Install what ppdet_ext needs into this Python ({sys.executable}): pip install -e '
            f'{project} in its folder, or activate the environment that has it')


def _in_one_line(usual):
    def show(kind, error, traceback):
        if issubclass(kind, (ImportError, KeyboardInterrupt)):
            text = 'interrupted' if kind is KeyboardInterrupt else f'error: {_with_remedy(error)}'
            print(text, file=sys.stderr, flush=True)
        else:
            usual(kind, error, traceback)
    return show
