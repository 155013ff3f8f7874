# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""NEU-DET, and data like it, becomes a COCO data set, by function and by command line."""
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections import Counter

import pytest

from ppdet_ext.data import formats
from ppdet_ext.data import prepare as preparing
from ppdet_ext.data.check import check_coco_folder
from ppdet_ext.data.coco import NEU_DET_CLASSES
from ppdet_ext.data.neu_det import prepare
from ppdet_ext.data.prepare import NO_BOXES, InvalidDataError, dominant_class
from ppdet_ext.safe_io.archive import extract

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REAL = os.environ.get('PPDET_EXT_NEU_DET',
                      os.path.join(os.path.dirname(ROOT), 'shared', 'data', 'NEU-DET.tar.gz'))
needs_real = pytest.mark.skipif(not os.path.exists(REAL), reason=f'no NEU-DET at {REAL}')

BAD = ('crasing', 0, 1, 1, 5, 5)


def load(folder):
    return {split: json.loads((folder / 'annotations' / f'{split}.json').read_text())
            for split in ('train', 'val', 'test')}


def file_names(folder):
    return {split: [image['file_name'] for image in content['images']]
            for split, content in load(folder).items()}


def class_counts(content):
    names = {c['id']: c['name'] for c in content['categories']}
    return Counter(names[a['category_id']] for a in content['annotations'])


@pytest.fixture
def small(voc_tree):
    """Ten images of each NEU-DET class in the original layout."""
    tree = voc_tree()
    tree.add_classes(NEU_DET_CLASSES, 10)
    return tree


def test_writes_a_sound_coco_set(small, tmp_path):
    prepare(small.root, str(tmp_path / 'coco'))
    counts, faults = check_coco_folder(str(tmp_path / 'coco'))
    assert faults == []
    assert counts == {'train': (42, 42), 'val': (12, 12), 'test': (6, 6)}
    assert sorted(os.listdir(tmp_path / 'coco')) == ['annotations', 'dataset.yml', 'images',
                                                     'label_list.txt', 'report.txt']
    assert (tmp_path / 'coco' / 'label_list.txt').read_text().split() == list(NEU_DET_CLASSES)
    train = load(tmp_path / 'coco')['train']
    assert train['images'][0] == {'id': 1, 'file_name': 'crazing_0.jpg', 'width': 20, 'height': 20}
    assert train['annotations'][0] == {'id': 1, 'image_id': 1, 'category_id': 1, 'iscrowd': 0,
                                       'bbox': [0, 1, 10, 19], 'area': 190, 'difficult': 0,
                                       'segmentation': [[0, 1, 10, 1, 10, 20, 0, 20]]}
    assert [c['name'] for c in train['categories']] == list(NEU_DET_CLASSES)


def test_images_are_copied_unchanged(small, tmp_path):
    prepare(small.root, str(tmp_path / 'coco'))
    for name in os.listdir(tmp_path / 'coco' / 'images'):
        with open(small.path('image', name), 'rb') as f:
            assert (tmp_path / 'coco' / 'images' / name).read_bytes() == f.read()


def test_every_class_has_its_share_in_every_split(small, tmp_path):
    prepare(small.root, str(tmp_path / 'coco'))
    for split, expected in (('train', 7), ('val', 2), ('test', 1)):
        assert class_counts(load(tmp_path / 'coco')[split]) == dict.fromkeys(NEU_DET_CLASSES,
                                                                             expected)


def test_seed_decides_the_split(small, tmp_path):
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        prepare(small.root, str(tmp_path / name), seed=seed)
    assert file_names(tmp_path / 'a') == file_names(tmp_path / 'b') != file_names(tmp_path / 'c')


def zipped(tree, tmp_path):
    return shutil.make_archive(str(tmp_path / 'source'), 'zip', tmp_path, 'source')


def tarred(tree, tmp_path):
    with tarfile.open(tmp_path / 'source.tar.gz', 'w:gz') as file:
        file.add(tree.root, 'NEU-DET')
    return str(tmp_path / 'source.tar.gz')


def unchanged(tree, tmp_path):
    return tree.root


@pytest.mark.parametrize('pack', [unchanged, zipped, tarred])
@pytest.mark.parametrize('layout', ['original', 'voc', 'kaggle'])
def test_layout_and_packing_do_not_change_the_result(voc_tree, small, tmp_path, layout, pack):
    prepare(small.root, str(tmp_path / 'expected'))
    shutil.rmtree(small.root)
    tree = voc_tree(layout)
    tree.add_classes(NEU_DET_CLASSES, 10)
    source = pack(tree, tmp_path)
    before = sorted(os.listdir(tmp_path))
    prepare(source, str(tmp_path / 'other'))
    expected, other = load(tmp_path / 'expected'), load(tmp_path / 'other')
    for split in expected:
        assert expected[split].pop('info')['description'] == f'expected {split}'
        assert other[split].pop('info')['description'] == f'other {split}'
    assert expected == other
    assert sorted(os.listdir(tmp_path)) == sorted([*before, 'other'])


@pytest.mark.parametrize('names, expected', [
    (['scratches', 'scratches', 'crazing'], 'scratches'),
    (['scratches', 'patches', 'inclusion'], 'inclusion'),
    ([], NO_BOXES),
])
def test_dominant_class(names, expected):
    assert dominant_class([{'class_name': name} for name in names], NEU_DET_CLASSES) == expected


def test_defect_free_images_stay_and_are_split_as_a_class(small, tmp_path):
    for index in range(10):
        small.add(f'clean_{index}', [])
    report = prepare(small.root, str(tmp_path / 'coco'))
    clean = {split: sum(name.startswith('clean') for name in names)
             for split, names in file_names(tmp_path / 'coco').items()}
    assert clean == {'train': 7, 'val': 2, 'test': 1}
    assert ['(no', 'boxes)', '7', '2', '1', '10'] in [line.split() for line in report.splitlines()]


def test_report_counts_images_and_boxes(small, tmp_path):
    small.add('crazing_extra', [('crazing', 0, 1, 1, 5, 5)] * 3)
    report = prepare(small.root, str(tmp_path / 'coco'))
    assert report == (tmp_path / 'coco' / 'report.txt').read_text()
    images, boxes = [[line.split() for line in part.splitlines()] for part in
                     report.split('\n\n')[1:3]]
    assert images[0] == ['images', 'train', 'val', 'test', 'all']
    assert images[1][0] == 'crazing' and images[1][-1] == '11'
    assert images[-1][-1] == '61'
    assert boxes[1][0] == 'crazing' and boxes[1][-1] == '13'
    assert boxes[-1][-1] == '63'


def test_empty_split_is_noted(voc_tree, tmp_path):
    tree = voc_tree()
    tree.add('a', [('crazing', 0, 1, 1, 5, 5)])
    report = prepare(tree.root, str(tmp_path / 'coco'))
    assert 'note: test is empty, it needs more images' in report


def test_faults_write_nothing(small, tmp_path):
    small.add('bad', [BAD, BAD])
    small.add_image('lonely.jpg')
    with pytest.raises(InvalidDataError, match='3 faults in 2 files, nothing was written') as error:
        prepare(small.root, str(tmp_path / 'coco'))
    assert len(error.value.faults) == 3
    assert os.listdir(tmp_path) == ['source']


def test_skip_invalid_records_what_was_left_out(small, tmp_path):
    small.add('bad', [BAD, ('crazing', 0, 1, 1, 5, 5)])
    small.add_image('lonely.jpg')
    report = prepare(small.root, str(tmp_path / 'coco'), skip_invalid=True)
    assert 'left out: 1 images or annotation files, and 1 boxes of images that stay' in report
    assert 'lonely.jpg: there is no annotation' in report and 'unknown class "crasing"' in report
    counts, faults = check_coco_folder(str(tmp_path / 'coco'))
    assert faults == [] and sum(boxes for _, boxes in counts.values()) == 61


def test_skip_invalid_needs_something_to_go_on_with(voc_tree, tmp_path):
    voc_tree().add('bad', [BAD])
    with pytest.raises(ValueError, match='no sound image is left; repair the faults, of 1 the '
                                         'first: .*bad.xml:'):
        prepare(str(tmp_path / 'source'), str(tmp_path / 'coco'), skip_invalid=True)


@pytest.mark.parametrize('error', [OSError('disk full'), KeyboardInterrupt()])
def test_failure_midway_leaves_nothing(small, tmp_path, monkeypatch, error):
    archive = zipped(small, tmp_path)
    calls = []

    def failing(path, content):
        calls.append(path)
        if len(calls) == 2:
            raise error

    monkeypatch.setattr(preparing, 'write_json', failing)
    with pytest.raises(type(error)):
        prepare(archive, str(tmp_path / 'coco'))
    assert sorted(os.listdir(tmp_path)) == ['source', 'source.zip']


def test_failure_midway_keeps_the_set_that_was_to_be_replaced(small, tmp_path, monkeypatch):
    prepare(small.root, str(tmp_path / 'coco'))
    before = load(tmp_path / 'coco')

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(preparing, 'write_json', interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(small.root, str(tmp_path / 'coco'), seed=1, overwrite=True)
    assert load(tmp_path / 'coco') == before
    assert sorted(os.listdir(tmp_path)) == ['coco', 'source']


def test_existing_set_is_replaced_only_when_asked(small, tmp_path):
    prepare(small.root, str(tmp_path / 'coco'))
    before = load(tmp_path / 'coco')
    with pytest.raises(FileExistsError, match='--overwrite'):
        prepare(small.root, str(tmp_path / 'coco'), seed=1)
    assert load(tmp_path / 'coco') == before
    prepare(small.root, str(tmp_path / 'coco'), seed=1, overwrite=True)
    assert load(tmp_path / 'coco') != before


def test_folder_with_other_content_is_never_replaced(small, tmp_path):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work' / 'thesis.txt').write_text('years')
    with pytest.raises(FileExistsError, match='thesis.txt'):
        prepare(small.root, str(tmp_path / 'work'), overwrite=True)
    assert (tmp_path / 'work' / 'thesis.txt').read_text() == 'years'


@pytest.mark.parametrize('output', ['source', ''])
def test_output_must_not_hold_the_source(small, tmp_path, output):
    with pytest.raises(FileExistsError, match='would replace the source'):
        prepare(small.root, str(tmp_path / output), overwrite=True)
    assert len(os.listdir(os.path.join(small.root, 'IMAGES'))) == 60


def test_output_may_lie_beside_the_data_it_comes_from(small, tmp_path):
    for overwrite in (False, True):
        prepare(str(tmp_path), str(tmp_path / 'coco'), overwrite=overwrite)
    assert sum(len(names) for names in file_names(tmp_path / 'coco').values()) == 60


def one_error_line(captured):
    lines = captured.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith('error: '), captured.err
    return lines[0]


def test_command_prepares_and_checks(small, tmp_path, prepare_tool, capsys):
    output = str(tmp_path / 'coco')
    assert prepare_tool(['--source', small.root, '--output', output]) == 0
    captured = capsys.readouterr()
    assert captured.err == '' and f'written to {output}' in captured.out
    assert '60/60' in captured.out
    assert prepare_tool(['--output', output, '--check']) == 0
    assert ('ok: train 42 images 42 boxes, val 12 images 12 boxes, test 6 images 6 boxes'
            in capsys.readouterr().out)


def test_check_command_lists_faults(small, tmp_path, prepare_tool, capsys):
    output = tmp_path / 'coco'
    prepare(small.root, str(output))
    (output / 'images' / 'crazing_0.jpg').unlink()
    (output / 'images' / 'patches_0.jpg').unlink()
    capsys.readouterr()
    assert prepare_tool(['--output', str(output), '--check']) == 1
    captured = capsys.readouterr()
    assert 'image crazing_0.jpg' in captured.out and 'image patches_0.jpg' in captured.out
    assert '2 faults' in one_error_line(captured)


def test_command_lists_every_fault(small, tmp_path, prepare_tool, capsys):
    small.add('bad', [BAD, BAD])
    args = ['--source', small.root, '--output', str(tmp_path / 'coco')]
    assert prepare_tool(args) == 1
    captured = capsys.readouterr()
    bad = os.path.join('ANNOTATIONS', 'bad.xml')
    assert f'{bad}:5: unknown class' in captured.out and f'{bad}:10: unknown class' in captured.out
    assert '2 faults in 1 file' in one_error_line(captured)
    assert prepare_tool([*args, '--skip-invalid']) == 0


@pytest.mark.parametrize('as_file', [False, True])
def test_own_classes(voc_tree, tmp_path, prepare_tool, as_file):
    tree = voc_tree('voc')
    tree.add_classes(['划痕', 'dent'], 10)
    labels = tmp_path / 'labels.txt'
    labels.write_text('dent\n划痕\n', encoding='utf-8')
    assert prepare_tool(['--source', tree.root, '--output', str(tmp_path / 'coco'),
                              '--classes', str(labels) if as_file else 'dent,划痕', '--check']) == 0
    train = load(tmp_path / 'coco')['train']
    assert [(c['id'], c['name']) for c in train['categories']] == [(1, 'dent'), (2, '划痕')]
    assert class_counts(train) == {'dent': 7, '划痕': 7}


@pytest.mark.parametrize('args, expected', [
    (['--source', 'none'], 'none: no such file or folder'),
    (['--source', 'readme.md'], 'expected a folder, a .zip or a .tar'),
    (['--source', '.'], 'holds no image'),
    (['--check'], 'expected a folder with a prepared data set'),
])
def test_expected_errors_are_one_line(tmp_path, monkeypatch, prepare_tool, capsys, args, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'readme.md').write_text('text')
    assert prepare_tool([*args, '--output', 'coco']) == 1
    assert expected in one_error_line(capsys.readouterr())
    assert os.listdir(tmp_path) == ['readme.md']


@pytest.mark.parametrize('args', [
    [],
    ['--output', 'coco'],
    ['--output', 'coco', '--source', 'x', '--classes', 'a,,b'],
    ['--output', 'coco', '--source', 'x', '--classes', 'a,a'],
    ['--output', 'coco', '--source', 'x', '--classes', 'missing.txt'],
])
def test_bad_flags(prepare_tool, args):
    assert prepare_tool(args) == 2


def test_interrupt_is_no_traceback(small, tmp_path, prepare_tool, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(formats, 'read_voc', interrupt)
    assert prepare_tool(['--source', small.root, '--output', str(tmp_path / 'coco')]) == 130
    assert capsys.readouterr().err == 'interrupted\n'
    assert os.listdir(tmp_path) == ['source']


def test_script_runs_from_anywhere(small, tmp_path):
    script = os.path.join(ROOT, 'tools', 'prepare_neu_det.py')
    run = subprocess.run([sys.executable, script, '--source', small.root, '--output', 'coco'],
                         cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / 'coco' / 'annotations' / 'train.json').is_file()


REAL_BOXES = {'crazing': 689, 'inclusion': 1011, 'patches': 881, 'pitted_surface': 432,
              'rolled-in_scale': 628, 'scratches': 548}
# By the class with most boxes, which for 61 images is not the one in their name.
REAL_IMAGES = {'crazing': [210, 60, 30], 'inclusion': [232, 66, 33], 'patches': [226, 65, 32],
               'pitted_surface': [188, 54, 27], 'rolled-in_scale': [210, 60, 30],
               'scratches': [194, 55, 28]}


def assert_real_counts(folder, report):
    counts, faults = check_coco_folder(str(folder))
    assert faults == []
    assert [images for images, _ in counts.values()] == [1260, 360, 180]
    contents = load(folder)
    assert sum((class_counts(c) for c in contents.values()), Counter()) == REAL_BOXES
    annotations = [a for c in contents.values() for a in c['annotations']]
    assert len(annotations) == 4189
    assert sum(a['difficult'] for a in annotations) == 81
    images = report.split('\n\n')[1].splitlines()[1:7]
    rows = {name: [int(n) for n in numbers]
            for name, *numbers in (line.split() for line in images)}
    assert rows == {name: [*n, sum(n)] for name, n in REAL_IMAGES.items()}


@needs_real
def test_real_archive(tmp_path):
    report = prepare(REAL, str(tmp_path / 'coco'))
    assert_real_counts(tmp_path / 'coco', report)


@needs_real
def test_real_boxes_touch_the_first_and_the_last_pixel(tmp_path):
    """Why the annotations are read as counting from 1: 0 never occurs, 1 and 200 both do."""
    prepare(REAL, str(tmp_path / 'coco'))
    boxes = [a['bbox'] for c in load(tmp_path / 'coco').values() for a in c['annotations']]
    assert min(x for x, _, _, _ in boxes) == min(y for _, y, _, _ in boxes) == 0
    assert max(x + w for x, _, w, _ in boxes) == max(y + h for _, y, _, h in boxes) == 200


@needs_real
def test_real_data_in_the_kaggle_layout(tmp_path):
    """Includes the slip of that copy: crazing_240 has its image and its XML in different parts."""
    if os.path.isdir(REAL):
        shutil.copytree(REAL, tmp_path / 'unpacked')
    else:
        (tmp_path / 'unpacked').mkdir()
        extract(REAL, str(tmp_path / 'unpacked'))
    for parent, _, names in os.walk(tmp_path / 'unpacked'):
        for name in names:
            class_name, number = os.path.splitext(name)[0].rsplit('_', 1)
            is_xml = name.endswith('.xml')
            part = 'train' if int(number) < 240 + (not is_xml) else 'validation'
            target = tmp_path / 'kaggle' / 'NEU-DET' / part / (
                'annotations' if is_xml else os.path.join('images', class_name))
            target.mkdir(parents=True, exist_ok=True)
            os.rename(os.path.join(parent, name), target / name)
    report = prepare(str(tmp_path / 'kaggle'), str(tmp_path / 'coco'))
    assert_real_counts(tmp_path / 'coco', report)


def test_an_archive_without_a_data_set_is_named(tmp_path):
    with tarfile.open(tmp_path / 'a.tar', 'w') as file:
        file.addfile(tarfile.TarInfo('notes.txt'))
    with pytest.raises(ValueError, match=f'^{tmp_path}/a.tar: holds no image'):
        prepare(str(tmp_path / 'a.tar'), str(tmp_path / 'out'))
    assert os.listdir(tmp_path) == ['a.tar']
