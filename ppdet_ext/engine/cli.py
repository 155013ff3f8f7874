# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The command line of tools that take a config."""
import argparse
import os
import sys

from ..config.yaml_file import merge_settings
from ..safe_io.safe_yaml import YamlError, load_yaml
from ..utils import command_line
from ..utils.command_line import (
    add_verbose,
    boolean,
    fraction,
    not_empty,
    not_negative,
    plain_parser,
    positive,
)
from ..utils.missing_package import explained

__all__ = ['ArgumentParser', 'plain_parser', 'boolean', 'fraction', 'not_empty', 'not_negative',
           'positive', 'settings', 'log_versions', 'run_tool', 'init_processes']


class ArgumentParser(argparse.ArgumentParser):
    """PaddleDetection's ``-c``, once, and ``-o``, as often as wanted, and ``--verbose``."""

    def __init__(self, **options):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self.add_argument('-c', '--config', action=_Once, help='YAML of the detector')
        self.add_argument('-o', '--opt', nargs='*', action='extend', metavar='KEY=VALUE',
                          help='settings that override the YAML, such as epoch=3 a.b=1')
        add_verbose(self)

    def parse_args(self, argv=None):
        """Parses the command line; exits with code 2 where it is wrong."""
        args = super().parse_args(argv)
        if args.config is None:
            self.error('no config; give one with -c configs/....yml')
        args.opt = self.parse_options(args.opt)
        return args

    def parse_options(self, options, flag='-o'):
        """dict: nested settings of a flag's ``key=value`` texts; the last one for a key counts."""
        config = {}
        for option in options or ():
            key, separator, text = option.strip().partition('=')
            if not separator:
                self.error(f'{flag} takes key=value pairs, got "{option}"')
            try:
                value = load_yaml(text)
            except YamlError as error:
                self.error(f'{flag} {option}: the value is not valid YAML ({error.problem})')
            for part in reversed(key.split('.')):
                value = {part: value}
            merge_settings(config, value)
        return config


class _Once(argparse.Action):
    def __call__(self, parser, namespace, value, option_string=None):
        if getattr(namespace, self.dest) is not None:
            parser.error(f'{option_string} is given twice: {getattr(namespace, self.dest)}, '
                         f'{value}; give one')
        setattr(namespace, self.dest, value)


def settings(args, names):
    """Collects what the command line sets in the configuration.

    Args:
        args (argparse.Namespace): the parsed command line; None for a flag that was not given.
        names (iterable of str): the flags that are keys of the configuration, and override ``-o``.

    Returns:
        dict: nested settings.
    """
    given = {name: getattr(args, name) for name in names}
    return {**args.opt, **{name: value for name, value in given.items() if value is not None}}


def log_versions():
    """Logs versions and places, since a second ppdet on the path is a frequent surprise."""
    import paddle
    import ppdet
    from ppdet.utils.logger import setup_logger

    import ppdet_ext
    from ppdet_ext.compat import tested_versions

    logger = setup_logger('ppdet.engine')
    for module in (paddle, ppdet, ppdet_ext):
        logger.info(f'{module.__name__} {module.__version__} from '
                    f'{os.path.dirname(module.__file__)}')
    logger.info(tested_versions.describe(paddle.__version__)[1])


def init_processes(cfg):
    """Joins the processes that ``paddle.distributed.launch`` started; does nothing for one.

    Raises:
        ConnectionError: the port at which they meet is in use.
    """
    from ppdet.engine import init_fleet_env, init_parallel_env

    from .master_port import check_master_port
    from .synchronization import uses_fleet

    check_master_port()
    if uses_fleet(cfg):
        init_fleet_env(cfg.get('find_unused_parameters', False))
    else:
        init_parallel_env()


def run_tool(main):
    """Runs a tool as :func:`ppdet_ext.utils.command_line.run_tool` does; of several processes it
    shows the error of the first that failed.
    """
    def explained_main(argv):
        with explained():  # what a tool needs is imported when it works
            return main(argv)

    command_line.run_tool(explained_main, _earlier_error)


def _earlier_error(text):
    if 'paddle' not in sys.modules:
        return None
    from .process_errors import earlier_error
    return earlier_error(text)
