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
LIGHT = {'glob', 'json', 'os', 'pathlib', 're', 'shutil', 'sys', 'zipfile', 'helpers'}
VALUES = r'\S+(?: [^-\s]\S*)*'  # of a flag
UNCONDITIONAL = re.compile(r'^(?:run|train)\(', re.MULTILINE)
COMMAND = re.compile(r'^\$ (.*)', re.MULTILINE)
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
    """Every call of run() and train() in a file: the line, patterns of command and options."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if (isinstance(node, ast.Call) and getattr(node.func, 'id', '') in ('run', 'train')
                and isinstance(node.args[0], (ast.Constant, ast.JoinedStr))):
            options = pattern_of(node.args[1], '.*') if node.args[1:] else ''
            yield node.lineno, pattern_of(node.args[0], VALUES), options


def pattern_of(node, value):
    """str: pattern of a string in Python source, in which ``value`` stands for what is computed."""
    return ''.join(re.escape(part.value) if isinstance(part, ast.Constant) else value
                   for part in getattr(node, 'values', [node]))


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
    assert 'NEU-DET-COCO' not in ''.join(text for _, text in outputs(notebook))
    texts = [text for kind, text in outputs(notebook) if kind != 'text/html']
    assert [path for text in texts for path in ABSOLUTE.findall(text)] == []


@pytest.mark.parametrize('source', SOURCES, ids=lambda path: path.stem)
def test_stored_commands_are_those_of_the_source(source):
    printed = [text for kind, text in outputs(notebook_of(source)) if kind == 'stdout']
    stored = COMMAND.findall(''.join(printed))
    own, shared = ([f'{command} ?{options}' for _, command, options in calls(path)]
                   for path in (source, FOLDER / 'helpers.py'))
    outdated = [line for line in stored
                if not any(re.fullmatch(pattern, line) for pattern in own + shared)]
    missing = [pattern for pattern in own
               if not any(re.fullmatch(pattern, line) for line in stored)]
    assert (outdated, missing) == ([], []), (
        f'make it again: python notebooks/make_notebooks.py {source.stem}')


@pytest.mark.parametrize('source', [*SOURCES, FOLDER / 'helpers.py'], ids=lambda path: path.stem)
def test_commands_are_those_of_the_documentation(source):
    known, found = all_commands(), list(calls(source))
    assert found
    for line, pattern, _ in found:
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


def with_helpers(machine, program, **environment):
    """str: what a program prints that has the helpers of the notebooks."""
    done = machine.run(machine.python, '-c', f'import helpers; {program}',
                       PYTHONPATH=str(machine.project / 'notebooks'), **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    found = with_helpers(machine, 'print(helpers.find_data(*helpers.NEU_DET))', HOME=str(tmp_path))
    assert found == f'{expected and mounted / expected}\n'


@pytest.mark.parametrize('place', ['.', 'data', 'work', 'work/ppdet_ext', 'work/ppdet_ext/data'])
def test_an_uploaded_archive_is_found(place, machine):
    archive = machine.home / place / 'my-parts.zip'
    archive.touch()
    found = with_helpers(machine, "print(helpers.find_data('my-parts.zip'))").strip()
    archive.unlink()
    assert (machine.project / found).resolve() == archive


@pytest.mark.parametrize('name, command, added', [
    ('01_mgd_steel.py', '= neu_det_or_synthetic(',
     'synthetic-steel-coco/annotations/few_shot/split1/train.json'),
    ('04_own_data.py', '= own_data_or_synthetic(',
     'synthetic-parts/gfl_lite0_synthetic-parts.yml'),
    ('05_report_and_threshold.py', '= own_data_or_synthetic(',
     'synthetic-parts/gfl_lite0_synthetic-parts.yml')])
def test_running_again_keeps_what_was_added_to_the_data(name, command, added, maker, machine):
    machine.clean()
    notebook = maker.read_source(FOLDER / name)
    last = next(number for number, cell in enumerate(notebook.cells) if command in cell.source)
    notebook.cells = notebook.cells[:last + 1]
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
    program = f'{source.split("from helpers")[0]}\nprint(sys.path[0])'
    printed = subprocess.check_output([sys.executable, '-c', program], cwd=tmp_path, text=True)
    assert printed == f'{tmp_path / "work" / "ppdet_ext-main" / "notebooks"}\n'


@pytest.mark.parametrize('fails', [False, True])
def test_a_background_task_packs_what_there_is(fails, tmp_path, monkeypatch, capsys):
    """Also without a report; and the exported folder stays, as one with other files is refused."""
    monkeypatch.chdir(tmp_path)
    exported = tmp_path / 'output_inference' / 'gfl_lite0_my-parts'
    report, name = tmp_path / 'output' / 'report', 'gfl_lite2_my-parts_mgd_distill'
    for path in (exported / 'model.onnx', report / 'report.html',  # of an earlier run, if it fails
                 report / 'thresholds_distilled_gfl_neu_det_seed0.json',
                 report / f'thresholds_distilled_{name}_seed0.json',
                 tmp_path / 'output' / name / 'best_model.pdparams'):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def run(command, options=''):
        if fails and 'report.py' in command:
            raise RuntimeError('no test images')

    source = (FOLDER / '06_background_task.py').read_text(encoding='utf-8')
    packing = source[source.index("run(f'python tools/export_model.py"):]
    for _ in range(2):
        exec(packing, {'data': 'my-parts', 'run': run, 'glob': glob, 'shutil': shutil,
                       'CommandError': RuntimeError})
    assert [path.name for path in exported.iterdir()] == ['model.onnx']
    with zipfile.ZipFile('output/results.zip') as archive:
        packed = sorted(file for file in archive.namelist() if not file.endswith('/'))
    reported = [] if fails else ['report.html', f'thresholds_distilled_{name}_seed0.json']
    assert packed == ['best_model.pdparams', 'gfl_lite0_my-parts/model.onnx', *reported]
    assert ('no test images' in capsys.readouterr().out.splitlines()[-1]) == fails


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
    assert '没有报告' not in ''.join(text for _, text in outputs(notebook))
    assert all(cell.outputs for cell in notebook.cells if UNCONDITIONAL.search(cell.source))


def test_a_training_is_finished_only_by_its_own_command(machine):
    """A trial, or a run on other data, is neither skipped nor continued, but kept.

    The notebooks above have installed what it needs.
    """
    machine.clean()
    name = 'retinanet_nano_s_neu_det'
    trained = f"""options = f'{{helpers.schedule(1)}} {{helpers.on("data/steel")}}'
helpers.draw_synthetic_steel('data/steel')
for seed in (0, 0, 1):
    helpers.train('python tools/train.py -c configs/nano/{name}.yml --eval',
                  f'{{options}} seed={{seed}}')
    print('next')"""
    first, again, other, _ = with_helpers(machine, f'\n{trained}').split('next')
    assert 'Epoch: [0]' in first
    assert 'nothing is left to do' in again and 'Epoch: [0]' not in again
    assert 'Epoch: [0]' in other
    kept = [path.name for path in (machine.project / 'output').glob(f'{name}*')]
    assert len(kept) == 2 and name in kept


def test_own_data_take_neither_name_nor_epochs_of_the_synthetic(machine):
    machine.clean()
    program = "print(*helpers.own_data_or_synthetic({}), sep='\\n')"
    synthetic, options = with_helpers(machine, program.format('')).splitlines()[-2:]
    assert synthetic == 'synthetic-parts' and 'epoch=1 ' in options
    # Labels whose archive does not name the classes.
    with zipfile.ZipFile(machine.project / 'output/exports/voc.zip') as voc, \
            zipfile.ZipFile(machine.home / 'my-parts.zip', 'w') as archive:
        for name in voc.namelist():
            if name != 'labels.txt':
                archive.writestr(name, voc.read(name))
    classes = 'crazing,inclusion,patches,pitted_surface,rolled-in_scale,scratches'
    prepared = with_helpers(machine, program.format(repr(classes)))
    (machine.home / 'my-parts.zip').unlink()
    assert f'--classes {classes}\n' in prepared
    assert prepared.splitlines()[-2:] == ['my-parts', '-o seed=0']
    # In the folder that lasts it is still there when it is no longer mounted.
    assert with_helpers(machine, program.format("'', 2")).splitlines()[-2] == 'my-parts'


@pytest.mark.skipif(not ALL, reason='needs software that is installed for all notebooks')
def test_the_paddle_that_was_there_stays(machine):
    done = machine.run(machine.python, '-c', 'import paddle, numpy, ppdet_ext; '
                       'print(paddle.__version__, numpy.__version__, ppdet_ext.__file__)')
    assert done.stdout.split() == ['3.2.2', '1.23.5',
                                   str(machine.project / 'ppdet_ext' / '__init__.py')], done.stderr
