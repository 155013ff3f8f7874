# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Partly labelled sets: shares by class, seeds, and what may be replaced."""
import json
from collections import Counter

import pytest
from tool_runs import imported

from ppdet_ext.data.partly_labelled import make_partly_labelled

IMAGES = {'crack': 20, 'dent': 10}  # by the class of their one box


@pytest.fixture
def annotations(tmp_path):
    """30 images, the class in their names, and ten sound ones."""
    names = [f'{name}_{k}.png' for name, count in {**IMAGES, 'sound': 10}.items()
             for k in range(count)]
    path = tmp_path / 'annotations' / 'train.json'
    path.parent.mkdir()
    path.write_text(json.dumps({
        'info': {'description': 'a set'},
        'images': [{'id': 7 * k, 'file_name': name, 'width': 20, 'height': 20}
                   for k, name in enumerate(names)],
        'annotations': [{'id': k + 1, 'image_id': 7 * k, 'category_id': 1 + (k >= 20),
                         'bbox': [1, 1, 5, 5], 'area': 25, 'iscrowd': 0} for k in range(30)],
        'categories': [{'id': 1, 'name': 'crack'}, {'id': 2, 'name': 'dent'}]}))
    return str(path)


def by_class(names):
    return Counter(name.split('_')[0] for name in names)


def labelled(part):
    return [image['file_name'] for image in part.content['images']]


def test_every_class_has_its_share_in_both(annotations):
    part, = make_partly_labelled(annotations, [0.3], [0]).values()
    assert by_class(labelled(part)) == {'crack': 6, 'dent': 3, 'sound': 3}
    assert by_class(part.unlabelled) == {'crack': 14, 'dent': 7, 'sound': 7}
    assert not set(labelled(part)) & set(part.unlabelled)
    boxes = {box['image_id'] for box in part.content['annotations']}
    ids = {image['id'] for image in part.content['images'] if 'sound' not in image['file_name']}
    assert boxes == ids and len(part.content['annotations']) == 9


def test_the_seed_decides_and_larger_parts_contain_smaller_ones(annotations):
    sets = make_partly_labelled(annotations, [0.1, 0.3], [0, 1])
    assert list(sets) == ['10percent_seed0', '30percent_seed0', '10percent_seed1',
                          '30percent_seed1']
    names = {name: set(labelled(part)) for name, part in sets.items()}
    assert names['10percent_seed0'] < names['30percent_seed0']
    assert names['30percent_seed0'] != names['30percent_seed1']
    assert make_partly_labelled(annotations, [0.1], [0])['10percent_seed0'] == sets[
        '10percent_seed0']


@pytest.mark.parametrize('fraction, message', [
    (0.02, 'train.json: 2percent_seed0 would have no labelled box of crack, dent; take a larger'),
    (1.0, '--fraction must be between 0 and 1, got 1.0'), (0.0, 'got 0.0')])
def test_fractions_that_cannot_be(annotations, fraction, message):
    with pytest.raises(ValueError, match=message):
        make_partly_labelled(annotations, [fraction], [0])


def test_the_tool_writes_both_files_and_replaces_nothing_else(annotations, tmp_path, capsys):
    main = imported('make_partly_labelled').main
    command = ['--dataset_dir', str(tmp_path), '--fraction', '0.5']
    main(command)
    assert '50percent_seed0: 20 labelled images (crack 10, dent 5 boxes), 20 unlabelled' in (
        capsys.readouterr().out)
    folder = tmp_path / 'annotations' / 'partly_labelled'
    names = (folder / '50percent_seed0_unlabelled.txt').read_text().split()
    content = json.loads((folder / '50percent_seed0.json').read_text())
    assert len(names) == len(content['images']) == 20
    main(command)  # the same again
    (folder / '50percent_seed0_unlabelled.txt').write_text('other.png\n')
    with pytest.raises(FileExistsError, match='holds other images; give another --output, or'):
        main(command)
    main([*command, '--overwrite'])
    assert (folder / '50percent_seed0_unlabelled.txt').read_text().split() == names
