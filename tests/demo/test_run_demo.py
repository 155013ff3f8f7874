# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The demo: its table, its progress, its errors, and the whole of it on few images."""
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'demo' / 'run_demo.py'


@pytest.fixture(scope='module')
def demo():
    spec = importlib.util.spec_from_file_location('run_demo', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], text=True,
                          capture_output=True)


def figures(value, class_value):
    return {'mAP': value, 'AP50': 0.5, 'AP_small': None, 'AP_medium': 0.1, 'AP_large': 0.2,
            'classes': {'scratches': {'AP': class_value, 'AP50': 0.9}}}


def test_table_shows_shares_in_percent_and_the_gain_over_the_student(demo):
    rows = demo.comparison({'teacher': 2000000, 'student': 1000, 'distilled': 1000},
                           {'teacher': 40.06, 'student': 20.0, 'distilled': 21.0}, 3.25,
                           {'teacher': figures(0.3, 0.4), 'student': figures(0.2, 0.1),
                            'distilled': figures(0.25, 0.05)})
    assert rows == [
        ['', 'teacher', 'student', 'student + MGD', 'gain by MGD'],
        ['parameters', '2,000,000', '1,000', '1,000', ''],
        ['ms, Paddle', '40.1', '20.0', '21.0', ''],
        ['ms, exported', '', '', '3.2', ''],
        ['mAP', '30.0', '20.0', '25.0', '+5.0'],
        ['AP50', '50.0', '50.0', '50.0', '+0.0'],
        ['AP small', '-', '-', '-', '-'],
        ['AP medium', '10.0', '10.0', '10.0', '+0.0'],
        ['AP large', '20.0', '20.0', '20.0', '+0.0'],
        ['AP scratches', '40.0', '10.0', '5.0', '-5.0'],
    ]


def test_markdown_table_is_aligned(demo):
    assert demo.markdown_table([['', 'A'], ['mAP', '12.5']]) == ('|     |    A |\n'
                                                                 '|-----|-----:|\n'
                                                                 '| mAP | 12.5 |')


def test_clock_estimates_from_the_share_that_is_done(demo, monkeypatch, capsys):
    now = iter([100.0, 110.0, 130.0, 190.0])
    monkeypatch.setattr(demo.time, 'monotonic', lambda: next(now))
    clock = demo.Clock()
    clock.say('starts')
    clock.say('works', fraction=0.25)
    clock.finish(0.5)
    clock.say('goes on', fraction=0.25)
    assert capsys.readouterr().out == ('[0:10] starts\n'
                                       '[0:30, about 1:30 left] works\n'
                                       '[1:30, about 0:30 left] goes on\n')


@pytest.mark.parametrize('line, shown', [
    ('[11/20 13:28:53] ppdet.engine INFO: Epoch: [1] [ 50/105] learning_rate: 0.000020 loss_cls: '
     '1.129919 loss_reg: 0.941599 loss: 2.453990 distill_mgd_p3: 0.320083 eta: 0:00:05',
     'student: epoch 2 of 2, step 50 of 105, loss 2.453990\n'),
    ('evaluation: 12/45, 00:30 passed, 01:22 left', ''),
])
def test_progress_is_read_from_the_training_log(demo, tmp_path, capsys, line, shown):
    demo.Demo(str(tmp_path), None, 10, 2).show_training(demo.STUDENT, line)
    assert capsys.readouterr().out.partition('] ')[2] == shown


def test_contact_sheet_has_a_row_an_image_and_a_column_a_model(demo, tmp_path):
    for folder, color in (('teacher', 'red'), ('student', 'blue')):
        (tmp_path / folder).mkdir()
        for name in ('a.jpg', 'b.jpg', 'c.jpg'):
            Image.new('RGB', (200, 200), color).save(tmp_path / folder / name)
    sheet = demo.contact_sheet({name: str(tmp_path / name) for name in ('teacher', 'student')},
                               'Synthetic steel')
    assert sheet.size == (600, 980)
    for top in (20, 340, 660):
        assert sheet.getpixel((150, top + 170)) == (254, 0, 0)
        assert sheet.getpixel((450, top + 170)) == (0, 0, 254)


def test_missing_source_stops_the_demo_and_keeps_earlier_data(tmp_path):
    kept = tmp_path / 'data' / 'label_list.txt'
    kept.parent.mkdir()
    kept.write_text('crazing\n')
    result = run('--source', tmp_path / 'absent.zip', '--output', tmp_path)
    assert result.returncode == 1
    log = tmp_path / 'logs' / 'data.log'
    assert 'absent.zip' in log.read_text()
    assert result.stderr.startswith('error: prepare_neu_det.py ended with code 1')
    assert str(log) in result.stderr and 'Traceback' not in result.stderr
    assert kept.read_text() == 'crazing\n'


def test_output_under_a_file_is_one_line(tmp_path):
    (tmp_path / 'file').touch()
    result = run('--output', tmp_path / 'file' / 'new')
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert result.stderr == (f'error: {tmp_path}/file/new: Not a directory; give another path, or '
                             f'correct what is there or its permissions\n')


def test_stopped_demo_leaves_no_training_behind(tmp_path):
    code = ('import sys, run_demo\n'
            'run_demo.Demo.prepare_data = lambda self: self.execute("wait", [\n'
            '    "-u", "-c", "import os, time; print(os.getpid()); time.sleep(600)"], print)\n'
            'run_demo.run_tool(run_demo.main)')
    with subprocess.Popen([sys.executable, '-uc', code, '--output', tmp_path], cwd=ROOT / 'demo',
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        step = int(process.stdout.readline())
        process.terminate()
        assert process.communicate()[1] == 'interrupted\n'
    assert process.returncode == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(step, 0)


def test_whole_demo_on_few_synthetic_images(tmp_path):
    result = run('--images-per-class', 10, '--epochs', 1, '--output', tmp_path)
    assert result.returncode == 0, result.stderr
    assert '42 images to train with, 6 to test' in result.stdout
    assert 'student + MGD: epoch 1 of 1, step 0 of 5, loss ' in result.stdout

    pictures = tmp_path / 'pictures'
    *_, shown, report, last = result.stdout.splitlines()
    assert str(pictures) in shown and report.endswith(str(tmp_path / 'report' / 'report.html'))
    exported = tmp_path / 'exported' / 'gfl_lite0_neu_det'
    assert last.endswith(str(tmp_path / 'exported')) and (exported / 'model.onnx').is_file()
    table = (pictures / 'comparison.md').read_text()
    assert table.startswith('Synthetic steel')
    assert table in result.stdout
    content = json.loads((pictures / 'comparison.json').read_text())
    parameters = content['parameters']
    assert parameters['teacher'] > 1.5 * parameters['student']
    assert parameters['student'] == parameters['distilled']
    assert all(figures['images'] == 6 for figures in content['results'].values())

    names = sorted(path.name for path in (ROOT / 'demo').glob('*.jpg'))
    drawn = sorted(path.name for path in (pictures / 'exported').glob('*.jpg'))
    assert drawn == names and content['milliseconds']['exported'] > 0
    for model in ('teacher', 'student', 'distilled'):
        assert sorted(path.name for path in (pictures / model).glob('*.jpg')) == names
        log = (tmp_path / 'logs' / f'train_{model}.log').read_text()
        assert 'tools/train.py' in log.splitlines()[0]
    with Image.open(pictures / 'comparison.png') as sheet:
        assert sheet.size == (900, 20 + 320 * len(names))

    page = (tmp_path / 'report' / 'report.html').read_text()
    assert 'Synthetic data' in page
    assert 'No claim: the distilled student differs from the student' in page
    content = json.loads((tmp_path / 'report' / 'report.json').read_text())
    assert [model['cost']['parameters'] for model in content['models']] == [
        parameters[key] for key in ('teacher', 'student', 'distilled')]
    assert [round(model['accuracy']['mAP']['mean'], 9) for model in content['models']] == [
        round(figures['mAP'], 9) for figures in json.loads(
            (pictures / 'comparison.json').read_text())['results'].values()]
