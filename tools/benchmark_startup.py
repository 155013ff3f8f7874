# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Times the imports of Paddle and of ppdet_ext, and --help of every tool, each in new processes."""
import glob
import os
import statistics
import subprocess
import sys
import time

from checkout import TOOLS

from ppdet_ext.utils import command_line


def parse_args(argv):
    parser = command_line.plain_parser(__doc__)
    parser.add_argument('--runs', type=command_line.positive, default=5,
                        help='processes started for each row, which shows their median (default: '
                        '5)')
    return parser.parse_args(argv)


def commands():
    """dict of str to list: what is timed, and the arguments of Python."""
    load = f'import sys; sys.path.insert(0, {TOOLS!r}); import checkout; checkout.load()'
    # Its compiler check warns; a warning takes no time.
    imports = {'import paddle': ['-W', 'ignore', '-c', 'import paddle'],
               'import ppdet_ext': ['-c', load]}
    tools = sorted(set(glob.glob(os.path.join(TOOLS, '*.py')))
                   - {os.path.join(TOOLS, 'checkout.py')})
    return {**imports, **{f'{os.path.basename(tool)} --help': [tool, '--help'] for tool in tools}}


def seconds(arguments):
    """tuple of float: how long a process takes, and for how long it occupies a core."""
    start, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return time.perf_counter() - start, (after.children_user - before.children_user
                                         + after.children_system - before.children_system)


def main(argv):
    args = parse_args(argv)
    print(f'{"median of " + str(args.runs):32}{"seconds":>9}{"of a core":>11}')
    for name, arguments in commands().items():
        seconds(arguments)  # so that its files are in memory
        runs = [seconds(arguments) for _ in range(args.runs)]
        wall, core = (statistics.median(times) for times in zip(*runs))
        print(f'{name:32}{wall:9.2f}{core:11.2f}', flush=True)
    return 0


if __name__ == '__main__':
    command_line.run_tool(main)
