# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What every tool does before and around its work."""
import argparse
import os

import paddle
import ppdet
from ppdet.core.workspace import dict_merge
from ppdet.engine import init_fleet_env, init_parallel_env
from ppdet.utils.cli import ArgsParser
from ppdet.utils.logger import setup_logger

import ppdet_ext

from ..safe_io.safe_yaml import YamlError, load_yaml
from ..utils import command_line
from ..utils.command_line import add_verbose, boolean, not_empty, plain_parser, positive
from .master_port import check_master_port
from .process_errors import earlier_error

__all__ = ['ArgumentParser', 'plain_parser', 'boolean', 'not_empty', 'positive', 'apply_flags',
           'log_versions', 'run_tool', 'init_processes']

logger = setup_logger('ppdet.engine')


class ArgumentParser(ArgsParser):
    """ppdet's ``-c``, once, and ``-o``, as often as wanted, and ``--verbose``."""

    def __init__(self):
        super().__init__()
        add_verbose(self)

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


def run_tool(main):
    """As :func:`ppdet_ext.utils.command_line.run_tool`; in several processes the error of another
    one ends it too.
    """
    command_line.run_tool(main, earlier_error)
