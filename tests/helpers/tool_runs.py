# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Runs a tool in this process as its command line does, and ends others as a power cut would."""
import importlib.util
import pathlib
import sys
import time

import paddle
import psutil
import pytest

from ppdet_ext.engine import cli

TOOLS = pathlib.Path(__file__).parents[2] / 'tools'
TIMEOUT = 300  # seconds, far more than a tool takes with a tiny detector


def imported(name):
    """The module tools/<name>.py."""
    specification = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def refusal(tool, options, monkeypatch, capsys, code=1):
    """str: the one line of the error with which a tool ends; it ends with it and ``code``."""
    monkeypatch.setattr(sys, 'argv', [f'{tool}.py', *map(str, options)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped, paddle.utils.unique_name.guard():
        cli.run_tool(imported(tool).main)
    printed = capsys.readouterr().err
    lines = [line for line in printed.splitlines() if 'error: ' in line]
    assert stopped.value.code == code and len(lines) == 1, printed
    assert printed.rstrip().endswith(lines[0]) and 'Traceback' not in printed
    return lines[0]


def kill_when(process, path):
    """Ends a process and all that it has started as a power cut would, once a file is there.

    Args:
        process (subprocess.Popen): a tool.
        path (pathlib.Path): of the file.
    """
    end = time.monotonic() + TIMEOUT
    while not path.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    started = psutil.Process(process.pid).children(recursive=True)
    for each in (psutil.Process(process.pid), *started):
        each.kill()
    process.wait()
    psutil.wait_procs(started)
    assert path.exists()
