# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What every tool does before and around its work."""
import argparse
import os
import sys
import traceback

import paddle
import ppdet
from ppdet.core.workspace import dict_merge
from ppdet.engine import init_fleet_env, init_parallel_env
from ppdet.utils.cli import ArgsParser
from ppdet.utils.logger import setup_logger

import ppdet_ext

from ..compat.plain_yaml import YamlError, load_yaml
from .master_port import check_master_port
from .process_errors import earlier_error

__all__ = ['ArgumentParser', 'plain_parser', 'boolean', 'not_empty', 'log_versions', 'run_tool',
           'init_processes']

logger = setup_logger('ppdet.engine')


class ArgumentParser(ArgsParser):
    """ppdet's ``-c`` and ``-o`` with an error instead of an assertion, and ``--verbose``."""

    def __init__(self):
        super().__init__()
        _add_verbose(self)

    def parse_args(self, argv=None):
        """Parses the command line; exits with code 2 where it is wrong."""
        known, _ = self.parse_known_args(argv)
        if known.config is None:
            self.error('no config; give one with -c configs/....yml')
        return super().parse_args(argv)

    def _parse_opt(self, opts):
        """Merges all options; of two in one nested section ppdet's own keeps only the last."""
        config = {}
        for option in opts or ():
            key, separator, text = option.strip().partition('=')
            if not separator:
                self.error(f'-o takes key=value pairs, got "{option}"')
            try:
                value = load_yaml(text)
            except YamlError as error:
                self.error(f'-o {option}: the value is no valid YAML ({error.problem})')
            for part in reversed(key.split('.')):
                value = {part: value}
            dict_merge(config, value)
        return config


def plain_parser(description):
    """argparse.ArgumentParser: of a tool that takes no config."""
    parser = argparse.ArgumentParser(description=description)
    _add_verbose(parser)
    return parser


def _add_verbose(parser):
    parser.add_argument('--verbose', action='store_true', help='show tracebacks of errors')


def boolean(text):
    """bool: what ``--flag=true``, ``--flag False`` ... mean."""
    values = {'true': True, 'yes': True, '1': True, 'false': False, 'no': False, '0': False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f'expected true or false, got "{text}"')
    return values[text.lower()]


def not_empty(text):
    """str: the text; an empty one is a variable of the shell that is not set."""
    if not text:
        raise argparse.ArgumentTypeError('is empty')
    return text


def log_versions():
    """Logs versions and places, since a second ppdet on the path is a frequent surprise."""
    for module in (paddle, ppdet, ppdet_ext):
        logger.info(f'{module.__name__} {module.__version__} from '
                    f'{os.path.dirname(module.__file__)}')


def init_processes(cfg):
    """Joins the processes that ``paddle.distributed.launch`` started; does nothing for one.

    Raises:
        ConnectionError: the port at which they meet is in use.
    """
    check_master_port()
    # Fleet would take a single process for a pipeline and stop.
    cfg['fleet'] = bool(cfg.get('fleet')) and paddle.distributed.ParallelEnv().world_size > 1
    if cfg['fleet']:
        init_fleet_env(cfg.get('find_unused_parameters', False))
    else:
        init_parallel_env()


def _describe(error):
    """str: the message of an error; one of the operating system names the path and what to do."""
    path = getattr(error, 'filename', None)
    if path is None:
        return str(error)
    return (f'{path}: {error.strerror}; give another path, or correct what is there or its '
            f'permissions')


def run_tool(main):
    """Runs a tool's ``main(argv)``; an expected error ends it with one line and code 1.

    So does, in several processes, the error of another process. Ctrl-C ends it with one line and
    code 130, as shells expect, SIGTERM in training with 143.
    """
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt as stop:
        print(str(stop) or 'interrupted', file=sys.stderr, flush=True)
        sys.exit(getattr(stop, 'exit_code', 130))
    except Exception as error:
        expected = isinstance(error, (ValueError, OSError, ImportError, FloatingPointError))
        text = _describe(error) if expected else f'{type(error).__name__}: {error}'
        earlier = earlier_error(text)
        if not expected and earlier is None:
            raise
        if '--verbose' in sys.argv:
            traceback.print_exc()
        for line in (text if expected else None, earlier):
            if line is not None:
                print(f'error: {line}', file=sys.stderr, flush=True)
        sys.exit(1)
