# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The notebooks run from a clean copy, as their sources, with commands of the documentation.

One of them is executed here; all, on a machine like AI Studio's whose software is installed by
the first of them, with PPDET_EXT_NOTEBOOKS=all (``make test-notebooks``).
"""
import ast
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import ai_studio
import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from pages import all_commands

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'notebooks'
ALL = os.environ.get('PPDET_EXT_NOTEBOOKS') == 'all'
SOURCES = sorted(FOLDER.glob('[0-9]*.py'))
EXECUTED = [path.name for path in SOURCES] if ALL else ['03_dkan_new_classes.py']
LARGEST = 1_000_000  # bytes of a notebook
LIGHT = {'glob', 'json', 'os', 'pathlib', 're', 'shutil', 'sys', 'zipfile', 'helpers', 'exports'}
VALUES = r'\S+(?: [^-\s]\S*)*'  # of a flag
UNCONDITIONAL = re.compile(r'^run\(', re.MULTILINE)
TIMEOUT = 1200  # seconds that a cell may take
ABSOLUTE = re.compile(r'''(?:^|[\s'"=(:])(/(?:home|root|work|tmp|usr|opt|mnt|data)/\S*)''')


@pytest.fixture(scope='module')
def maker():
    """The module that makes notebooks of their sources."""
    spec = importlib.util.spec_from_file_location('make_notebooks', FOLDER / 'make_notebooks.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp('machine')
    python = sys.executable
    if ALL:
        python = ai_studio.preinstall(folder / 'python', ai_studio.find_python())
    laid_out = ai_studio.lay_out(folder, python)
    laid_out.environment['PPDET_EXT_QUICK'] = '1'
    ai_studio.write_kernel(laid_out, folder / 'jupyter')
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv('JUPYTER_PATH', str(folder / 'jupyter'))
        yield laid_out


def notebook_of(source):
    return nbformat.read(source.with_suffix('.ipynb'), as_version=4)


def cells(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def outputs(notebook):
    """list of tuple: kind and text of everything that a notebook shows."""
    shown = []
    for output in (output for cell in notebook.cells for output in cell.get('outputs', ())):
        if output.output_type == 'stream':
            shown.append((output.name, output.text))
        else:
            shown += output.get('data', {'error': output.get('evalue')}).items()
    return shown


def calls(path):
    """Every call of run() in a file: the line, and a pattern of its command."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'run':
            parts = getattr(node.args[0], 'values', [node.args[0]])
            yield node.lineno, ''.join(re.escape(part.value) if isinstance(part, ast.Constant)
                                       else VALUES for part in parts)


@pytest.mark.parametrize('source', SOURCES, ids=lambda path: path.stem)
def test_the_notebook_is_its_source_and_carries_output(source, maker):
    notebook = notebook_of(source)
    assert cells(notebook) == cells(maker.read_source(source)), (
        f'make it again: python notebooks/make_notebooks.py {source.stem}')
    assert all(cell.outputs for cell in notebook.cells if UNCONDITIONAL.search(cell.source))
    assert 'error' not in [output.output_type for cell in notebook.cells
                           for output in cell.get('outputs', ())]


@pytest.mark.parametrize('source', SOURCES, ids=lambda path: path.stem)
def test_stored_output_is_small_synthetic_and_of_no_machine(source):
    notebook = notebook_of(source)
    assert source.with_suffix('.ipynb').stat().st_size < LARGEST
    assert '合成（synthetic）' in notebook.cells[0].source
    assert 'prepare_neu_det' not in ''.join(text for _, text in outputs(notebook))
    texts = [text for kind, text in outputs(notebook) if kind != 'text/html']
    assert [path for text in texts for path in ABSOLUTE.findall(text)] == []


@pytest.mark.parametrize('source', [*SOURCES, FOLDER / 'helpers.py'], ids=lambda path: path.stem)
def test_commands_are_those_of_the_documentation(source):
    known, found = all_commands(), list(calls(source))
    assert found
    for line, pattern in found:
        assert any(re.fullmatch(pattern, command) for command in known), (
            f'{source.name}, line {line}: {pattern}')


@pytest.mark.parametrize('source', SOURCES, ids=lambda path: path.stem)
def test_a_command_runs_where_its_failure_is_seen(source, maker):
    """Under ``!`` or a magic a failure passes, and heavy packages stay out of the kernel."""
    for cell in maker.read_source(source).cells:
        if cell.cell_type == 'code':
            imported = {name.name.split('.')[0] if isinstance(node, ast.Import) else node.module
                        for node in ast.walk(ast.parse(cell.source))  # magics are no Python
                        if isinstance(node, (ast.Import, ast.ImportFrom)) for name in node.names}
            assert imported <= LIGHT
            assert 'system(' not in cell.source


@pytest.mark.parametrize('command, error', [
    ('python -c "raise SystemExit(3)"', 'CommandError'),
    ('python tools/train.py -c configs/nowhere.yml', 'CommandError'),
    ('no-such-program x', 'FileNotFoundError')])
def test_a_failing_command_fails_the_notebook(command, error, maker, machine):
    notebook = nbformat.v4.new_notebook(cells=[
        nbformat.v4.new_code_cell(f'from helpers import run\nrun({command!r})\nprint("went on")')])
    with pytest.raises(CellExecutionError) as failure:
        maker.execute(notebook, machine.project / 'notebooks', 'ai_studio', TIMEOUT)
    assert failure.value.ename == error
    assert 'went on' not in ''.join(text for _, text in outputs(notebook))


@pytest.mark.parametrize('names, expected', [
    (['my-parts.zip'], None),
    (['NEU-CLS.zip', 'NEU-DET-fewshot-splits.tar.gz'], None),
    (['NEU-CLS.zip', 'NEU-DET-fewshot-splits.tar.gz', 'NEU-DET.zip'], 'NEU-DET.zip'),
    (['NEU-DET (1).zip'], 'NEU-DET (1).zip')], ids=str)
def test_neu_det_is_found_where_ai_studio_mounts_it(names, expected, machine, tmp_path):
    mounted = tmp_path / 'data' / 'data7'
    mounted.mkdir(parents=True)
    for name in names:
        (mounted / name).touch()
    done = machine.run(machine.python, '-c',
                       'import helpers; print(helpers.find_data(*helpers.NEU_DET))',
                       PYTHONPATH=str(machine.project / 'notebooks'), HOME=str(tmp_path))
    assert done.stdout == f'{expected and mounted / expected}\n', done.stderr


@pytest.mark.parametrize('name, command, added', [
    ('01_mgd_steel.py', '= neu_det_or_synthetic(',
     'synthetic-steel-coco/annotations/few_shot/split1/train.json'),
    ('04_own_data.py', 'tools/prepare_data.py', 'my-parts/gfl_lite0_my-parts.yml'),
    ('05_report_and_threshold.py', 'tools/prepare_data.py', 'my-parts/gfl_lite0_my-parts.yml')])
def test_running_again_keeps_what_was_added_to_the_data(name, command, added, maker, machine):
    machine.clean()
    notebook = maker.read_source(FOLDER / name)
    last = next(number for number, cell in enumerate(notebook.cells) if command in cell.source)
    notebook.cells = notebook.cells[:last + 1]
    # The cell's trainings are not needed.
    notebook.cells[last].source = notebook.cells[last].source.split(
        "    run('python tools/train")[0]
    folder, changed = machine.project / 'notebooks', machine.project / 'data' / added
    maker.execute(notebook, folder, 'ai_studio', TIMEOUT)
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_text('changed')
    maker.execute(notebook, folder, 'ai_studio', TIMEOUT)
    assert changed.read_text() == 'changed'


@pytest.mark.parametrize('place', ['.', 'data/data123456'])
def test_a_background_task_unpacks_the_project(place, tmp_path):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(tmp_path / place / 'ppdet_ext-main.zip', 'w') as archive:
        archive.write(FOLDER / 'helpers.py', 'ppdet_ext-main/notebooks/helpers.py')
    source = (FOLDER / '06_background_task.py').read_text(encoding='utf-8')
    program = f'{source.split("from exports")[0]}\nprint(sys.path[0])'
    printed = subprocess.check_output([sys.executable, '-c', program], cwd=tmp_path, text=True)
    assert printed == f'{tmp_path / "work" / "ppdet_ext-main" / "notebooks"}\n'


def test_a_background_task_leaves_the_exported_folder_as_it_was(tmp_path, monkeypatch):
    """One that holds other files is refused at the next export."""
    monkeypatch.chdir(tmp_path)
    exported = tmp_path / 'output_inference' / 'gfl_lite0_my-parts'
    report = tmp_path / 'output' / 'report'
    for path in (exported / 'model.onnx', report / 'report.html',
                 report / 'thresholds_distilled_gfl_neu_det.json',  # of another run
                 report / 'thresholds_distilled_gfl_my-parts.json',
                 tmp_path / 'output' / 'gfl_lite2_my-parts_mgd_distill' / 'best_model.pdparams'):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    source = (FOLDER / '06_background_task.py').read_text(encoding='utf-8')
    collecting = source.split("mgd_distill/best_model.pdparams')\n")[1]
    for _ in range(2):
        exec(collecting, {'glob': glob, 'shutil': shutil})
    assert [path.name for path in exported.iterdir()] == ['model.onnx']
    with zipfile.ZipFile('output/results.zip') as archive:
        assert sorted(name for name in archive.namelist() if not name.endswith('/')) == [
            'best_model.pdparams', 'gfl_lite0_my-parts/model.onnx', 'report.html',
            'thresholds_distilled_gfl_my-parts.json']


def test_without_a_project_a_background_task_says_what_is_missing(tmp_path):
    source = (FOLDER / '06_background_task.py').read_text(encoding='utf-8')
    done = subprocess.run([sys.executable, '-c', source], cwd=tmp_path, text=True,
                          capture_output=True)
    assert done.returncode == 1 and 'ppdet_ext*.zip' in done.stderr


@pytest.mark.parametrize('name', EXECUTED)
def test_it_runs_from_a_clean_copy(name, maker, machine):
    machine.clean()
    notebook = maker.read_source(FOLDER / name)
    maker.execute(notebook, machine.project / 'notebooks', 'ai_studio', TIMEOUT)
    assert [path.name for path in machine.mounted.iterdir()] == ['readme.txt']
    assert all(cell.outputs for cell in notebook.cells if UNCONDITIONAL.search(cell.source))


@pytest.mark.skipif(not ALL, reason='needs software that is installed for all notebooks')
def test_the_paddle_that_was_there_stays(machine):
    done = machine.run(machine.python, '-c', 'import paddle, numpy, ppdet_ext; '
                       'print(paddle.__version__, numpy.__version__, ppdet_ext.__file__)')
    assert done.stdout.split() == ['3.2.2', '1.23.5',
                                   str(machine.project / 'ppdet_ext' / '__init__.py')], done.stderr
