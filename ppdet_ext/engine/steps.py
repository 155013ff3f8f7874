# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Steps of a long experiment: commands that are run once, and again only if that is asked for."""
import hashlib
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass

import yaml

from ..data.coco import write_json
from ..data.files import read_json

__all__ = ['Step', 'check_finished']

RECORD = 'run.json'
LAST_LINES = 15  # of a log, in an error


@dataclass(frozen=True)
class Step:
    """Commands that belong together, with a folder of their own for logs, record and result.

    The record ``run.json`` holds the commands, fingerprints of the files they read, and, once they
    have ended, the seconds they took. A step that was killed has no seconds and begins anew.

    Attributes:
        title (str): what messages call it.
        folder (str): of its files.
        commands (tuple of tuple of str): each a tool, ``train`` for ``tools/train.py``, and its
            arguments.
        inputs (tuple of str): files the commands read.
        result (str): path of the file that the last command writes.
        shared (bool): others build on the result, so that it is never replaced.
    """
    title: str
    folder: str
    commands: tuple
    inputs: tuple
    result: str
    shared: bool = False

    @property
    def seconds(self):
        """float or None: how long it took; None where it has not been finished."""
        return self._record().get('seconds') if os.path.isfile(self.result) else None

    @property
    def finished(self):
        """bool: the result is there, whatever the settings."""
        return self.seconds is not None

    def run(self, tools):
        """Runs the commands, each with a log ``<tool>.log``.

        Args:
            tools (str): folder of the tools.

        Raises:
            ChildProcessError: a command failed; the message ends with the last lines of its log.
        """
        os.makedirs(self.folder, exist_ok=True)
        self.forget()
        settings = self._settings()
        self._write({**settings, 'seconds': None})
        start = time.monotonic()
        for tool, *arguments in self.commands:
            _execute([sys.executable, os.path.join(tools, f'{tool}.py'), *arguments],
                     os.path.join(self.folder, f'{tool}.log'))
        self._write({**settings, 'seconds': round(time.monotonic() - start, 1)})

    def forget(self):
        """Removes the result, so that the step counts as not finished."""
        if os.path.exists(self.result):
            os.remove(self.result)

    def differences(self):
        """list of str: in what the settings differ from those that the result was made with."""
        then, now = self._record(), self._settings()
        words_then, words_now = (sum(settings['commands'], []) for settings in (then, now))
        old = [word for word in words_then if word not in words_now]
        new = [word for word in words_now if word not in words_then]
        changed = [f'then {shlex.join(old) or "without"}, now {shlex.join(new) or "without"}'
                   ] if words_then != words_now else []
        return changed + [f'{path} has another content' for path, content in now['inputs'].items()
                          if then['inputs'].get(path, content) != content]

    def _settings(self):
        return {'commands': [list(command) for command in self.commands],
                'inputs': {path: _fingerprint(path) for path in self.inputs}}

    def _record(self):
        path = os.path.join(self.folder, RECORD)
        if not os.path.isfile(path):
            return {}
        return read_json(path)

    def _write(self, record):
        write_json(os.path.join(self.folder, RECORD), record)


def check_finished(steps, overwrite=False):
    """Makes sure that what is finished was made with the settings of now.

    Args:
        steps (iterable of Step): all that are planned.
        overwrite (bool): forget results of other settings, but for shared ones.

    Raises:
        ValueError: a step was finished with other settings; the message names them.
    """
    changed = {step: step.differences() for step in steps if step.finished}
    changed = {step: differences for step, differences in changed.items() if differences}
    for step, differences in changed.items():
        if step.shared or not overwrite:
            others = '' if step.shared else ', another --name, or --overwrite to run it again'
            raise ValueError(f'{step.folder}: {step.title} was finished with other settings: '
                             f'{"; ".join(differences)}. Give another --output{others}')
    for step in changed:
        step.forget()


def _fingerprint(path):
    """str or None: stands for the content; comments and layout of a YAML do not count."""
    if not os.path.isfile(path):
        return None
    with open(path, 'rb') as f:
        content = f.read()
    if path.endswith(('.yml', '.yaml')):
        content = yaml.serialize(yaml.compose(content)).encode()
    return hashlib.sha256(content).hexdigest()


def _execute(command, log):
    with open(log, 'w', encoding='utf-8') as f:
        f.write(f'{shlex.join(command)}\n')
        f.flush()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f,
                                   stderr=subprocess.STDOUT)
        try:
            process.wait()
        except BaseException:
            # Paddle's handler of a softer signal can wait for ever.
            process.kill()
            process.wait()
            raise
    if process.returncode:
        with open(log, encoding='utf-8', errors='replace') as f:
            last = ''.join(f.readlines()[-LAST_LINES:])
        raise ChildProcessError(f'{os.path.basename(command[1])} ended with code '
                                f'{process.returncode}; the end of {log}:\n{last}')
