# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What setup.py installs, what it requires, and which interpreters make accepts."""
import ast
import os
import re
import runpy
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ppdet_ext

ROOT = Path(__file__).parents[1]
SUPPORTED = ('3.9', '3.10', '3.11')
DISTRIBUTIONS = {'IPython': 'ipython', 'PIL': 'pillow', 'cv2': 'opencv-python',
                 'paddle': 'paddlepaddle', 'ppdet': 'paddledet', 'yaml': 'pyyaml'}


@pytest.fixture(scope='module')
def metadata():
    """The arguments that setup.py gives to setup()."""
    folder = os.getcwd()
    os.chdir(ROOT)
    try:
        with mock.patch('setuptools.setup') as setup:
            runpy.run_path('setup.py')
    finally:
        os.chdir(folder)
    return setup.call_args.kwargs


def requirements(metadata, *extras, python='3.11'):
    """Dict from package name to the versions that are allowed, with those of extras."""
    texts = sum((metadata['extras_require'][extra] for extra in extras),
                metadata['install_requires'])
    return {canonicalize_name(requirement.name): requirement.specifier
            for requirement in map(Requirement, texts)
            if not requirement.marker or requirement.marker.evaluate({'python_version': python})}


def constraints(python):
    lines = (ROOT / 'constraints' / f'python{python}.txt').read_text().splitlines()
    return dict(line.split('==') for line in lines if not line.startswith('#'))


def imported_packages(folder):
    """Names that the modules of a folder import, without Python's own and ppdet_ext."""
    names = set()
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split('.')[0])
    own = {'ppdet_ext', 'deploy', 'checkout', *(path.stem for path in folder.glob('*.py'))}
    return {name for name in names - own if not is_builtin(name)}


def is_builtin(name):
    spec = find_spec(name)
    return spec is not None and 'site-packages' not in (spec.origin or '')


def test_version_is_that_of_the_package(metadata):
    assert metadata['version'] == ppdet_ext.__version__


def test_every_folder_with_code_is_installed(metadata):
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / 'ppdet_ext').rglob('*.py')}
    assert sorted(metadata['packages']) == sorted(
        ['deploy', *('.'.join(folder.parts) for folder in folders)])


def test_every_file_that_is_no_code_is_installed(metadata):
    package = ROOT / 'ppdet_ext'
    others = {path for path in package.rglob('*') if path.is_file() and path.suffix not in (
        '.py', '.pyc', '.nbi', '.nbc')}
    installed = {path for name, patterns in metadata['package_data'].items()
                 for pattern in patterns for path in ROOT.joinpath(*name.split('.')).glob(pattern)}
    assert others == installed and others


@pytest.mark.parametrize('folder', ['ppdet_ext', 'tools', 'demo', 'notebooks'])
def test_every_imported_package_is_required(metadata, folder):
    imported = {DISTRIBUTIONS.get(name, name) for name in imported_packages(ROOT / folder)}
    assert imported <= set(requirements(metadata, 'cpu', 'export', 'notebooks'))


def test_the_runner_needs_numpy_opencv_and_a_runtime_alone(metadata):
    runtimes = set(metadata['extras_require']['deploy'])
    pillow = {'PIL'}  # draws class names outside ASCII, which are numbered without it
    assert imported_packages(ROOT / 'deploy') - pillow == {'numpy', 'cv2', 'paddle', *runtimes}
    assert runtimes < set(metadata['extras_require']['export'])


@pytest.mark.parametrize('python', SUPPORTED)
def test_constraints_pin_every_requirement(metadata, python):
    pins = constraints(python)
    pinned_in_setup = {'paddledet', 'setuptools'}
    extras = 'deploy', 'export', 'notebooks', 'test'
    for name, versions in requirements(metadata, *extras, python=python).items():
        assert name in pinned_in_setup or pins[name] in versions, name


@pytest.mark.parametrize('python', SUPPORTED)
def test_both_opencv_packages_have_the_same_version(python):
    pins = constraints(python)
    assert pins['opencv-python-headless'] == pins['opencv-python']


def fake_interpreter(folder, version):
    """An interpreter that says it is ``version``, or one that does not run for None."""
    path = folder / f'python{version}'
    path.write_text(f'#!/bin/sh\necho {version}\n' if version else '#!/bin/sh\nexit 127\n')
    path.chmod(0o755)
    return path


def dry_run(target, python):
    # A make that runs these tests hands its own flags and level on.
    environment = {k: v for k, v in os.environ.items()
                   if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'PYTHON')}
    return subprocess.run(['make', '-n', f'PYTHON={python}', target], cwd=ROOT, text=True,
                          env=environment, capture_output=True)


@pytest.mark.parametrize('target', ['demo', 'test', 'test-paddle2.6.2', 'test-notebooks'])
@pytest.mark.parametrize('version', ['3.8', '3.12', None])
def test_make_refuses_another_python_with_one_line(tmp_path, target, version):
    python = fake_interpreter(tmp_path, version)
    result = dry_run(target, python)
    assert result.returncode == 2
    assert result.stdout == ''
    assert result.stderr.count('\n') == 1
    reason = f'is Python {version}' if version else 'does not run'
    assert f'{python} {reason}; ppdet_ext needs Python 3.9, 3.10 or 3.11.' in result.stderr
    assert 'make PYTHON=python3.11' in result.stderr


@pytest.mark.parametrize('version', SUPPORTED)
def test_make_installs_what_is_pinned_for_this_python(tmp_path, version):
    python = fake_interpreter(tmp_path, version)
    result = dry_run('test', python)
    assert result.returncode == 0, result.stderr
    commands = result.stdout.splitlines()
    if not (ROOT / '.venv' / f'installed-python{version}').exists():
        assert re.fullmatch(rf'.* "{python}" constraints/python{version}.txt -e '
                            r'"\.\[cpu,backbones,export,notebooks,test\]"', commands[0])
    assert re.fullmatch(r'OMP_NUM_THREADS=1 .venv/bin/python -m pytest .* -q', commands[-1])


@pytest.mark.parametrize('paddle', ['2.6.2', '3.2.2'])
def test_make_installs_the_paddle_that_is_tested(tmp_path, paddle):
    result = dry_run(f'test-paddle{paddle}', fake_interpreter(tmp_path, '3.11'))
    commands = result.stdout.splitlines()
    if not (ROOT / f'.venv-paddle{paddle}' / 'installed-python3.11').exists():
        assert re.search(rf' -e "\.\[backbones,test\]" +paddlepaddle=={paddle} numba$', commands[0])
    assert f'.venv-paddle{paddle}/bin/python -m pytest' in commands[-1]


def test_an_environment_is_made_where_pip_installs_for_the_user(tmp_path):
    """Of a package without contents: what is tested is that pip installs at all."""
    wheel, folder = tmp_path / 'nothing-1.0-py3-none-any.whl', tmp_path / 'environment'
    contents = {'METADATA': 'Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n',
                'WHEEL': 'Wheel-Version: 1.0\nTag: py3-none-any\n', 'RECORD': ''}
    with zipfile.ZipFile(wheel, 'w') as archive:
        for name, text in contents.items():
            archive.writestr(f'nothing-1.0.dist-info/{name}', text)
    (tmp_path / 'constraints.txt').touch()
    (tmp_path / 'pip.conf').write_text('[install]\nuser = true\n[global]\nno-index = true\n')
    environment = {**os.environ, 'PIP_CONFIG_FILE': str(tmp_path / 'pip.conf')}

    def make(python):
        return subprocess.run(
            ['sh', ROOT / 'tools' / 'make_environment.sh', folder, python,
             tmp_path / 'constraints.txt', wheel],
            env=environment, capture_output=True, text=True)

    made = make(sys.executable)
    assert 'Successfully installed nothing' in made.stdout, made.stdout + made.stderr
    (folder / 'in_use').touch()
    make(folder / 'bin' / 'python')
    assert (folder / 'in_use').exists(), 'an environment that renews itself is not emptied'
    by_hand = subprocess.run([folder / 'bin' / 'python', '-m', 'pip', 'install', wheel],
                             env=environment, capture_output=True, text=True)
    assert "Can not perform a '--user' install" in by_hand.stderr


def find_python(folder):
    """What find_python.sh prints where ``folder`` is the current one and all of PATH."""
    return subprocess.check_output(['/bin/sh', ROOT / 'tools' / 'find_python.sh', ''], text=True,
                                   cwd=folder, env={'PATH': str(folder)})


def test_find_python_passes_over_names_that_do_not_run(tmp_path):
    for version, name in ((None, 'python3.11'), ('3.12', 'python3.10'), ('3.9', 'python3.9')):
        fake_interpreter(tmp_path, version).rename(tmp_path / name)
    assert find_python(tmp_path) == f'{tmp_path}/python3.9\n'


def test_find_python_stays_with_the_interpreter_of_the_environment(tmp_path):
    fake_interpreter(tmp_path, '3.11')
    environment = tmp_path / '.venv' / 'bin'
    environment.mkdir(parents=True)
    fake_interpreter(environment, '3.10').rename(environment / 'python')
    assert find_python(tmp_path) == '.venv/bin/python\n'
