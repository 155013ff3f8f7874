# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What every tool does before and around its work."""
import argparse
import datetime
import os
import platform
import re
import sys
import traceback

import paddle
import ppdet
from ppdet.core.workspace import dict_merge
from ppdet.engine import init_fleet_env, init_parallel_env
from ppdet.utils.cli import ArgsParser
from ppdet.utils.logger import setup_logger

import ppdet_ext

from ..safe_io.safe_yaml import YamlError, load_yaml
from ..utils.error_text import is_ours, place, summary
from ..utils.files import write_json
from .master_port import check_master_port
from .process_errors import earlier_error

__all__ = ['ArgumentParser', 'plain_parser', 'boolean', 'not_empty', 'apply_flags', 'log_versions',
           'keep_command', 'run_tool', 'init_processes']

logger = setup_logger('ppdet.engine')


class ArgumentParser(ArgsParser):
    """ppdet's ``-c``, once, and ``-o``, as often as wanted, and ``--verbose``."""

    def __init__(self):
        super().__init__()
        _add_verbose(self)

    def add_argument(self, *names, **options):
        """As argparse's, for ppdet's flags too."""
        return super().add_argument(*names, **{**options, **ACTIONS.get(names[0], {})})

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


class _Once(argparse.Action):
    def __call__(self, parser, namespace, value, option_string=None):
        if getattr(namespace, self.dest) is not None:
            parser.error(f'{option_string} is given twice: {getattr(namespace, self.dest)}, '
                         f'{value}; give one')
        setattr(namespace, self.dest, value)


# Else the last of several would win silently.
ACTIONS = {'-c': {'action': _Once}, '-o': {'action': 'extend'}}


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


def positive(text):
    """int: the value of a flag that counts something; ValueError, which argparse reports."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def not_empty(text):
    """str: the text; an empty one is a variable of the shell that is not set."""
    if not text:
        raise argparse.ArgumentTypeError('is empty')
    return text


def apply_flags(cfg, args, names):
    """Puts flags that were given into the configuration, where they win over all.

    Args:
        cfg (dict): ppdet's configuration.
        args (argparse.Namespace): the flags; None for one that was not given.
        names (iterable of str): which of them.
    """
    given = {name: getattr(args, name) for name in names}
    cfg.update({name: value for name, value in given.items() if value is not None})


def log_versions():
    """Logs versions and places, since a second ppdet on the path is a frequent surprise."""
    for module in (paddle, ppdet, ppdet_ext):
        logger.info(f'{module.__name__} {module.__version__} from '
                    f'{os.path.dirname(module.__file__)}')


def keep_command(folder, tool, argv, **facts):
    """Writes ``<tool>_command.json``: what was run, when and with what; the first process only.

    Args:
        folder (str): where; it is made.
        tool (str): ``train`` or ``eval``.
        argv (list of str): its arguments.
        **facts: what else whoever reads the results should know.
    """
    if paddle.distributed.get_rank() != 0:
        return
    os.makedirs(folder, exist_ok=True)
    versions = {module.__name__: module.__version__ for module in (paddle, ppdet, ppdet_ext)}
    write_json(os.path.join(folder, f'{tool}_command.json'), {
        'commands': [[tool, *argv]], 'date': datetime.datetime.now().isoformat(' ', 'minutes'),
        'versions': {'python': platform.python_version(), **versions}, 'machine': machine(),
        **facts})


def machine():
    """str: the processor and how many of its cores are there, and the GPU, if one is used."""
    processor = platform.machine()
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo', encoding='utf-8') as file:
            found = re.search(r'model name\s*: (.+)', file.read())
        processor = found.group(1) if found else processor
    text = f'{os.cpu_count()} cores of {processor}'
    if paddle.device.get_device().startswith('gpu'):
        text = f'{paddle.device.cuda.get_device_name()}, {text}'
    return text


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


def _is_expected(error):
    """bool: whether the error's own text says all, being written for the user."""
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


def run_tool(main):
    """Runs a tool's ``main(argv)``; any error ends it with one line and code 1.

    So does, in several processes, the error of another process. Ctrl-C ends it with one line and
    code 130, as shells expect, SIGTERM in training with 143.
    """
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt as stop:
        print(str(stop) or 'interrupted', file=sys.stderr, flush=True)
        sys.exit(getattr(stop, 'exit_code', 130))
    except Exception as error:
        text = _describe(error)
        earlier = earlier_error(text)
        if '--verbose' in sys.argv:
            traceback.print_exc()
        # An unexpected one is what the other process's end has done to this one.
        for line in (text if _is_expected(error) or earlier is None else None, earlier):
            if line is not None:
                print(f'error: {line}', file=sys.stderr, flush=True)
        sys.exit(1)
