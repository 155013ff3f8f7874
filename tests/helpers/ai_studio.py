# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Plays AI Studio: a home folder elsewhere, mounted data, pip that installs for the user, no make.

As a program it lays such a machine out, with a Python of its own that has a Paddle and a NumPy too
new for paddledet, and without the project::

    python tests/helpers/ai_studio.py FOLDER PYTHON
"""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
# What is there before the project; AI Studio's users name Paddle 3.1 and 3.2.
PREINSTALLED = ('paddlepaddle==3.2.2', 'numpy==2.2.6', 'pandas==2.3.3', 'matplotlib==3.10.9',
                'ipykernel==7.3.0')
# With what Numba has compiled, which is in __pycache__.
COPIED = ('configs', 'constraints', 'demo', 'deploy', 'notebooks', 'ppdet_ext', 'tools')


class Machine(NamedTuple):
    """A machine that was laid out.

    Attributes:
        home (Path): the home folder; ``data/data123456`` in it is mounted, ``work`` lasts.
        project (Path): a clean copy of the project, in ``work``.
        python (str): its interpreter.
        environment (dict): the variables of its processes.
    """
    home: Path
    project: Path
    python: str
    environment: dict

    @property
    def mounted(self):
        return self.home / 'data' / 'data123456'

    def clean(self):
        """Removes what notebooks have made in the project."""
        made = [*self.project.glob('output*'), *filter(Path.is_dir, self.project.glob('data/*'))]
        for folder in made:
            shutil.rmtree(folder)

    def run(self, *command, **environment):
        """subprocess.CompletedProcess: of a command in the project."""
        return subprocess.run([*map(str, command)], cwd=self.project, text=True,
                              capture_output=True, env={**self.environment, **environment})


def lay_out(folder, python=sys.executable):
    """Lays a machine out.

    Args:
        folder (Path): an empty one.
        python (str): the interpreter, used as it is.

    Returns:
        Machine: its Python has what that of the tests has.
    """
    home = folder / 'home' / 'aistudio'
    project = home / 'work' / 'ppdet_ext'
    (project / 'data').mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, project / name)
    for path in filter(Path.is_file, ROOT.iterdir()):
        shutil.copy(path, project)
    mounted = home / 'data' / 'data123456'
    mounted.mkdir(parents=True)
    (mounted / 'readme.txt').write_text('set up again at every start')
    mounted.chmod(0o555)
    (folder / 'pip.conf').write_text('[install]\nuser = true\n')
    programs = folder / 'bin'
    programs.mkdir()
    for path in Path('/usr/bin').iterdir():
        if 'make' not in path.name:
            (programs / path.name).symlink_to(path)
    environment = {
        **{name: value for name, value in os.environ.items()
           if not name.startswith(('PYTHON', 'JUPYTER', 'VIRTUAL_ENV', 'PPDET_EXT'))},
        'HOME': str(home), 'PATH': f'{Path(python).parent}:{programs}',
        'PIP_CONFIG_FILE': str(folder / 'pip.conf')}
    return Machine(home, project, str(python), environment)


def preinstall(folder, python):
    """Copies a Python that is not a virtual environment and installs what AI Studio has.

    Args:
        folder (Path): an empty one.
        python (str): the interpreter to copy.

    Returns:
        str: the copied interpreter.
    """
    program = 'import sys; print(sys.base_prefix); print("python%d.%d" % sys.version_info[:2])'
    prefix, name = subprocess.check_output([python, '-c', program], text=True).split()
    shutil.copytree(prefix, folder, symlinks=True)
    copied = folder / 'bin' / name
    subprocess.run([copied, '-m', 'pip', 'install', '-q', '--no-input', *PREINSTALLED],
                   check=True, env={**os.environ, 'PIP_USER': '0'})
    return str(copied)


def write_kernel(machine, folder):
    """Describes the machine's Python as the Jupyter kernel ``ai_studio``, below ``folder``."""
    kernel = folder / 'kernels' / 'ai_studio'
    kernel.mkdir(parents=True)
    (kernel / 'kernel.json').write_text(json.dumps({
        'argv': [machine.python, '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
        'display_name': 'AI Studio', 'language': 'python', 'env': machine.environment}))


def find_python():
    """str: a Python 3.10 outside of virtual environments, else the base of the tests' Python."""
    pyenv = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv'))
    candidates = [shutil.which('python3.10'), *sorted(pyenv.glob('versions/3.10*/bin/python3.10'))]
    for candidate in filter(None, candidates):
        # A name may be a launcher without an interpreter behind it.
        tried = subprocess.run([candidate, '-m', 'pip', '--version'], capture_output=True)
        if tried.returncode == 0:
            return str(candidate)
    return os.path.join(sys.base_prefix, 'bin', 'python{}.{}'.format(*sys.version_info))


if __name__ == '__main__':
    target = Path(sys.argv[1]).resolve()
    write_kernel(lay_out(target, preinstall(target / 'python', sys.argv[2])), target / 'jupyter')
