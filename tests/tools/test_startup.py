# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What a tool imports before it works, and whose package."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ppdet_ext.utils import missing_package

TOOLS = Path(__file__).parents[2] / 'tools'
HEAVY = ('paddle', 'ppdet', 'scipy', 'matplotlib', 'numba', 'visualdl')
# Runs a tool as its command line does and then prints which of the packages it has imported.
PROGRAM = f'''
import runpy, sys
sys.path[0] = {str(TOOLS)!r}
try:
    runpy.run_path(sys.argv[0], run_name='__main__')
finally:
    print('imported:', *(name for name in {HEAVY} if name in sys.modules))
'''


def run(*command, cwd=None, **environment):
    return subprocess.run([sys.executable, *map(str, command)], cwd=cwd, text=True,
                          capture_output=True, env={**os.environ, **environment})


def run_tool(tool, *options):
    """The last line that a tool prints."""
    argv = [str(TOOLS / tool), *map(str, options)]
    done = run('-c', f'import sys; sys.argv = {argv!r}\n{PROGRAM}')
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize('tool', sorted(path.name for path in TOOLS.glob('*.py')
                                        if path.name != 'checkout.py'))
def test_help_needs_no_paddle(tool):
    assert run_tool(tool, '--help') == 'imported:'


def test_data_is_prepared_without_paddle(tmp_path):
    data = tmp_path / 'data'
    lines = {run_tool('make_synthetic_steel.py', '--output', data, '--images_per_class', '10'),
             run_tool('prepare_neu_det.py', '--check', '--output', data),
             run_tool('make_few_shot.py', '--dataset_dir', data, '--split', '2', '--shots', '1',
                      '--detector', 'nano')}
    assert lines <= {'imported:', 'imported: matplotlib'}, 'the check draws'


def test_paddle_before_the_package_is_refused():
    done = run('-c', 'import checkout; import paddle', cwd=TOOLS)
    assert done.returncode == 1
    assert done.stderr == 'error: paddle is imported before checkout.load() is called\n'


def test_a_missing_package_is_one_line_with_the_remedy(tmp_path):
    (tmp_path / 'yaml.py').write_text('import no_such_package')
    done = run(TOOLS / 'train.py', '--help', PYTHONPATH=str(tmp_path))
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert done.stderr.startswith("error: No module named 'no_such_package'. Install what ")
    assert 'pip install -e . in its folder' in done.stderr


def test_the_remedy_installs_paddle_only_where_there_is_none(monkeypatch):
    monkeypatch.setattr(sys, 'path', [])
    monkeypatch.setattr(sys, 'path_importer_cache', {})
    assert 'pip install -e ".[cpu]" in its folder' in missing_package._remedy()


def test_loading_registers_as_importing_does():
    done = run('-c', 'import checkout; checkout.load(); checkout.load()\n'
               'import ppdet.slim, ppdet_ext\n'
               'print(ppdet_ext.__version__, ppdet_ext.slim.build_slim_model is '
               'ppdet.slim.build_slim_model)', cwd=TOOLS)
    assert done.stdout.split() == ['0.1.0', 'True'], done.stderr


def test_a_tool_uses_the_packages_beside_it(tmp_path):
    for name in ('tools', 'ppdet_ext/utils', 'deploy'):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(TOOLS / 'checkout.py', tmp_path / 'tools')
    (tmp_path / 'tools' / 'tool.py').write_text(
        'import checkout\nimport ppdet_ext.utils.place\ncheckout.load()')
    package = tmp_path / 'ppdet_ext'
    runner = tmp_path / 'deploy' / '__init__.py'
    for path in (package / '__init__.py', runner):
        path.write_text('print("package", __file__)')
    (package / 'utils' / '__init__.py').write_text('')
    (package / 'utils' / 'missing_package.py').write_text('def explain(): pass')
    (package / 'utils' / 'place.py').write_text('print("module", __file__)')
    # The other one, which is installed, is found first everywhere else.
    done = run(tmp_path / 'tools' / 'tool.py', PYTHONPATH=str(TOOLS.parent))
    assert done.stdout.splitlines() == [f'module {package / "utils" / "place.py"}',
                                        f'package {package / "__init__.py"}',
                                        f'package {runner}'], done.stderr
