# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Steps of a long experiment: commands that run once, and again only on request."""
import hashlib
import os
import shlex
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass

import yaml

from .commands import run_logged
from .cores import usable_cores
from .files import read_json, write_json, write_text

__all__ = ['Step', 'check_finished', 'run_steps']

RECORD = 'run.json'


@dataclass(frozen=True)
class Step:
    """Commands that belong together, with a folder of their own for logs, record and result.

    The record ``run.json`` holds the commands, fingerprints of the files they read, the seconds
    they have taken so far and, once they have ended, the seconds in all. A step that was stopped
    runs its commands again. Absolute paths below the working folder are recorded relative to it,
    so that the folder may be moved.

    Attributes:
        title (str): what messages call it.
        folder (str): of its files.
        commands (tuple of tuple of str): each a tool, ``train`` for ``tools/train.py``, and its
            arguments.
        inputs (tuple of str): files the commands read.
        result (str): path of the file that the last command writes.
        shared (bool): others build on the result, so that it is never replaced.
        resumes (bool): its commands continue where they were stopped, so that their settings must
            be the same from the beginning.
        requires (tuple of Step): what has to be finished before.
        written (tuple of (str, str)): further files the commands read, path and text, which the
            step writes before it runs them.
    """
    title: str
    folder: str
    commands: tuple
    inputs: tuple
    result: str
    shared: bool = False
    resumes: bool = False
    requires: tuple = ()
    written: tuple = ()

    @property
    def seconds(self):
        """float or None: how long it took; None where it has not been finished."""
        return self._record().get('seconds') if os.path.isfile(self.result) else None

    @property
    def finished(self):
        """bool: whether the result exists, whatever the settings."""
        return self.seconds is not None

    @property
    def begun(self):
        """bool: whether commands were run that the next ones continue."""
        return self.resumes and bool(self._record())

    def run(self, tools, threads=None, stopped=None):
        """Runs the commands, each with a log ``<tool>.log``, or ``<tool>_2.log`` for its second.

        Args:
            tools (str): folder of the tools.
            threads (int or None): of each command; None leaves it to them.
            stopped (threading.Event or None): when it is set, the command is ended.

        Raises:
            ChildProcessError: a command failed; the message ends with the last lines of its log.
            KeyboardInterrupt: the step was stopped.
        """
        os.makedirs(self.folder, exist_ok=True)
        if not self.resumes:  # resuming needs the existing files, such as the best snapshot
            self.forget()
        for path, text in self.written:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write_text(path, text)
        record = {**self._settings(), 'seconds': None}
        spent = self._record().get('spent', 0.0) if self.resumes else 0.0
        self._write({**record, 'spent': spent})
        environment = {**os.environ, 'OMP_NUM_THREADS': str(threads)} if threads else None
        start = time.monotonic()
        try:
            for number, (tool, *arguments) in enumerate(self.commands):
                before = [other for other, *_ in self.commands[:number + 1]].count(tool)
                log = f'{tool}.log' if before == 1 else f'{tool}_{before}.log'
                run_logged([sys.executable, os.path.join(tools, f'{tool}.py'), *arguments],
                           os.path.join(self.folder, log), 'a', stopped=stopped, env=environment)
        finally:
            spent = round(spent + time.monotonic() - start, 1)
            self._write({**record, 'spent': spent})
        self._write({**record, 'seconds': spent})

    def forget(self):
        """Removes the result, so that the step counts as not finished."""
        if os.path.exists(self.result):
            os.remove(self.result)

    def differences(self):
        """list of str: how the settings differ from those that the result was made with."""
        then, now = self._record(), self._settings()
        words_then, words_now = (sum(settings['commands'], []) for settings in (then, now))
        words_then = [_moved(word, words_now) for word in words_then]
        old = [word for word in words_then if word not in words_now]
        new = [word for word in words_now if word not in words_then]
        changed = [f'then {shlex.join(old) or "without"}, now {shlex.join(new) or "without"}'
                   ] if words_then != words_now else []
        # Earlier versions recorded absolute paths.
        inputs_then = {_from_here(path): content for path, content in then['inputs'].items()}
        return changed + [f'{path} has another content' for path, content in now['inputs'].items()
                          if inputs_then.get(path, content) != content]

    def _settings(self):
        here = f'={_here()}'
        return {'commands': [[word.replace(here, '=') for word in command]
                             for command in self.commands],
                'inputs': {**{_from_here(path): _file_fingerprint(path) for path in self.inputs},
                           **{_from_here(path): _fingerprint(
                               path, text.encode('utf-8', 'backslashreplace'))
                              for path, text in self.written}}}

    def _record(self):
        path = os.path.join(self.folder, RECORD)
        if not os.path.isfile(path):
            return {}
        return read_json(path)

    def _write(self, record):
        write_json(os.path.join(self.folder, RECORD), record)


def check_finished(steps, overwrite=False):
    """Makes sure that finished steps were run with the present settings.

    Args:
        steps (iterable of Step): all that are planned.
        overwrite (bool): forget results of other settings, but for shared ones.

    Raises:
        ValueError: a step was finished, or one that resumes from its files was begun, with other
            settings; the message names them.
    """
    changed = {step: step.differences() for step in steps if step.finished or step.begun}
    changed = {step: differences for step, differences in changed.items() if differences}
    for step, differences in changed.items():
        if step.resumes:
            raise ValueError(f'{step.folder}: {step.title} was started with other settings: '
                             f'{"; ".join(differences)}. Give another --output, or delete this '
                             f'folder to start over')
        if step.shared or not overwrite:
            others = '' if step.shared else ', another --name, or --overwrite to run it again'
            raise ValueError(f'{step.folder}: {step.title} was finished with other settings: '
                             f'{"; ".join(differences)}. Give another --output{others}')
    for step in changed:
        step.forget()


def _here():
    return os.path.join(os.getcwd(), '')


def _from_here(path):
    """str: a path below the working folder relative to it, any other as it is."""
    return path.removeprefix(_here())


def _moved(word, words):
    """str: the one of ``words`` that names the same file as ``word`` did below another working
    folder, else ``word`` itself."""
    key, _, path = word.partition('=')
    if not os.path.isabs(path):
        return word
    return next((other for other in words if other.startswith(f'{key}=')
                 and path.endswith(os.sep + other[len(key) + 1:])), word)


def _file_fingerprint(path):
    """str or None: fingerprint of a file; None if it does not exist."""
    if not os.path.isfile(path):
        return None
    with open(path, 'rb') as f:
        return _fingerprint(path, f.read())


def _fingerprint(path, content):
    """str: hash of a file's content, for a YAML without its comments and layout."""
    if path.endswith(('.yml', '.yaml')):
        content = yaml.serialize(yaml.compose(content)).encode()
    return hashlib.sha256(content).hexdigest()


def run_steps(steps, tools, jobs=1, begin=lambda step: None, end=lambda step: None):
    """Runs the unfinished steps, each as soon as the steps it requires are finished.

    Args:
        steps (list of Step): in the order in which they should begin.
        tools (str): folder of the tools.
        jobs (int): how many run side by side; with more than one, they share the cores.
        begin (callable): is given each step before it runs.
        end (callable): is given each step after it has run.

    Raises:
        ChildProcessError: a command failed. No further step is begun, and those that run are ended
            first.
        KeyboardInterrupt: likewise.
        ValueError: a step requires a step that is neither finished nor in the list.
    """
    waiting = [step for step in steps if not step.finished]
    threads = max(1, usable_cores() // jobs) if jobs > 1 else None
    running, stopped = {}, threading.Event()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while waiting or running:
                ready = [step for step in waiting
                         if all(other.finished for other in step.requires)]
                if not ready and not running:
                    raise ValueError(f'{waiting[0].title} requires a step that is not in the list')
                for step in ready[:jobs - len(running)]:
                    waiting.remove(step)
                    begin(step)
                    running[pool.submit(step.run, tools, threads, stopped)] = step
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    step = running.pop(future)
                    future.result()
                    end(step)
        except BaseException:
            stopped.set()
            raise
