# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import shutil

import four_images as four
import paddle
import pytest

from ppdet_ext.report.runs import evaluate_all, find_roles, find_runs
from ppdet_ext.safe_io.safe_pickle import load_state
from ppdet_ext.utils.files import read_json, sha256
from ppdet_ext.utils.fingerprint import fingerprint

DISTILLATION = ('--slim_config', 'mgd.yml', '-o',
                'teacher_weights=moved/runs/teacher_12e/seed0/best_model.pdparams')


def test_seeds_of_a_folder_are_one_model(tmp_path, capsys):
    for seed in (0, 1):
        four.write_run(tmp_path / 'student_12e' / f'seed{seed}', [], seed)
    unfinished = four.write_run(tmp_path / 'student_12e' / 'seed2', [], 2)
    record = json.loads((tmp_path / 'student_12e' / 'seed2' / 'run.json').read_text())
    four.write_json(tmp_path / 'student_12e' / 'seed2' / 'run.json', {**record, 'seconds': None})
    runs = find_runs('student', [str(tmp_path / 'student_12e')])
    assert [(run.label, run.seed) for run in runs] == [('student_12e', 0), ('student_12e', 1)]
    assert capsys.readouterr().out == f'{unfinished} is left out: it is not finished\n'
    assert runs[0].training.config.endswith('retinanet_nano_s_neu_det.yml')


def test_names_tell_seeds_where_nothing_was_recorded(tmp_path):
    for name in ('nano_seed3', 'nano_seed4', 'other'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'model_final.pdparams').touch()
    runs = find_runs('model', [str(tmp_path / name) for name in ('nano_seed3', 'nano_seed4',
                                                                 'other')])
    assert [(run.label, run.seed) for run in runs] == [('nano', 3), ('nano', 4), ('other', 0)]


def test_folders_that_are_no_runs(tmp_path):
    with pytest.raises(FileNotFoundError, match='--teacher: nowhere is not a folder'):
        find_runs('teacher', ['nowhere'])
    with pytest.raises(FileNotFoundError, match='holds no finished run; expected best_model'):
        find_runs('teacher', [str(tmp_path)])


def test_a_run_that_was_not_distilled(tmp_path):
    path = four.write_run(tmp_path / 'student' / 'seed0', [])
    with pytest.raises(ValueError, match='--distilled: .*seed0 was trained without --slim_config'):
        find_runs('distilled', [path])
    assert find_runs('student', [path])
    (tmp_path / 'student' / 'seed0' / 'run.json').unlink()  # nobody knows
    assert find_runs('distilled', [path])


def test_two_runs_of_one_name(tmp_path):
    paths = [four.write_run(tmp_path / part / 'nano', []) for part in 'ab']
    with pytest.raises(ValueError, match='a/nano and .*b/nano are both nano_seed0'):
        find_runs('student', paths)


def test_roles_follow_from_the_trainings(tmp_path, capsys):
    for name, train in (('teacher_12e', ('-c', 'large.yml')), ('student_12e', ()),
                        ('MGD_12e', DISTILLATION), ('other_12e', ('-c', 'other.yml'))):
        four.write_run(tmp_path / name / 'seed0', [], train=train)
    roles = find_roles(str(tmp_path))
    assert roles == {role: [str(tmp_path / name / 'seed0')] for role, name in (
        ('teacher', 'teacher_12e'), ('student', 'student_12e'), ('distilled', 'MGD_12e'))}
    assert re.findall('(.*) is left out: .* neither', capsys.readouterr().out) == [
        str(tmp_path / 'other_12e' / 'seed0')]


def test_a_teacher_that_the_slim_yaml_names_is_found(tmp_path):
    teacher = four.write_run(tmp_path / 'teacher', [], train=('-c', 'large.yml'))
    four.write_run(tmp_path / 'mgd', [], train=('--slim_config', 'mgd.yml'))
    four.write_json(tmp_path / 'mgd' / 'train_command.json',
                    {'teacher_weights': f'{teacher}/best_model.pdparams'})
    assert find_roles(str(tmp_path))['teacher'] == [teacher]


def test_no_roles_without_a_distillation(tmp_path):
    four.write_run(tmp_path / 'student_12e' / 'seed0', [])
    with pytest.raises(ValueError, match='--auto: no run below .* was distilled'):
        find_roles(str(tmp_path))


def test_evaluations_that_are_there_are_read(tmp_path):
    runs = find_runs('student', [four.write_run(tmp_path / 'a' / 'seed0', four.DETECTIONS)])
    found = evaluate_all(runs, {}, None, str(tmp_path / 'report'), 'no tools')
    evaluation = found['test'][runs[0].key]
    assert list(found) == ['validation', 'test']
    assert len(evaluation.detections.scores) == 9
    assert evaluation.images == str(tmp_path / 'data' / 'images')


def test_runs_on_different_data_are_refused(tmp_path):
    other = four.content(four.BOXES[:4])
    paths = [four.write_run(tmp_path / 'a' / 'seed0', []),
             four.write_run(tmp_path / 'a' / 'seed1', [], 1, truth=other)]
    runs = find_runs('student', paths)
    with pytest.raises(ValueError, match='seed1 was evaluated on .*seed1_validation.json, .*seed0 '
                                         'on .*seed0_validation.json: not the same images'):
        evaluate_all(runs, {}, None, str(tmp_path), '')


def test_runs_on_other_classes_are_refused_with_their_orders(tmp_path):
    paths = [four.write_run(tmp_path / 'a' / f'seed{seed}', [], seed,
                            truth=four.content(names=four.NAMES[::step]))
             for seed, step in ((0, 1), (1, -1))]
    with pytest.raises(ValueError, match='not the same classes, patch, scratch and scratch, patch'):
        evaluate_all(find_runs('student', paths), {}, None, str(tmp_path), '')


def test_thresholds_are_never_chosen_on_test_images(tmp_path, capsys):
    folder = four.write_run(tmp_path / 'a' / 'seed0', four.DETECTIONS)
    four.write_json(tmp_path / 'a' / 'seed0_validation.json', four.content())
    runs = find_runs('model', [folder])
    assert list(evaluate_all(runs, {}, None, str(tmp_path), '')) == ['test']
    assert '4 of the 4 test images of ' in capsys.readouterr().out
    files = {name: str(tmp_path / 'a' / f'seed0_{name}.json') for name in ('validation', 'test')}
    with pytest.raises(ValueError, match='first 0.png, are validation images of .* leave it out'):
        evaluate_all(runs, files, None, str(tmp_path), '')


@pytest.mark.parametrize('name', ['validation', 'test'])
def test_training_images_are_not_evaluated(tmp_path, capsys, name):
    folder = four.write_run(tmp_path / 'a' / 'seed0', four.DETECTIONS)
    runs = find_runs('model', [folder])
    files = {name: str(tmp_path / 'a' / f'seed0_{name}.json')}
    training = shutil.copyfile(files[name], tmp_path / 'a' / 'train.json')
    evaluate_all(runs, {}, None, str(tmp_path), '')
    assert f'4 of the 4 {name} images of ' in capsys.readouterr().out
    with pytest.raises(ValueError, match=f'0.png, are training images of .* --{name} others'):
        evaluate_all(runs, files, None, str(tmp_path), '')
    os.remove(training)
    evaluate_all(runs, files, None, str(tmp_path), '')
    assert 'training images' not in capsys.readouterr().out


def test_nothing_is_evaluated_before_all_images_are_known(tmp_path):
    runs = find_runs('model', [four.write_run(tmp_path / 'a' / 'seed0', [], sets=())])
    truth = four.write_json(tmp_path / 'validation.json', four.content())
    with pytest.raises(FileNotFoundError, match='no test images'):  # and no "no tools"
        evaluate_all(runs, {'validation': truth}, None, str(tmp_path / 'out'), 'no tools')
    assert not (tmp_path / 'out').exists()


def test_a_missing_evaluation_that_cannot_be_made(tmp_path):
    folder = tmp_path / 'a'
    folder.mkdir()
    (folder / 'best_model.pdparams').touch()
    runs = find_runs('model', [str(folder)])
    with pytest.raises(FileNotFoundError, match='no test images: give .* --test FILE'):
        evaluate_all(runs, {}, None, str(tmp_path), '')
    truth = four.write_json(tmp_path / 'test.json', four.content())
    with pytest.raises(FileNotFoundError, match='a has no evaluation of all test images, and its '
                       'config is not recorded: run tools/eval.py -c CONFIG'):
        evaluate_all(runs, {'test': truth}, None, str(tmp_path), '')


@pytest.fixture
def broken_tools(tmp_path):
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools' / 'eval.py').write_text('import sys\nsys.exit("error: broken")')
    return str(tmp_path / 'tools')


@pytest.fixture
def two_data_sets(tmp_path):
    """Makes two runs without evaluations, each with a data set of its own.

    Returns:
        callable: maps the content of both test.json, None for no file, to the runs.
    """
    def make(*contents):
        folders = []
        for name, content in zip(('one', 'two'), contents):
            folders.append(four.write_run(tmp_path / name / 'runs' / name, [], sets=()))
            if content:
                four.write_json(tmp_path / name / 'data/annotations/test.json', content)
        return find_runs('model', folders)

    return make


@pytest.mark.parametrize('other, kind', [
    (four.content(four.BOXES[1:]), 'images and boxes'), (four.content([], images=0), 'images and'),
    (four.content(names=['patch', 'scratch']), 'classes, patch, scratch and scratch, patch')])
def test_runs_with_different_data_sets_are_refused(
        two_data_sets, tmp_path, broken_tools, other, kind):
    runs = two_data_sets(four.content(), other)
    with pytest.raises(ValueError, match='two would be evaluated on .*two/data/annotations/test'
                       f'.json, .*one on .*one/data/annotations/test.json: not the same {kind}'):
        evaluate_all(runs, {}, None, str(tmp_path / 'out'), broken_tools)
    assert not (tmp_path / 'out').exists()


def test_the_images_of_a_file_are_not_looked_for_in_several_data_sets(
        two_data_sets, tmp_path, broken_tools):
    data = tmp_path / 'one' / 'data'
    files = {'test': str(data / 'annotations' / 'test.json')}
    runs = two_data_sets(four.content(), None)
    for given in (files, {}):
        with pytest.raises(ValueError, match='test.json would be looked for in .*one/data for .*one'
                           ' and in .*two/data for .*two; give their data set with --dataset_dir'):
            evaluate_all(runs, given, None, str(tmp_path / 'out'), broken_tools)
    with pytest.raises(ChildProcessError, match=f'EvalDataset.dataset_dir={data}'):
        evaluate_all(runs[1:], files, str(data), str(tmp_path / 'out'), broken_tools)


def test_copies_of_a_data_set_are_one(two_data_sets, tmp_path, broken_tools):
    runs = two_data_sets(four.content(), four.content())
    with pytest.raises(ChildProcessError, match='the evaluation of .*one failed'):
        evaluate_all(runs, {}, None, str(tmp_path / 'out'), broken_tools)


@pytest.mark.parametrize('boxes, learned', [(four.BOXES[:2], True), ([(0, 1, 7)], False),
                                            ([], False)])
def test_what_another_run_has_learned_is_no_test_image(tmp_path, boxes, learned):
    folders = [four.write_run(tmp_path / name / 'seed0', []) for name in ('one', 'two')]
    training = four.write_json(tmp_path / 'other' / 'annotations' / 'train.json',
                               four.content(boxes, images=2))
    four.write_json(tmp_path / 'two' / 'seed0' / 'train_command.json', {'annotations': training})
    four.write_json(tmp_path / 'one' / 'train.json', four.content([], images=0))
    runs = find_runs('model', folders)
    if learned:  # else an image that has the same name
        with pytest.raises(ValueError, match='1 of the 4 test images of .*, first 0.png, are '
                                             'training images of .*other/annotations/train.json'):
            evaluate_all(runs, {}, None, str(tmp_path), '')
    else:
        assert evaluate_all(runs, {}, None, str(tmp_path), '')


def test_files_without_images(two_data_sets, tmp_path, broken_tools):
    empty = four.content([], images=0)
    runs = two_data_sets(empty)
    with pytest.raises(ValueError, match='one/data/annotations/test.json has no images; give others'
                       ' with --test FILE: val.json, .* tools/prepare_data.py --split new'):
        evaluate_all(runs, {}, None, str(tmp_path / 'out'), broken_tools)
    test = four.write_json(tmp_path / 'test.json', four.content())
    val = four.write_json(tmp_path / 'one' / 'data' / 'annotations' / 'val.json', empty)
    with pytest.raises(ChildProcessError, match='anno_path=.*test.json'):  # no validation
        evaluate_all(runs, {'test': test}, None, str(tmp_path / 'out'), broken_tools)
    with pytest.raises(ValueError, match='val.json has no images; .* --validation FILE, or leave'):
        evaluate_all(runs, {'test': test, 'validation': val}, None, str(tmp_path / 'out'), '')


def test_an_evaluation_that_fails_shows_the_end_of_its_log(tmp_path, broken_tools):
    runs = find_runs('model', [four.write_run(tmp_path / 'a' / 'seed0', [], sets=())])
    truth = four.write_json(tmp_path / 'test.json', four.content())
    with pytest.raises(ChildProcessError, match='seed0 failed: eval.py ended with code 1; the '
                                                'end of .*eval.log:\n.*\nerror: broken'):
        evaluate_all(runs, {'test': truth}, None, str(tmp_path / 'out'), broken_tools)


def test_sound_images_are_evaluated_too(tmp_path, broken_tools):
    run = tmp_path / 'a' / 'seed0'
    runs = find_runs('model', [four.write_run(run, four.DETECTIONS)])
    four.write_json(run / 'test' / 'eval_command.json', {'evaluated_images': 3})
    files = {'test': str(tmp_path / 'a' / 'seed0_test.json')}
    with pytest.raises(ChildProcessError, match='EvalDataset.allow_empty=true'):
        evaluate_all(runs, files, None, str(tmp_path / 'out'), broken_tools)


def test_detections_without_their_metrics_are_evaluated_again(tmp_path, broken_tools):
    run = tmp_path / 'a' / 'seed0'
    runs = find_runs('model', [four.write_run(run, four.DETECTIONS)])
    metrics = run / 'test' / 'metrics.json'
    files = {'test': str(tmp_path / 'a' / 'seed0_test.json')}
    known = {**read_json(metrics), 'bbox_sha256': sha256(run / 'test' / 'bbox.json')}
    four.write_json(metrics, known)
    evaluate_all(runs, files, None, str(tmp_path / 'out'), broken_tools)
    four.write_json(run / 'test' / 'bbox.json', four.DETECTIONS[:1])  # as --save_prediction_only
    with pytest.raises(ChildProcessError, match='the evaluation of .*seed0 failed'):
        evaluate_all(runs, files, None, str(tmp_path / 'out'), broken_tools)


def test_weights_that_have_changed_are_evaluated_again(tmp_path, broken_tools):
    run, cost = tmp_path / 'a' / 'seed0', tmp_path / 'out/evaluations/model_a_seed0/test/cost.json'
    runs = find_runs('model', [four.write_run(run, four.DETECTIONS)])
    metrics = read_json(run / 'test' / 'metrics.json')
    state = load_state(runs[0].weights, return_numpy=True)
    four.write_json(run / 'test' / 'metrics.json', {**metrics, 'fingerprint': fingerprint(state)})
    four.write_json(cost, {'milliseconds': 5})
    files = {'test': str(tmp_path / 'a' / 'seed0_test.json')}
    evaluate_all(runs, files, None, str(tmp_path / 'out'), broken_tools)
    paddle.save({'conv.weight': paddle.zeros([10, 5])}, runs[0].weights)
    with pytest.raises(ChildProcessError, match='the evaluation of .*seed0 failed'):
        evaluate_all(runs, files, None, str(tmp_path / 'out'), broken_tools)
    assert not cost.exists()
