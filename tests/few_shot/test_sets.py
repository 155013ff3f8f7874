# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Few-shot sets: classes and their order, boxes counted one by one, objects without a label."""
import json
import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from ppdet.data.source import COCODataSet
from tiny import CONFIGS

from ppdet_ext.config.yaml_file import read_yaml
from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.data.neu_det import prepare
from ppdet_ext.few_shot.configs import dataset_configs
from ppdet_ext.few_shot.set_files import write_few_shot
from ppdet_ext.few_shot.sets import NEU_DET_SPLITS, ClassSplit, make_few_shot
from ppdet_ext.few_shot.shots import UNLABELLED
from ppdet_ext.safe_io.archive import extract

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), 'shared', 'data')
NEU_DET = os.environ.get('PPDET_EXT_NEU_DET', os.path.join(SHARED, 'NEU-DET.tar.gz'))
AUTHORS = os.environ.get('PPDET_EXT_FEW_SHOT_SPLITS',
                         os.path.join(SHARED, 'NEU-DET-fewshot-splits.tar.gz'))
needs_real = pytest.mark.skipif(not os.path.exists(NEU_DET), reason=f'no NEU-DET at {NEU_DET}')
needs_authors = pytest.mark.skipif(not (os.path.exists(NEU_DET) and os.path.exists(AUTHORS)),
                                   reason=f'no NEU-DET at {NEU_DET} or no splits at {AUTHORS}')

CLASSES = ClassSplit(('ash', 'burr'), ('crack', 'dent'))
# Neither the order of the ids nor that of the list is base, then novel.
IDS = {'dent': 1, 'burr': 2, 'crack': 3, 'ash': 4}
PARTS = ('train', 'val', 'test')


def bbox(index):
    return [10 * index, 10 * index, 8, 8]


class Source:
    """A hand-made data set; every object is a class name."""

    def __init__(self, folder):
        self.folder = folder
        self.images = {
            'train': {'empty': [], 'ash+crack': ['ash', 'crack', 'ash'],
                      'burr+dent': ['dent', 'burr'],
                      **{f'{name}{i}': [name] * (1 + i // 4) for name in IDS for i in range(6)}},
            'val': {'v1': ['ash', 'dent'], 'v2': ['crack'], 'v3': ['burr']},
            'test': {'t1': ['dent', 'dent'], 't2': ['burr', 'ash', 'crack'], 't3': []}}
        self.extra = {}  # fields of all annotations of an image

    def write(self):
        os.makedirs(self.folder / 'annotations', exist_ok=True)
        os.makedirs(self.folder / 'images', exist_ok=True)
        for part, images in self.images.items():
            records, annotations = [], []
            for number, (name, objects) in enumerate(images.items(), start=1):
                records.append({'id': number, 'file_name': f'{name}.png', 'width': 64,
                                'height': 64})
                (self.folder / 'images' / f'{name}.png').touch()
                for index, class_name in enumerate(objects):
                    annotations.append({
                        'id': 100 + len(annotations), 'image_id': number, 'iscrowd': 0,
                        'category_id': IDS[class_name], 'bbox': bbox(index), 'area': 64,
                        'difficult': 1, **self.extra.get(name, {})})
            content = {'images': records, 'annotations': annotations, 'categories': [
                {'id': number, 'name': name} for name, number in IDS.items()]}
            (self.folder / 'annotations' / f'{part}.json').write_text(json.dumps(content))
        return str(self.folder)

    def make(self, shots=(2, ), seeds=(0, ), unlabelled='drop_image', classes=CLASSES):
        return make_few_shot(self.write(), classes, shots, seeds, unlabelled)


@pytest.fixture
def source(tmp_path):
    return Source(tmp_path / 'parts')


def objects(few_shot_set):
    """{image: [(class, x, is it crowd) ...]} of a set."""
    return {image.name[:-len('.png')]: [(box['class_name'], box['bbox'][0], box['iscrowd'])
                                        for box in image.boxes] for image in few_shot_set.images}


def chosen(few_shot_set):
    """The labelled boxes of a set."""
    return {(image.name, box['id']) for image in few_shot_set.images for box in image.boxes
            if not box['iscrowd']}


def test_sets_and_the_order_of_their_classes(source):
    sets = source.make(shots=(1, 2), seeds=(3, 4))
    assert set(sets) == {'base_train', '1shot_seed3', '2shot_seed3', '1shot_seed4', '2shot_seed4',
                         'val', 'base_val', 'test', 'base_test'}
    for name, content in sets.items():
        classes = CLASSES.base if name.startswith('base') else ('ash', 'burr', 'crack', 'dent')
        assert content.classes == classes, name


def test_the_reader_of_paddledetection_gives_base_classes_first(source, tmp_path):
    folder = source.write()
    sets = make_few_shot(folder, ClassSplit(('dent', 'ash'), ('crack', 'burr')), [2], [0])
    write_few_shot(os.path.join(folder, 'annotations', 'few_shot', 'own'), sets)
    dataset = COCODataSet(folder, 'images', 'annotations/few_shot/own/val.json',
                          ['image', 'gt_bbox', 'gt_class', 'is_crowd'])
    dataset.parse_dataset()
    assert dataset.cname2cid == {'dent': 0, 'ash': 1, 'crack': 2, 'burr': 3}
    read = {os.path.basename(r['im_file']): (r['gt_class'].ravel().tolist(),
                                             r['gt_bbox'].tolist()) for r in dataset.roidbs}
    assert read == {'v1.png': ([1, 0], [[0, 0, 8, 8], [10, 10, 18, 18]]),
                    'v2.png': ([2], [[0, 0, 8, 8]]), 'v3.png': ([3], [[0, 0, 8, 8]])}
    assert all(os.path.isfile(r['im_file']) for r in dataset.roidbs)


def test_files_are_sound_coco(source, tmp_path):
    write_few_shot(str(tmp_path / 'out'), source.make(unlabelled='crowd'))
    for file in os.listdir(tmp_path / 'out'):
        content = json.loads((tmp_path / 'out' / file).read_text())
        categories = [category['id'] for category in content['categories']]
        assert categories == list(range(1, len(categories) + 1))
        assert len({image['id'] for image in content['images']}) == len(content['images'])
        assert len({box['id'] for box in content['annotations']}) == len(content['annotations'])
        assert {box['category_id'] for box in content['annotations']} <= set(categories)
        assert {box['difficult'] for box in content['annotations']} == {1}, 'other keys are kept'
        assert not any('class_name' in box for box in content['annotations'])
    info = json.loads((tmp_path / 'out' / 'base_train.json').read_text())['info']
    assert info == {'description': 'base_train', 'base_classes': ['ash', 'burr'],
                    'novel_classes': ['crack', 'dent'], 'unlabelled': 'crowd'}
    path = os.path.join(source.folder, 'annotations', 'train.json')
    with open(path) as f:
        content = {**json.load(f), 'info': {'description': 'Synthetic steel'}}
    with open(path, 'w') as f:
        json.dump(content, f)
    sets = make_few_shot(str(source.folder), CLASSES, [1], [1])
    assert {each.info['source'] for each in sets.values()} == {'Synthetic steel'}


# Objects that a training set does not label


def test_an_image_with_a_novel_object_is_left_out_of_base_training(source):
    base = source.make()['base_train']
    pure = {f'{name}{i}' for name in CLASSES.base for i in range(6)}
    assert set(objects(base)) == {*pure, 'empty'}
    assert (base.unlabelled, base.left_out) == (0, 2)


def test_a_novel_object_is_a_crowd_box_in_base_training(source):
    base = source.make(unlabelled='crowd')['base_train']
    assert objects(base)['ash+crack'] == [('ash', 0, 0), ('ash', 20, 0), ('crack', 10, 1)]
    assert objects(base)['burr+dent'] == [('burr', 10, 0), ('dent', 0, 1)]
    assert not any(name.startswith(('crack', 'dent')) for name in objects(base))
    assert base.counts() == {'ash': 10, 'burr': 9}
    assert (base.unlabelled, base.left_out) == (2, 0)


def test_a_novel_object_is_background_in_base_training_if_asked_for(source):
    base = source.make(unlabelled='background')['base_train']
    assert objects(base)['ash+crack'] == [('ash', 0, 0), ('ash', 20, 0)]
    assert (base.unlabelled, base.left_out) == (2, 0)


@pytest.mark.parametrize('shots', [1, 2, 3, 5])
@pytest.mark.parametrize('unlabelled', UNLABELLED)
def test_a_few_shot_set_has_k_boxes_of_each_class(source, unlabelled, shots):
    few = source.make([shots], range(8), unlabelled)
    for seed in range(8):
        counts = few[f'{shots}shot_seed{seed}'].counts()
        assert counts == dict.fromkeys(CLASSES.all, shots)


def test_whole_images_leave_no_object_unlabelled(source):
    for seed in range(8):
        few = source.make([3], [seed])[f'3shot_seed{seed}']
        for name, boxes in objects(few).items():
            assert [box[0] for box in boxes] == source.images['train'][name]
            assert not any(crowd for _, _, crowd in boxes)
        assert few.unlabelled == 0


@pytest.mark.parametrize('unlabelled', ['crowd', 'background'])
def test_further_objects_of_a_few_shot_set_are_crowd_or_gone(source, unlabelled):
    seen = 0
    for seed in range(8):
        few = source.make([3], [seed], unlabelled)[f'3shot_seed{seed}']
        crowd = 0
        for name, boxes in objects(few).items():
            shown = source.images['train'][name]
            assert any(not box[2] for box in boxes), 'an image without labelled boxes'
            crowd += sum(box[2] for box in boxes)
            seen += len(shown) - sum(not box[2] for box in boxes)
            if unlabelled == 'crowd':
                assert Counter(box[0] for box in boxes) == Counter(shown)
        assert (crowd == few.unlabelled) == (unlabelled == 'crowd' or few.unlabelled == 0)
    assert seen > 0, 'the data set is too simple for this test'


def test_what_the_source_marks_as_crowd_is_no_object(source):
    source.extra = {'ash0': {'iscrowd': 1}, 'ash1': {'ignore': 1}}
    assert not {'ash0', 'ash1'} & set(objects(source.make()['base_train']))
    crowd = source.make([6], [0], 'crowd')
    assert not {'ash0', 'ash1'} & set(objects(crowd['6shot_seed0']))
    with pytest.raises(ValueError, match='class "ash" has 8 boxes'):
        source.make([9], [0], 'crowd')


def test_classes_that_nobody_named_are_unlabelled(source):
    classes = ClassSplit(('ash', ), ('burr', ))
    sets = source.make(classes=classes)
    assert not {'burr+dent', 'ash+crack'} & (set(objects(sets['2shot_seed0']))
                                             | set(objects(sets['base_train'])))
    assert sets['test'].counts() == {'ash': 1, 'burr': 1}
    crowd = source.make(unlabelled='crowd', classes=classes)['base_train']
    assert objects(crowd)['ash+crack'][-1] == ('crack', 10, 1)


def test_every_image_is_evaluated_with_the_classes_of_the_set(source):
    sets = source.make()
    assert objects(sets['test']) == {
        't1': [('dent', 0, 0), ('dent', 10, 0)],
        't2': [('burr', 0, 0), ('ash', 10, 0), ('crack', 20, 0)], 't3': []}
    assert objects(sets['base_test']) == {'t1': [], 't2': [('burr', 0, 0), ('ash', 10, 0)],
                                          't3': []}
    assert objects(sets['base_val']) == {'v1': [('ash', 0, 0)], 'v2': [], 'v3': [('burr', 0, 0)]}


# The choice


@pytest.mark.parametrize('unlabelled', UNLABELLED)
def test_the_seed_alone_decides(source, unlabelled):
    first = source.make([2, 3], [0, 1], unlabelled)
    source.images['train'] = dict(reversed(source.images['train'].items()))
    again = source.make([3], [1, 0], unlabelled, ClassSplit(CLASSES.novel, CLASSES.base))
    for seed in (0, 1):
        names = [{image for image, _ in chosen(sets[f'3shot_seed{seed}'])}
                 for sets in (first, again)]
        assert names[0] == names[1]
    draws = {frozenset(chosen(source.make([2], [seed], unlabelled)[f'2shot_seed{seed}']))
             for seed in range(5)}
    assert len(draws) > 1


@pytest.mark.parametrize('unlabelled', ['crowd', 'background'])
def test_more_shots_contain_fewer(source, unlabelled):
    sets = source.make([1, 2, 5], [4], unlabelled)
    one, two, five = (chosen(sets[f'{k}shot_seed4']) for k in (1, 2, 5))
    assert one < two < five


# Errors


@pytest.mark.parametrize('unlabelled', UNLABELLED)
def test_too_few_boxes(source, unlabelled):
    with pytest.raises(ValueError, match=r'class "ash" has \d+ boxes.*11 shots need 11'):
        source.make([11], [0], unlabelled)


def test_no_whole_images_add_up(source):
    source.images['train'] = {f'{name}{i}': [name] * 2 for name in IDS for i in range(5)}
    with pytest.raises(ValueError, match='class "ash" add up to 3.*--unlabelled crowd'):
        source.make([3])
    assert source.make([3], unlabelled='crowd')['3shot_seed0'].counts()['ash'] == 3


def test_no_base_image_is_left(source):
    source.images['train'] = {f'{i}': ['ash', 'crack', 'burr', 'dent'] for i in range(3)}
    with pytest.raises(ValueError, match='base_train: no box of class "ash" is left, 3 images'):
        source.make()


@pytest.mark.parametrize('classes, message', [
    (ClassSplit(('ash', 'bur'), ('dent', )), r'has no class "bur" \(did you mean "burr"\?\)'),
    (ClassSplit(('ash', 'burr'), ('dent', 'ash')), 'class "ash" is base and novel'),
    (ClassSplit(('ash', 'ash'), ('dent', )), 'class "ash" is named twice'),
    (ClassSplit((), ('dent', )), 'at least one base and one novel class'),
])
def test_wrong_classes(source, classes, message):
    with pytest.raises(ValueError, match=message):
        source.make(classes=classes)


@pytest.mark.parametrize('shots', [0, -1])
def test_no_shots(source, shots):
    with pytest.raises(ValueError, match=f'integers of at least 1, got {shots}'):
        source.make([shots])


def test_unknown_rule(source):
    with pytest.raises(ValueError, match='drop_image, crowd, background, got "crowds"'):
        source.make(unlabelled='crowds')


@pytest.mark.parametrize('part', ['val', 'test'])
def test_an_image_that_trains_and_tests(source, part):
    source.images[part]['ash3'] = ['ash']
    with pytest.raises(ValueError, match=f'ash3.png is in train and in {part}'):
        source.make()


def test_missing_file(source):
    folder = source.write()
    os.unlink(os.path.join(folder, 'annotations', 'val.json'))
    with pytest.raises(FileNotFoundError, match='val.json does not exist; prepare the data set'):
        make_few_shot(folder, CLASSES, [1], [0])


@pytest.mark.parametrize('text, reason', [
    ('{', r'train.json is not JSON'), ('{"images": []}', 'is not a COCO annotation file'),
    ('{"images": [{"id": 1}], "annotations": [], "categories": []}',
     r'train.json, images\[0\]: file_name is missing'),
    ('{"images": [], "categories": [{"id": 1, "name": null}]}',
     r'train.json, categories\[0\]: name must'),
])
def test_damaged_file(source, text, reason):
    folder = source.write()
    with open(os.path.join(folder, 'annotations', 'train.json'), 'w') as f:
        f.write(text)
    with pytest.raises(ValueError, match=f'{reason}.*--check'):
        make_few_shot(folder, CLASSES, [1], [0])


def test_a_file_with_another_set_is_not_replaced_unasked(source, tmp_path):
    out = str(tmp_path / 'out')
    write_few_shot(out, source.make())
    write_few_shot(out, source.make([2, 3]))
    before = sorted(os.listdir(out))
    with pytest.raises(FileExistsError, match='base_train.json .*another set.*--overwrite'):
        write_few_shot(out, source.make([1], unlabelled='crowd'))
    assert sorted(os.listdir(out)) == before
    write_few_shot(out, source.make(unlabelled='crowd'), overwrite=True)
    assert json.loads((tmp_path / 'out' / 'base_train.json').read_text()
                      )['info']['unlabelled'] == 'crowd'


# The command


def run_tool(*arguments, **options):
    return subprocess.run([sys.executable, os.path.join(ROOT, 'tools', 'make_few_shot.py'),
                           *arguments], capture_output=True, text=True, **options)


def test_the_command_writes_what_it_prints(source):
    folder = source.write()
    done = run_tool('--dataset_dir', folder, '--base', 'ash,burr', '--novel', 'crack,dent',
                    '--shots', '1', '2', '--seed', '7')
    assert done.returncode == 0, done.stderr
    out = os.path.join(folder, 'annotations', 'few_shot', 'own_classes')
    assert f'written to {out}' in done.stdout
    assert 'objects that a training set does not label: drop_image' in done.stdout
    rows = {cells[1]: cells[2:-1] for cells in
            ([cell.strip() for cell in line.split('|')] for line in done.stdout.splitlines())
            if len(cells) > 3}
    assert rows.pop('set') == ['images', 'ash', 'burr', 'crack', 'dent', 'unlabelled',
                               'images left out']
    assert {*(f'{name}.json' for name in rows), 'own_classes_base.yml', 'own_classes_all.yml'} == (
        set(os.listdir(out)))
    assert rows['base_train'] == ['13', '8', '8', '-', '-', '0', '2']
    assert rows['base_test'] == ['3', '1', '1', '-', '-', '-', '-']
    for name, cells in rows.items():
        with open(os.path.join(out, f'{name}.json')) as f:
            content = json.load(f)
        assert len(content['images']) == int(cells[0])
        assert len(content['annotations']) == sum(int(n) for n in cells[1:5] if n != '-')


def test_a_config_that_was_edited_stays_unless_it_may_be_replaced(source):
    command = ('--dataset_dir', source.write(), '--base', 'ash,burr', '--novel', 'crack,dent',
               '--shots', '1', '--detector', 'nano', '--output', os.path.join(source.folder, 'x'))
    assert run_tool(*command).returncode == 0
    path = source.folder / 'x' / 'faster_rcnn_nano_fpn_x_tfa.yml'
    written = path.read_text()
    path.write_text(f'{written}epoch: 3\n')
    done = run_tool(*command, '--seed', '2')
    assert done.returncode == 0, done.stderr
    assert path.read_text() == f'{written}epoch: 3\n'
    assert run_tool(*command, '--overwrite').returncode == 0
    assert path.read_text() == written


def test_the_current_folder_gives_its_name_to_the_configs(source, tmp_path):
    (tmp_path / 'parts').mkdir()
    done = run_tool('--dataset_dir', os.path.abspath(source.write()), '--base', 'ash,burr',
                    '--novel', 'crack,dent', '--shots', '1', '--output', '.',
                    cwd=tmp_path / 'parts')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'parts' / 'parts_base.yml').is_file()


def test_names_of_classes_are_read_as_by_the_other_tools(source, tmp_path):
    (tmp_path / 'base.txt').write_text('ash\nburr\n')
    done = run_tool('--dataset_dir', source.write(), '--base', str(tmp_path / 'base.txt'),
                    '--novel', 'crack\uff0cdent', '--shots', '1')
    assert 'base classes: ash, burr\nnovel classes: crack, dent\n' in done.stdout
    done = run_tool('--dataset_dir', source.write(), '--base', 'ash;burr', '--novel', 'crack')
    assert done.returncode == 2
    assert 'argument --base: expected commas between the names, got "ash;burr"' in done.stderr


def test_the_command_ends_with_one_line_on_an_error(source):
    folder = source.write()
    done = run_tool('--dataset_dir', folder, '--split', '1')
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f'error: {folder} has no class "crazing"')
    assert 'Traceback' not in done.stderr
    assert not os.path.exists(os.path.join(folder, 'annotations', 'few_shot'))


# NEU-DET


def test_the_configs_name_the_classes_of_the_splits():
    for classes in NEU_DET_SPLITS.values():
        assert sorted(classes.all) == sorted(NEU_DET_CLASSES)
    classes = NEU_DET_SPLITS[1]
    for part, names in (('base', classes.base), ('all', classes.all)):
        cfg = read_yaml(os.path.join(CONFIGS, 'datasets', f'neu_det_split1_{part}.yml'))
        assert cfg['class_names'] == list(names)
        assert cfg['num_classes'] == len(names)


@pytest.fixture(scope='module')
def neu_det(tmp_path_factory):
    folder = tmp_path_factory.mktemp('neu') / 'NEU-DET-COCO'
    prepare(NEU_DET, str(folder))
    return str(folder)


@needs_real
@pytest.mark.parametrize('number', NEU_DET_SPLITS)
def test_neu_det(neu_det, number):
    classes = NEU_DET_SPLITS[number]
    sets = make_few_shot(neu_det, classes, [5, 10, 30], [1], 'drop_image')
    out = os.path.join(neu_det, 'annotations', 'few_shot', f'split{number}')
    name = f'neu_det_split{number}'
    write_few_shot(out, sets, configs=dataset_configs(out, name, classes, sets, neu_det))
    for shots in (5, 10, 30):
        assert sets[f'{shots}shot_seed1'].counts() == dict.fromkeys(classes.all, shots)
    for part in ('base', 'all'):
        cfg = read_yaml(os.path.join(out, f'{name}_{part}.yml'))
        for section in ('TrainDataset', 'EvalDataset'):
            options = dict(cfg[section])
            assert options.pop('name') == 'COCODataSet'
            dataset = COCODataSet(**options)
            dataset.parse_dataset()
            assert list(dataset.cname2cid) == cfg['class_names']
            key = os.path.splitext(os.path.basename(options['anno_path']))[0]
            assert len(dataset.roidbs) == len(sets[key].images)
    names = {part: {image.name for image in sets[part].images} for part in ('val', 'test')}
    trained = {image.name for name in ('base_train', '30shot_seed1') for image in sets[name].images}
    assert not trained & (names['val'] | names['test'])
    assert (len(names['val']), len(names['test'])) == (360, 180)


@pytest.fixture(scope='module')
def authors(tmp_path_factory):
    folder = tmp_path_factory.mktemp('authors')
    extract(AUTHORS, str(folder))
    return folder


@needs_authors
def test_the_authors_splits(neu_det, authors):
    classes = NEU_DET_SPLITS[1]
    sizes = [1, 2, 3, 5, 10, 30]
    sets = make_few_shot(neu_det, classes, sizes, range(1, 10), 'crowd', str(authors))
    assert {name for name in sets if 'shot' not in name} == {'base_train', 'test', 'base_test'}
    assert sets['base_train'].counts() == {'crazing': 563, 'inclusion': 843, 'patches': 701}
    assert sets['test'].counts() == {'crazing': 126, 'inclusion': 168, 'patches': 180,
                                     'pitted_surface': 102, 'rolled-in_scale': 115,
                                     'scratches': 112}
    assert len(sets['test'].images) == 360
    tested = {image.name for image in sets['test'].images}
    for seed in range(1, 10):
        nested = [sets[f'{shots}shot_seed{seed}'] for shots in sizes]
        for shots, few in zip(sizes, nested):
            assert few.counts() == dict.fromkeys(classes.all, shots)
            assert not tested & {image.name for image in few.images}
        for fewer, more in zip(nested, nested[1:]):
            assert chosen(fewer) < chosen(more)
    assert (sets['5shot_seed1'].unlabelled, sets['30shot_seed1'].unlabelled) == (21, 35)


@needs_authors
def test_the_authors_boxes_are_those_of_their_files(neu_det, authors):
    few = make_few_shot(neu_det, NEU_DET_SPLITS[2], [10], [3], 'background',
                        AUTHORS)['10shot_seed3']
    ours = {(image.name, box['class_name'], *np.add(box['bbox'], [1, 1, -1, -1]))
            for image in few.images for box in image.boxes}
    theirs = set()
    for name in NEU_DET_CLASSES:
        path = authors.joinpath('annotations', 'fewshot-split', '3',
                                 f'3seed_10shot_{name}_trainval.json')
        content = json.loads(path.read_text())
        files = {image['id']: image['file_name'] for image in content['images']}
        theirs |= {(files[box['image_id']], name, *box['bbox'])
                   for box in content['annotations']}
    assert ours == theirs and len(ours) == 60


@needs_authors
@pytest.mark.parametrize('shots, seed, unlabelled, error', [
    (4, 1, 'crowd', 'hold no .*1seed_4shot_.*they have seeds 1 to 9'),
    (5, 10, 'crowd', 'hold no .*10seed_5shot_'),
    (5, 1, 'drop_image', r'5shot_seed1: \d of 5 boxes .* give --unlabelled crowd or background'),
])
def test_what_the_authors_splits_do_not_have(neu_det, authors, shots, seed, unlabelled, error):
    with pytest.raises((ValueError, FileNotFoundError), match=error):
        make_few_shot(neu_det, NEU_DET_SPLITS[1], [shots], [seed], unlabelled, str(authors))
