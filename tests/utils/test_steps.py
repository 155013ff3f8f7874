# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Steps with a stub tool, which writes what its input file holds and counts its calls."""
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from ppdet_ext.config.yaml_file import check_bases, yaml_files
from ppdet_ext.utils.steps import Step, check_finished, run_steps

STUB = """
import sys, pathlib
source, target = map(pathlib.Path, sys.argv[1:3])
with open('calls', 'a') as f:
    f.write(target.name + ' ')
print('words of the tool')
if source.read_text().startswith('fail'):
    sys.exit('out of luck')
target.write_text(source.read_text())
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools' / 'copy.py').write_text(STUB)
    (tmp_path / 'a.yml').write_text('lr: 1  # comment')
    return tmp_path


@pytest.fixture
def step(folder):
    """Two commands: from a.yml to between, from there to result."""
    commands = (('copy', 'a.yml', 'between'), ('copy', 'between', 'step/result'))
    return Step('a step', 'step', commands, ('a.yml', ), 'step/result')


def calls(folder):
    path = folder / 'calls'
    return path.read_text().split() if path.exists() else []


def test_runs_all_commands_and_is_finished(folder, step):
    assert not step.finished
    step.run('tools')
    assert calls(folder) == ['between', 'result']
    assert step.finished and step.differences() == []
    for log, words in (('copy', 'a.yml between'), ('copy_2', 'between step/result')):
        first, second = (folder / 'step' / f'{log}.log').read_text().splitlines()
        assert first.endswith(f'tools/copy.py {words}') and second == 'words of the tool'


@pytest.mark.parametrize('lost', ['result', 'seconds'])
def test_without_result_or_end_it_is_not_finished(folder, step, lost):
    step.run('tools')
    if lost == 'result':
        os.remove('step/result')
    else:
        record = json.loads((folder / 'step' / 'run.json').read_text())
        (folder / 'step' / 'run.json').write_text(json.dumps({**record, 'seconds': None}))
    assert not step.finished


def test_a_failure_names_the_log_and_shows_its_end(folder, step):
    step.run('tools')
    (folder / 'a.yml').write_text('fail: 1')
    with pytest.raises(ChildProcessError) as failed:
        step.run('tools')
    assert str(failed.value) == ('copy.py ended with code 1; the end of step/copy.log:\n' +
                                 (folder / 'step' / 'copy.log').read_text().rstrip())
    assert str(failed.value).endswith('words of the tool\nout of luck')
    assert not step.finished, 'the result of the first run is gone'


def test_comments_and_layout_of_a_yaml_make_no_difference(folder, step):
    step.run('tools')
    (folder / 'a.yml').write_text('# another comment\nlr:   1')
    check_finished([step])
    (folder / 'a.yml').write_text('lr: 2')
    assert step.differences() == ['a.yml has another content']


@pytest.mark.parametrize('then, now', [('', 'absolute'), ('absolute', ''), ('earlier', '')])
def test_a_changed_file_is_noticed_however_its_path_is_written(folder, step, then, now):
    absolute = dataclasses.replace(step, inputs=(f'{folder}/a.yml', ))
    before, after = (absolute if written == 'absolute' else step for written in (then, now))
    before.run('tools')
    if then == 'earlier':  # version, which recorded absolute paths
        record = json.loads((folder / 'step' / 'run.json').read_text())
        record['inputs'] = {f'{folder}/{path}': of for path, of in record['inputs'].items()}
        (folder / 'step' / 'run.json').write_text(json.dumps(record))
    check_finished([after])
    (folder / 'a.yml').write_text('lr: 2')
    assert after.differences() == ['a.yml has another content']


def test_a_moved_folder_makes_no_difference(folder, step, monkeypatch):
    word = f'EvalDataset.anno_path={folder}/sets/val.json'
    step = dataclasses.replace(step, commands=(*step.commands[:1], (*step.commands[1], word)))
    step.run('tools')
    record = json.loads((folder / 'step' / 'run.json').read_text())
    assert record['commands'][1][-1] == 'EvalDataset.anno_path=sets/val.json'
    moved = folder.parent / 'moved'
    shutil.copytree(folder, moved)
    monkeypatch.chdir(moved)
    for then in ('sets/val.json', '/elsewhere/sets/val.json'):  # of an earlier version
        record['commands'][1][-1] = f'EvalDataset.anno_path={then}'
        (moved / 'step' / 'run.json').write_text(json.dumps(record))
        word = f'EvalDataset.anno_path={moved}/sets/val.json'
        assert dataclasses.replace(step, commands=(
            *step.commands[:1], (*step.commands[1][:-1], word))).differences() == []
    (moved / 'step' / 'run.json').write_text((moved / 'step' / 'run.json').read_text().replace(
        '/elsewhere/sets/val', '/elsewhere/sets/test'))
    assert 'test.json, now' in step.differences()[0]


def test_other_settings_are_refused_and_named(folder, step):
    step.run('tools')
    other = dataclasses.replace(step, commands=(*step.commands[:1],
                                                ('copy', 'between', 'step/result', '-o', 'x=1')))
    with pytest.raises(ValueError, match=r'step: a step was finished with other settings: then '
                       'without, now -o x=1. Give another --output, another --name, or --over'):
        check_finished([other])
    assert step.finished


def test_to_overwrite_makes_what_differs_unfinished(folder, step):
    same = dataclasses.replace(step, folder='same', result='same/result', inputs=(), commands=(
        ('copy', 'a.yml', 'same/result'), ))
    for each in (step, same):
        each.run('tools')
    (folder / 'a.yml').write_text('lr: 2')
    check_finished([step, same], overwrite=True)
    assert same.finished and not step.finished


def test_what_others_build_on_is_never_overwritten(folder, step):
    step = dataclasses.replace(step, shared=True)
    step.run('tools')
    (folder / 'a.yml').write_text('lr: 2')
    with pytest.raises(ValueError, match='a.yml has another content. Give another --output$'):
        check_finished([step], overwrite=True)
    assert step.finished


def test_an_interrupt_ends_the_command(folder, step):
    (folder / 'tools' / 'copy.py').write_text(
        'import os, time\nopen("pid", "w").write(f"{os.getpid()} ")\ntime.sleep(1000)')
    code = ('from ppdet_ext.utils.steps import Step\n'
            f'Step("", "step", {step.commands!r}, (), "step/result").run("tools")')
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, '-c', code], env=environment,
                          stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (
                (folder / 'pid').exists() and (folder / 'pid').read_text().endswith(' ')):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert 'KeyboardInterrupt' in process.communicate()[1]
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / 'pid').read_text()), 0)
    assert not step.finished


def independent(name, **options):
    """A step with one command, which writes its result."""
    return Step(name, name, (('copy', 'a.yml', f'{name}/result'), ), ('a.yml', ),
                f'{name}/result', **options)


def test_what_is_required_runs_first(folder):
    first = independent('first')
    second = independent('second', requires=(first, ))
    run_steps([second, first], 'tools', jobs=2)
    assert first.finished and second.finished
    assert (folder / 'first' / 'result').stat().st_mtime_ns < (
        folder / 'second' / 'result').stat().st_mtime_ns
    run_steps([second, first], 'tools')
    assert len(calls(folder)) == 2, 'what is finished does not run again'


def test_what_requires_a_stranger_is_refused(folder):
    second = independent('second', requires=(independent('first'), ))
    with pytest.raises(ValueError, match='second requires a step that is not in the list'):
        run_steps([second], 'tools')


MEET = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[2]).parent
(folder / 'threads').write_text(os.environ['OMP_NUM_THREADS'])
while len(list(pathlib.Path().glob('*/threads'))) < 2:
    time.sleep(0.01)
pathlib.Path(sys.argv[2]).touch()
"""


def test_jobs_run_side_by_side_and_share_the_cores(folder, monkeypatch):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda process: set(range(6)), raising=False)
    (folder / 'tools' / 'copy.py').write_text(MEET)
    begun, ended = [], []
    steps = [independent('first'), independent('second')]
    run_steps(steps, 'tools', jobs=2, begin=begun.append, end=ended.append)
    assert begun == steps and sorted(step.title for step in ended) == ['first', 'second']
    assert [(folder / step.title / 'threads').read_text() for step in steps] == ['3', '3']


FAILING = """
import os, pathlib, sys, time
folder = pathlib.Path(sys.argv[2]).parent
if folder.name == 'second':
    while not pathlib.Path('first/process').exists():
        time.sleep(0.01)
    sys.exit('out of luck')
(folder / 'number').write_text(str(os.getpid()))
(folder / 'number').rename(folder / 'process')
time.sleep(1000)
"""


def test_a_failure_ends_the_other_jobs(folder):
    (folder / 'tools' / 'copy.py').write_text(FAILING)
    steps = [independent(name) for name in ('first', 'second', 'third')]
    with pytest.raises(ChildProcessError, match='out of luck'):
        run_steps(steps, 'tools', jobs=2)
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / 'first' / 'process').read_text()), 0)
    assert not (folder / 'third').exists()


def test_a_step_that_resumes_counts_all_its_seconds_and_keeps_its_settings(folder):
    step = independent('first', resumes=True)
    # Longer than the tenth of a second to which the record is rounded.
    (folder / 'tools' / 'copy.py').write_text('import time; time.sleep(0.2); raise SystemExit(1)')
    with pytest.raises(ChildProcessError):
        step.run('tools')
    record = json.loads((folder / 'first' / 'run.json').read_text())
    assert step.begun and not step.finished and record['spent'] > 0
    (folder / 'first' / 'run.json').write_text(json.dumps({**record, 'spent': 1000.0}))
    (folder / 'a.yml').write_text('lr: 2')
    with pytest.raises(ValueError, match='first was started with other settings: a.yml has '):
        check_finished([step], overwrite=True)
    (folder / 'a.yml').write_text('lr: 1')
    check_finished([step])
    (folder / 'tools' / 'copy.py').write_text('import time; time.sleep(0.2)' + STUB)
    step.run('tools')
    assert step.seconds > 1000


def test_a_step_that_resumes_keeps_the_best_snapshot_so_far(folder):
    step = independent('first', resumes=True)
    (folder / 'tools' / 'copy.py').write_text(
        'import sys; open(sys.argv[2], "w").write("best so far"); sys.exit("out of luck")')
    with pytest.raises(ChildProcessError):
        step.run('tools')
    (folder / 'tools' / 'copy.py').write_text('')  # no later snapshot is better
    step.run('tools')
    assert step.finished and open(step.result).read() == 'best so far'


def test_bases_that_multiply_end_quickly(folder):
    (folder / 'b8.yml').write_text('epoch: 1')
    for k in range(8):
        (folder / f'b{k}.yml').write_text(f'_BASE_: [b{k + 1}.yml, b{k + 1}.yml]')
    check_bases('b4.yml')  # 31 files
    with pytest.raises(ValueError, match='b0.yml: its _BASE_ leads to more than 100 files'):
        check_bases('b0.yml')


@pytest.mark.parametrize('bases', ['a.yml', '3', '[3]', '{a: 1}', ''])
def test_bases_that_are_no_list_of_paths(folder, bases):
    (folder / 'own.yml').write_text(f'_BASE_: {bases}')
    with pytest.raises(ValueError, match='own.yml: _BASE_ must be a list of paths'):
        check_bases('own.yml')


def test_yaml_files_are_those_of_the_whole_chain(folder):
    (folder / 'base').mkdir()
    (folder / 'base' / 'b.yml').write_text('_BASE_: [../a.yml]')
    (folder / 'c.yml').write_text('_BASE_: [base/b.yml]')
    assert yaml_files('c.yml') == ['c.yml', 'base/b.yml', 'a.yml']


def test_the_files_that_are_checked_are_those_that_are_read(folder):
    for name in ('other', 'other/sub'):
        (folder / name).mkdir()
    (folder / 'b.yml').write_text('epoch: 1')
    (folder / 'other' / 'b.yml').write_text('[')
    (folder / 'link').symlink_to(folder / 'other' / 'sub')
    (folder / 'own.yml').write_text('_BASE_: [link/../b.yml]')
    with pytest.raises(ValueError, match=r'link/\.\./b\.yml, line'):
        check_bases('own.yml')
