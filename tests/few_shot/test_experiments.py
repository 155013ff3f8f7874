# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Plans, and how they are run, with stub tools that take no time."""
import json
import os
import shutil

import pytest

from ppdet_ext.few_shot.experiments import (
    Base,
    Method,
    Run,
    Sets,
    check_base_images,
    check_sets,
    class_split,
    make_plan,
    run_plan,
    seconds_left,
)
from ppdet_ext.few_shot.sets import NEU_DET_SPLITS, ClassSplit
from ppdet_ext.utils.steps import Step

SPLIT = NEU_DET_SPLITS[1]
STUBS = {
    'train': """
options = dict(word.partition('=')[::2] for word in sys.argv[1:] if '=' in word)
folder = os.path.join(options['save_dir'], options['filename'])
name = 'best_model' if '--eval' in sys.argv else 'model_final'
open(os.path.join(folder, name + '.pdparams'), 'w').write(options['seed'])
open('calls', 'a').write(folder + '\\n')
if os.path.exists('fail_' + options['filename']):
    sys.exit('out of memory')
""",
    'expand_head': "open(sys.argv[sys.argv.index('--output') + 1], 'w').close()",
    'eval': """
folder = sys.argv[sys.argv.index('--output_eval') + 1]
metrics = {'AP': 0.25, 'AP50': 0.5}
parts = ('base', 'all') if folder.endswith('base') else ('base', 'novel', 'all', 'forgetting')
with open(os.path.join(folder, 'metrics.json'), 'w') as f:
    json.dump({'classes': {}, 'few_shot': {part: metrics for part in parts}}, f)
"""}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Working folder with stub tools, YAMLs, and sets without images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'tools').mkdir()
    for name, code in STUBS.items():
        (tmp_path / 'tools' / f'{name}.py').write_text(f'import json, os, sys\n{code}')
    for name in ('base', 'tfa', 'dkan', 'dkan_distill'):
        (tmp_path / f'{name}.yml').write_text(f'name: {name}')
    (tmp_path / 'data' / 'sets').mkdir(parents=True)
    for name in ('base_train', 'base_test', 'test', '5shot_seed1', '5shot_seed2'):
        write_set(tmp_path / 'data' / 'sets' / f'{name}.json')
    return tmp_path


def write_set(path, classes=SPLIT):
    path.write_text(json.dumps({'images': [], 'categories': [], 'info': {
        'base_classes': classes.base, 'novel_classes': classes.novel}}))


SETS = Sets('data/sets', 'data', 'test')
BASE = Base('base.yml', ('epoch=3', ), 'base.pdparams')
TFA = Method('TFA', 'tfa.yml', None, (), 40)
DKAN = Method('DKAN', 'dkan.yml', 'dkan_distill.yml', ('epoch=7', ), 7)


def plan(method=TFA, base=BASE, seeds=(1, 2)):
    return make_plan('out', SETS, base, method, [5], seeds)


def run(plan, **options):
    return run_plan(plan, 'out', 'tools', 'data/sets/test.json', **options)


def trained(folder):
    path = folder / 'calls'
    return [os.path.basename(line) for line in path.read_text().splitlines()
            ] if path.exists() else []


@pytest.mark.parametrize('text', ['{"images": [', '[]', '{"images": [3], "categories": []}'])
def test_a_set_that_is_damaged(folder, text):
    with open('data/sets/test.json', 'w') as f:
        f.write(text)
    with pytest.raises(ValueError, match='data/sets/test.json.*; make the sets again with python '
                                         'tools/make_few_shot.py .* --overwrite'):
        check_sets(SETS, SPLIT, [5], [1], train_base=False)


def test_commands_of_a_distillation(folder):
    evaluation, expansion = plan(DKAN).preparation
    assert evaluation.commands == ((
        'eval', '-c', 'base.yml', '--output_eval', 'out/base', '-o', 'epoch=3',
        'EvalDataset.dataset_dir=data', 'EvalDataset.anno_path=sets/base_test.json',
        'weights=base.pdparams'), )
    assert expansion.commands == ((
        'expand_head', '-c', 'dkan.yml', '--base_config', 'base.yml', '--base_opt', 'epoch=3',
        '--base_weights', 'base.pdparams', '--output', 'out/DKAN/expanded.pdparams', '--overwrite',
        '-o', 'epoch=7'), )
    assert plan(DKAN).runs[1].step.commands == (
        ('train', '-c', 'dkan.yml', '--slim_config', 'dkan_distill.yml', '-o', 'snapshot_epoch=7',
         'teacher_weights=base.pdparams', 'epoch=7', 'TrainDataset.dataset_dir=data',
         'TrainDataset.anno_path=sets/5shot_seed2.json', 'seed=2',
         'pretrain_weights=out/DKAN/expanded.pdparams', 'save_dir=out/DKAN',
         'filename=5shot_seed2'),
        ('eval', '-c', 'dkan.yml', '--output_eval', 'out/DKAN/5shot_seed2', '-o', 'epoch=7',
         'EvalDataset.dataset_dir=data', 'EvalDataset.anno_path=sets/test.json',
         'weights=out/DKAN/5shot_seed2/model_final.pdparams',
         'base_metrics=out/base/metrics.json', 'base_weights=base.pdparams'))


def test_a_baseline_has_no_teacher(folder):
    words = plan().runs[0].step.commands[0]
    assert words[:5] == ('train', '-c', 'tfa.yml', '-o', 'snapshot_epoch=40')
    assert not any('teacher' in word or 'slim' in word for word in words)


@pytest.mark.parametrize('has_val', [False, True])
def test_a_base_detector_without_weights_is_trained(folder, has_val):
    if has_val:
        write_set(folder / 'data' / 'sets' / 'base_val.json')
    steps = plan(base=BASE._replace(weights=None)).preparation
    words, = steps[0].commands
    assert words[:3] == ('train', '-c', 'base.yml') and words[-2:] == ('save_dir=out/base',
                                                                       'filename=training')
    assert 'TrainDataset.anno_path=sets/base_train.json' in words and 'epoch=3' in words
    assert ('--eval' in words, 'EvalDataset.anno_path=sets/base_val.json' in words) == (
        has_val, has_val)
    assert words[words.index('-r') + 1] == 'auto' and steps[0].resumes
    name = 'best_model' if has_val else 'model_final'
    assert f'weights=out/base/training/{name}.pdparams' in steps[1].commands[0]


def test_sets_outside_the_data_set_have_absolute_paths(folder):
    option = SETS._replace(folder='elsewhere').options('EvalDataset', 'test')[1]
    assert option == f'EvalDataset.anno_path={folder / "elsewhere" / "test.json"}'


def test_second_call_runs_nothing_and_shows_the_same_table(folder, capsys):
    first = run(plan(base=BASE._replace(weights=None)))
    assert 'TFA' in first and '0.500 ± 0.000' in first
    assert trained(folder) == ['training', '5shot_seed1', '5shot_seed2']
    assert 'run 2 of 2: TFA, 5 shots, seed 2, logs in out/TFA/5shot_seed2, about 0:00:0' in (
        capsys.readouterr().out)
    assert run(plan(base=BASE._replace(weights=None))) == first
    assert len(trained(folder)) == 3
    assert 'run 2 of 2: TFA, 5 shots, seed 2: finished before' in capsys.readouterr().out


def test_goes_on_with_the_run_that_failed(folder):
    (folder / 'fail_5shot_seed2').write_text('')
    with pytest.raises(ChildProcessError, match='out/TFA/5shot_seed2/train.log:(.|\n)*memory'):
        run(plan())
    assert len(json.loads((folder / 'out' / 'results.json').read_text())['runs']) == 1
    (folder / 'fail_5shot_seed2').unlink()
    run(plan())
    assert trained(folder) == ['5shot_seed1', '5shot_seed2', '5shot_seed2']


def test_another_method_adds_rows(folder):
    run(plan())
    table = run(plan(DKAN, seeds=[1]))
    rows = [line.replace(' ', '').split('|')[1:4] for line in table.splitlines()]
    assert rows.count(['DKAN', '5', '1']) == rows.count(['TFA', '5', '2']) == 2


def test_changed_options_are_refused_before_anything_runs(folder):
    run(plan(seeds=[2]))
    changed = plan(TFA._replace(options=('epoch=2', ), epochs=2))
    with pytest.raises(ValueError, match='out/TFA: TFA, expansion of the head was .* epoch=2'):
        run(changed)
    assert trained(folder) == ['5shot_seed2']
    run(changed, overwrite=True)
    assert trained(folder) == ['5shot_seed2', '5shot_seed1', '5shot_seed2']


@pytest.mark.parametrize('path', ['dkan.yml', 'dkan_distill.yml',
                                  'data/sets/5shot_seed1.json', 'data/sets/test.json'])
def test_a_changed_file_is_refused(folder, path):
    run(plan(DKAN))
    (folder / path).write_text('{"other": 1}')
    with pytest.raises(ValueError, match=f'{path} has another content'):
        run(plan(DKAN))


def test_another_base_detector_or_set_needs_another_output(folder):
    (folder / 'base.pdparams').write_text('1')
    run(plan())
    (folder / 'base.pdparams').write_text('2')
    with pytest.raises(ValueError, match='out/base: .*base.pdparams has.* another --output$'):
        run(plan(DKAN), overwrite=True)
    with pytest.raises(ValueError, match='out/base: .*then .*base_test.json, now .*base_val.json'):
        run(make_plan('out', SETS._replace(eval_set='val'), BASE, DKAN, [5], [1]))


def test_runs_of_a_base_detector_that_was_trained_again_since_are_not_kept(folder):
    (folder / 'base.pdparams').write_text('1')
    run(plan())
    (folder / 'base.pdparams').write_text('2')
    shutil.rmtree(folder / 'out' / 'base')
    with pytest.raises(ValueError, match='out/TFA: .*expansion.* base.pdparams has another cont'):
        run(plan())
    run(plan(), overwrite=True)
    assert len(trained(folder)) == 4


def test_missing_sets_are_all_named_with_the_command_that_makes_them(folder):
    (folder / 'data' / 'sets' / 'base_test.json').unlink()
    with pytest.raises(FileNotFoundError) as missing:
        check_sets(SETS, SPLIT, [5], [1, 3], train_base=False)
    assert str(missing.value) == (
        'data/sets lacks 5shot_seed3, base_test; make the sets with python tools/make_few_shot.py '
        '--dataset_dir data --split 1 --shots 5 --seed 1 3 --output data/sets, or name their '
        'folder with --sets')


def test_the_command_for_own_classes_and_for_the_authors_sets(folder):
    own = ClassSplit(('dent', ), ('big stain', 'rust'))
    with pytest.raises(FileNotFoundError, match="--base dent --novel 'big stain,rust' --shots"):
        check_sets(SETS, own, [30], [1], train_base=False)
    with pytest.raises(FileNotFoundError, match='--authors_splits NEU-DET-fewshot-splits.tar.gz'):
        check_sets(SETS._replace(folder='split1_authors'), SPLIT, [5], [1], train_base=False)


def test_the_command_keeps_the_rule_of_the_sets_that_exist(folder):
    (folder / 'data' / 'sets' / '5shot_seed1.json').write_text(json.dumps({
        'images': [], 'categories': [], 'info': {'unlabelled': 'crowd'}}))
    with pytest.raises(FileNotFoundError, match='--split 1 --unlabelled crowd --shots 5 --seed 3'):
        check_sets(SETS, SPLIT, [5], [3], train_base=False)


def write_images(path, *names):
    path.write_text(json.dumps({'categories': [], 'images': [
        {'id': number, 'file_name': name, 'width': 8, 'height': 8}
        for number, name in enumerate(names)]}))


@pytest.mark.parametrize('dataset_dir, refused', [('data', True), ('elsewhere', False)])
def test_a_base_detector_that_has_learned_test_images_is_refused(folder, dataset_dir, refused):
    annotations = folder / 'data' / 'train.json'
    write_images(annotations, 'a.png', 'b.png')
    write_images(folder / 'data' / 'sets' / 'test.json', 'b.png', 'c.png')
    assert check_base_images('base.pdparams', SETS) is None, 'nothing is known'
    (folder / 'train_command.json').write_text(json.dumps({
        'annotations': str(annotations), 'dataset_dir': str(folder / dataset_dir)}))
    if refused:
        with pytest.raises(ValueError, match='train.json, which has 1 image of data/sets/test.json,'
                                             ' first b.png: .*--base_weights'):
            check_base_images('base.pdparams', SETS)
        write_images(annotations, 'a.png')
    assert check_base_images('base.pdparams', SETS) == str(annotations)


def test_sets_of_other_classes_are_refused(folder):
    check_sets(SETS, SPLIT, [5], [1, 2], train_base=True)
    write_set(folder / 'data' / 'sets' / '5shot_seed2.json', NEU_DET_SPLITS[2])
    with pytest.raises(ValueError, match='5shot_seed2.json is of base classes inclusion, rolled-in'
                       '.* but the configs of base classes crazing, inclusion, patches and'):
        check_sets(SETS, SPLIT, [5], [1, 2], train_base=True)


def test_classes_of_the_detectors():
    base, names = ['a', 'b'], ['a', 'b', 'c']
    assert class_split({'class_names': base}, {'class_names': names}) == (('a', 'b'), ('c', ))
    for wrong in (['b', 'a', 'c'], base):
        with pytest.raises(ValueError, match='these and then novel ones, got'):
            class_split({'class_names': base}, {'class_names': wrong})
    with pytest.raises(ValueError, match='missing in the config of the student'):
        class_split({'class_names': base}, {})


class Timed(Step):
    seconds = property(lambda self: self.title)


def test_time_left_is_that_of_the_same_shots_or_in_proportion():
    def runs(*shots_and_seconds):
        return [Run(shots, 1, Timed(seconds, '', (), (), ''))
                for shots, seconds in shots_and_seconds]

    assert seconds_left(runs((5, None))) is None
    assert seconds_left(runs((5, 10.0), (5, 14.0), (5, None), (30, None))) == 12 + 12 * 6
    assert seconds_left(runs((5, 10.0), (30, 40.0), (30, None), (20, None))) == (
        40 + 40 * 20 / 30)
    assert seconds_left(runs((5, 10.0))) == 0
