# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Comparisons: what is read and planned, and whole ones with stub tools that take no time."""
import json
import os
import pathlib

import pytest
import yaml
from tiny import CONFIGS

from ppdet_ext.config.scope import SlimConfig
from ppdet_ext.config.yaml_file import read_yaml
from ppdet_ext.engine.comparison_runs import make_steps, read_comparison, run_comparison

CONFIGS = os.path.abspath(CONFIGS)
PUBLISHED = pathlib.Path(CONFIGS).parent / 'docs' / 'results'
STUDENT = os.path.join(CONFIGS, 'lite', 'retinanet_lite0_neu_det.yml')
TSKD = os.path.join(CONFIGS, 'slim', 'distill', 'retinanet_lite2_neu_det_tskd_distill.yml')
STUBS = {
    'train': """
options = dict(word.partition('=')[::2] for word in sys.argv[1:] if '=' in word)
folder = os.path.join(options['save_dir'], options['filename'])
open(os.path.join(folder, 'best_model.pdparams'), 'w').write(options['seed'])
open('calls', 'a').write(folder + '\\n')
""",
    'eval': """
options = dict(word.partition('=')[::2] for word in sys.argv[1:] if '=' in word)
folder = sys.argv[sys.argv.index('--output_eval') + 1]
os.makedirs(folder, exist_ok=True)
seed = float(open(options['weights']).read())
better = 0.05 if 'MGD' in folder else 0.0
with open(os.path.join(folder, 'metrics.json'), 'w') as f:
    json.dump({'mAP': 0.2 + better + 0.01 * seed, 'AP50': 0.5,
               'classes': {'dent': {'AP': None}, 'scratch': {'AP': 0.1}}}, f)
"""}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'tools').mkdir()
    for name, code in STUBS.items():
        (tmp_path / 'tools' / f'{name}.py').write_text(f'import json, os, sys\n{code}')
    (tmp_path / 'data').mkdir()
    for name, count in (('val', 2), ('test', 3)):
        (tmp_path / 'data' / f'{name}.json').write_text(json.dumps({
            'categories': [{'id': 1, 'name': 'dent'}],
            'images': [{'id': 7 * k, 'file_name': f'{name}_{k}.jpg', 'width': 9, 'height': 9}
                       for k in range(count)],
            'annotations': [{'id': 5, 'image_id': 7, 'category_id': 1, 'bbox': [1, 1, 2, 2],
                             'area': 4, 'iscrowd': 0}]}))
    return tmp_path


RUNS = [{'method': 'teacher', 'epochs': 12, 'seeds': [0], 'config': STUDENT},
        {'method': 'student', 'epochs': 12, 'seeds': [0, 1], 'config': STUDENT},
        {'method': 'MGD', 'epochs': 12, 'seeds': [0, 1], 'config': STUDENT, 'slim_config': TSKD,
         'teacher': 'teacher_12e', 'baseline': 'student'}]


def comparison(folder, runs=RUNS, **changes):
    path = folder / 'comparison.yml'
    path.write_text(yaml.safe_dump({
        'dataset_dir': 'data', 'sets': {'test': ['test.json'], 'pooled': ['val.json', 'test.json']},
        'runs': runs, **changes}, sort_keys=False))
    return read_comparison(str(path))


def test_a_whole_comparison(folder, capsys):
    text = run_comparison(comparison(folder), 'out', 'tools', jobs=2)
    table = (folder / 'out' / 'comparison.md').read_text()
    rows = [line.split('|')[1:-1] for line in table.splitlines() if line.startswith('| MGD')]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ['MGD', '12', '2', '25.5 ± 0.7', '50.0 ± 0.0', '+5.0 ± 0.0', '+0.0 ± 0.0', 'student'],
        ['MGD', '12', '2', '25.5 ± 0.7', '50.0 ± 0.0', '+5.0 ± 0.0', '+0.0 ± 0.0', 'student'],
        ['MGD', '12', '-', '10.0 ± 0.0']]
    assert '25.5 ± 0.7' in text and '5 of 5 runs are finished' in capsys.readouterr().out
    results = json.loads((folder / 'out' / 'comparison.json').read_text())['runs']
    assert [(run['method'], run['seed']) for run in results] == [
        ('teacher', 0), ('student', 0), ('student', 1), ('MGD', 0), ('MGD', 1)]
    assert not (folder / 'out' / 'comparison_schedule.png').exists()
    run_comparison(comparison(folder), 'out', 'tools', jobs=1)
    assert len((folder / 'calls').read_text().splitlines()) == 5, 'nothing runs twice'


def test_a_second_comparison_in_the_folder_trains_what_is_missing(folder):
    run_comparison(comparison(folder, RUNS[:2]), 'out', 'tools', jobs=1)
    first = (folder / 'out' / 'comparison.md').read_text()
    both = [RUNS[0], RUNS[1], {**RUNS[2], 'settings_tried': 3}]
    second = comparison(folder, both)._replace(name='methods')
    run_comparison(second, 'out', 'tools', jobs=1)
    assert (folder / 'calls').read_text().splitlines() == [
        f'out/{run}' for run in ('teacher_12e/seed0', 'student_12e/seed0', 'student_12e/seed1',
                                 'MGD_12e/seed0', 'MGD_12e/seed1')]
    assert (folder / 'out' / 'comparison.md').read_text() == first
    rows = (folder / 'out' / 'methods.md').read_text().splitlines()
    assert rows[2].split('|')[-2].strip() == 'settings tried'
    assert [row.split('|')[-2].strip() for row in rows[4:7]] == ['-', '-', '3']


def test_commands(folder):
    teacher, *_, step = make_steps(comparison(folder), 'out')
    train, *evaluations = step.commands
    assert train == (
        'train', '-c', STUDENT, '--slim_config', TSKD, '--eval', '-r', 'auto', '-o', 'seed=1',
        'teacher_weights=out/teacher_12e/seed0/best_model.pdparams',
        'TrainDataset.dataset_dir=data', 'EvalDataset.dataset_dir=data', 'save_dir=out/MGD_12e',
        'filename=seed1')
    assert [words[words.index('--output_eval') + 1] for words in evaluations] == [
        'out/MGD_12e/seed1/test', 'out/MGD_12e/seed1/pooled']
    assert f'EvalDataset.anno_path={folder}/out/sets/pooled.json' in evaluations[1]
    assert 'weights=out/MGD_12e/seed1/best_model.pdparams' in evaluations[1]
    assert step.requires == (teacher, ) and teacher.requires == ()


def test_a_pooled_set_has_the_images_and_boxes_of_both_under_new_ids(folder):
    files = dict(make_steps(comparison(folder), 'out')[0].written)
    content = json.loads(files['out/sets/pooled.json'])
    names = {image['id']: image['file_name'] for image in content['images']}
    assert sorted(names.values()) == ['test_0.jpg', 'test_1.jpg', 'test_2.jpg', 'val_0.jpg',
                                      'val_1.jpg']
    assert [names[box['image_id']] for box in content['annotations']] == ['val_1.jpg', 'test_1.jpg']
    assert [box['id'] for box in content['annotations']] == [1, 2]


def test_files_with_other_categories_are_not_pooled(folder):
    content = json.loads((folder / 'data' / 'val.json').read_text())
    content['categories'][0]['name'] = 'scratch'
    (folder / 'data' / 'val.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"sets.pooled: the categories .* differ: val.json has "
                                         r"{1: 'scratch'}; test.json has {1: 'dent'}; give"):
        make_steps(comparison(folder), 'out')


def test_a_refused_comparison_leaves_the_files_of_finished_runs(folder):
    run = {**RUNS[2], 'slim_changes': {'cross_response': False}}
    run_comparison(comparison(folder, [*RUNS[:2], run]), 'out', 'tools', jobs=1)
    files = {path: path.read_text() for path in (folder / 'out').rglob('*') if path.is_file()}
    run['slim_changes'] = {'distill_losses.0.temp': 5.0}
    for changes in ({}, {'sets': {'test': ['val.json'], 'pooled': ['val.json']}}):
        with pytest.raises(ValueError, match='other settings: .* has another content'):
            run_comparison(comparison(folder, [*RUNS[:2], run], **changes), 'out', 'tools', jobs=1)
    assert {path: path.read_text() for path in files} == files


def schedule_of(folder, run):
    """The epochs and the schedulers that a run's command sets."""
    words = make_steps(comparison(folder, [*RUNS[:2], run]), 'out')[-1].commands[0]
    options = dict(word.partition('=')[::2] for word in words if '=' in word)
    return int(options['epoch']), json.loads(options['LearningRate.schedulers'])


def test_a_schedule_is_stretched(folder):
    assert schedule_of(folder, {**RUNS[1], 'epochs': 24}) == (24, [
        {'name': 'CosineDecay', 'max_epochs': 24},
        {'name': 'LinearWarmup', 'start_factor': 0.01, 'steps': 200}])


@pytest.mark.parametrize('epochs, lengths, warmup', [
    (48, {'max_epochs': 48, 'last_plateau_epochs': 8}, 12), (1, {'max_epochs': 1}, 1)])
def test_plateau_and_warm_up_are_stretched(folder, epochs, lengths, warmup):
    (folder / 'student.yml').write_text(yaml.safe_dump({
        '_BASE_': [STUDENT], 'LearningRate': {'schedulers': [
            {'name': 'CosineDecay', 'max_epochs': 12, 'last_plateau_epochs': 2},
            {'name': 'LinearWarmup', 'epochs': 3}]}}))
    run = {**RUNS[0], 'method': 'short', 'epochs': epochs, 'config': 'student.yml'}
    assert schedule_of(folder, run) == (epochs, [
        {'name': 'CosineDecay', 'last_plateau_epochs': 0, **lengths},
        {'name': 'LinearWarmup', 'epochs': warmup}])


def slim_file(folder, **content):
    """The path of a slim YAML with further keys."""
    path = folder / 'own.yml'
    base = os.path.join(CONFIGS, 'lite', 'retinanet_lite2_neu_det.yml')
    path.write_text(yaml.safe_dump({
        '_BASE_': [base], 'slim': 'Distill', 'pretrain_weights': 'teacher.pdparams', **content}))
    return str(path)


@pytest.mark.parametrize('epochs', [6, 12])
def test_the_schedule_of_a_slim_yaml_is_stretched(folder, epochs):
    slim = slim_file(folder, slim_method='MGD', epoch=24, LearningRate={'schedulers': [
        {'name': 'CosineDecay', 'max_epochs': 48}, {'name': 'LinearWarmup', 'steps': 10}]})
    run = {**RUNS[2], 'epochs': epochs, 'slim_config': slim}
    del run['baseline']
    assert schedule_of(folder, run) == (epochs, [
        {'name': 'CosineDecay', 'max_epochs': 2 * epochs}, {'name': 'LinearWarmup', 'steps': 10}])


def test_paddledetections_own_methods_are_told_their_schedule(folder):
    slim = slim_file(folder, slim_method='FGD', epoch=24)
    run = {**RUNS[2], 'slim_config': slim}
    with pytest.raises(ValueError, match='^MGD_12e: .* set that, and delete "teacher"'):
        schedule_of(folder, run)
    del run['teacher']
    epochs, schedulers = schedule_of(folder, run)
    assert epochs == 12 and schedulers[0] == {'name': 'CosineDecay', 'max_epochs': 12}


def test_a_changed_slim_yaml_is_a_slim_yaml(folder):
    run = {**RUNS[2], 'slim_changes': {'distill_losses.0.temp': 5.0, 'cross_response': False}}
    run_comparison(comparison(folder, [*RUNS[:2], run]), 'out', 'tools', jobs=1)
    path = 'out/MGD_12e/slim.yml'
    words = (folder / 'out' / 'MGD_12e' / 'seed0' / 'train.log').read_text()
    assert f'--slim_config {path} ' in words
    content = SlimConfig(path, ('distill_losses', 'cross_response')).content
    assert content['distill_losses'][0]['temp'] == 5.0 and content['cross_response'] is False
    base = os.path.join('out', 'MGD_12e', content['_BASE_'][0])
    assert os.path.samefile(base, os.path.join(CONFIGS, 'lite', 'retinanet_lite2_neu_det.yml'))


@pytest.mark.parametrize('runs, message', [
    ([RUNS[0], RUNS[0]], 'teacher_12e appears twice'),
    ([RUNS[2]], 'has the teacher "teacher_12e", which is not above it; above it are no runs'),
    ([*RUNS[:2], {**RUNS[2], 'baseline': 'studnet'}],
     'MGD_12e has the baseline "studnet", of which no run has 12 epochs .did you mean "student"'),
    ([*RUNS[:2], {**RUNS[2], 'epochs': 6}], 'the baseline "student", of which no run has 6 epochs'),
    ([{**RUNS[0], 'seed': 1}], r'runs\[0\]: unknown key "seed" .did you mean "seeds"'),
    ([{'method': 'x'}], r'runs\[0\] needs epochs, seeds, config'),
    ([3], r'runs\[0\] takes "key: value" pairs, got 3'),
    ([], r'runs must be a list of methods, got \[\]'),
    ([{**RUNS[0], 'seeds': 0}], r'runs\[0\].seeds must be a list of integers .*, each once, got 0'),
    ([{**RUNS[0], 'seeds': [1, 1]}], r'each once, got \[1, 1\]'),
    ([{**RUNS[0], 'seeds': [-1]}], r'integers from 0 to 4294967295, each once, got \[-1\]'),
    ([{**RUNS[0], 'seeds': [True]}], r'seeds must be .* got \[True\]'),
    ([{**RUNS[0], 'epochs': 0}], 'epochs must be an integer of at least 1, got 0'),
    ([{**RUNS[0], 'method': '../x'}], 'method must be a name of letters, .* got \'../x\''),
    ([{**RUNS[0], 'options': 'epoch=3'}], 'options must be a list of "key=value", got'),
    ([{**RUNS[0], 'slim_changes': ['x']}], 'slim_changes must be a mapping'),
    ([{**RUNS[0], 'options': ['epoch=3']}],
     r'runs\[0\].options sets epoch, which the tables would not show; write epochs of the entry'),
    ([{**RUNS[0], 'options': ['seed=3']}], 'options sets seed, .* write seeds of the entry'),
    ([RUNS[0], {**RUNS[1], 'teacher': 'teacher_12e'}],
     r'runs\[1\]: teacher has no effect without slim_config; give that too, or delete it'),
    ([{**RUNS[0], 'slim_changes': {'slim': 'Distill'}}], 'slim_changes has no effect without'),
    ([{**RUNS[0], 'config': 3}], 'config must be text, got 3'),
])
def test_a_wrong_comparison_is_refused(folder, runs, message):
    with pytest.raises(ValueError, match=message):
        comparison(folder, runs)


@pytest.mark.parametrize('key, message', [
    ('distill_losses.3.temp', 'slim_changes has "distill_losses.3.temp", which does not exist in'),
    ('distill_losses.0.tmep', 'TSKDFeatureLoss: unknown key "tmep" .did you mean "temp"'),
    ('cross_respnse', '"cross_respnse" is not a key of .* .did you mean "cross_response"'),
])
def test_a_change_that_leads_nowhere_is_refused(folder, key, message):
    run = {**RUNS[2], 'slim_changes': {key: 5.0}}
    with pytest.raises(ValueError, match=f'^MGD_12e: .*{message}'):
        make_steps(comparison(folder, [*RUNS[:2], run]), 'out')


@pytest.mark.parametrize('sets', [{}, ['val.json'], {'test': 'test.json'}, {'a/b': ['val.json']},
                                  {2024: ['val.json']}])
def test_sets_are_lists_of_files_by_name(folder, sets):
    with pytest.raises(ValueError, match='sets must be names of letters, .* got'):
        comparison(folder, sets=sets)


def test_an_unknown_key_is_refused(folder):
    with pytest.raises(ValueError, match='unknown key "set" .did you mean "sets"'):
        comparison(folder, set={})


def test_a_key_that_appears_twice_is_refused(folder):
    path = folder / 'comparison.yml'
    comparison(folder)
    path.write_text(f'{path.read_text()}dataset_dir: elsewhere\n')
    with pytest.raises(ValueError, match='"dataset_dir" appears twice, first on line 1; remove'):
        read_comparison(str(path))


@pytest.mark.parametrize('path', sorted(PUBLISHED.glob('*.yml')), ids=lambda path: path.stem)
def test_published_comparisons_can_be_planned(path, monkeypatch, folder):
    content = read_yaml(str(path))
    content = {**content, 'dataset_dir': 'data',
               'sets': {name: ['val.json'] for name in content['sets']}}
    monkeypatch.chdir(PUBLISHED.parents[1])
    (folder / 'comparison.yml').write_text(yaml.safe_dump(content, sort_keys=False))
    plan = read_comparison(str(folder / 'comparison.yml'))._replace(
        dataset_dir=str(folder / 'data'))
    assert make_steps(plan, str(folder / 'out'))
