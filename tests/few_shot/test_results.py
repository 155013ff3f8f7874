# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from PIL import Image

from ppdet_ext.few_shot.results import (
    difference_table,
    metrics_line,
    read_results,
    table,
    write_results,
)


def write_metrics(folder, few_shot):
    """A ``metrics.json`` whose AP is half of the AP50 that is given by part."""
    folder.mkdir(parents=True)
    parts = {part: {'AP': None if value is None else value / 2, 'AP50': value}
             for part, value in few_shot.items()}
    (folder / 'metrics.json').write_text(json.dumps({
        'mAP': 0.1, 'AP50': 0.2, 'classes': {'dent': {'AP': 0.1, 'AP50': 0.2}}, 'few_shot': parts}))


@pytest.fixture
def output(tmp_path):
    write_metrics(tmp_path / 'base', {'base': 0.7, 'all': 0.7})
    write_metrics(tmp_path / 'base' / 'training', {'base': 0.9, 'all': 0.9})  # of its validation
    for seed, base, novel in ((1, 0.60, 0.2), (2, 0.64, 0.3), (3, 0.68, 0.7)):
        write_metrics(tmp_path / 'DKAN' / f'5shot_seed{seed}', {
            'base': base, 'novel': novel, 'all': (base + novel) / 2, 'forgetting': 0.7 - base})
    write_metrics(tmp_path / 'DKAN' / '30shot_seed1', {'base': 0.65, 'novel': 0.5, 'all': 0.575,
                                                       'forgetting': 0.05})
    write_metrics(tmp_path / 'fine-tuning' / '5shot_seed2', {'base': 0.1, 'novel': None,
                                                             'all': 0.1})
    (tmp_path / 'DKAN' / '30shot_seed2').mkdir()  # not finished
    return tmp_path


def test_table_has_mean_and_sample_deviation_by_shots_and_method(output):
    # 0.60, 0.64, 0.68: mean 0.64, deviation sqrt(2 * 0.04^2 / 2) = 0.04
    # 0.2, 0.3, 0.7: mean 0.4, deviation sqrt((0.04 + 0.01 + 0.09) / 2) = 0.2646
    # 0.40, 0.47, 0.69: mean 0.52, deviation sqrt((0.0144 + 0.0025 + 0.0289) / 2) = 0.1513
    assert table(*read_results(output), 'AP50') == [
        ['method', 'shots', 'seeds', 'AP_B', 'AP_N', 'AP_All', 'forgetting'],
        ['base detector', '-', '-', '0.700', '-', '-', '-'],
        ['DKAN', '5', '3', '0.640 ± 0.040', '0.400 ± 0.265', '0.520 ± 0.151', '0.060 ± 0.040'],
        ['fine-tuning', '5', '1', '0.100', '-', '0.100', '-'],
        ['DKAN', '30', '1', '0.650', '0.500', '0.575', '0.050']]


def test_table_of_the_other_figure(output):
    rows = table(*read_results(output), 'AP')
    assert [row[3] for row in rows[1:]] == ['0.350', '0.320 ± 0.020', '0.050', '0.325']


def test_a_missing_figure_of_one_seed_is_no_mean_of_the_others(output):
    write_metrics(output / 'fine-tuning' / '5shot_seed3', {'base': 0.3, 'novel': 0.4, 'all': 0.2})
    row, = (row for row in table(*read_results(output), 'AP50') if row[0] == 'fine-tuning')
    assert row[2:] == ['2', '0.200 ± 0.141', '-', '0.150 ± 0.071', '-']


def test_differences_are_those_of_the_same_seeds(output):
    for seed, value in ((1, 0.3), (3, 0.4)):
        write_metrics(output / 'fine-tuning' / f'5shot_seed{seed}', {
            'base': value, 'novel': 0.3, 'all': value, 'forgetting': 0.7 - value})
    # AP_B: 0.3, 0.54, 0.28: mean 0.3733, deviation 0.1447, times t(0.975, 2) = 4.3027, by sqrt(3)
    # AP_All: 0.1, 0.37, 0.29: mean 0.2533, deviation 0.1387
    assert difference_table(read_results(output)[1], 'AP50') == [
        ['difference', 'shots', 'seeds', 'AP_B', 'AP_N', 'AP_All', 'forgetting'],
        ['DKAN minus fine-tuning', '5', '3', '+0.373 ± 0.359', '-', '+0.253 ± 0.345', '-']]


def test_a_difference_of_one_seed_has_no_interval(output):
    row, = difference_table(read_results(output)[1], 'AP')[1:]
    assert row[2:] == ['1', '+0.270', '-', '+0.185', '-']


def test_writes_every_run_the_tables_and_a_chart(output):
    printed = write_results(str(output), 'test.json')
    text = (output / 'table.md').read_text(encoding='utf-8')
    assert text.startswith('test.json: mean ± standard deviation over the seeds; of differences')
    assert '\n\nIoU 0.5\n\n| method ' in text and text.count('| DKAN minus fine-tuning ') == 2
    assert '\n\nIoU 0.5:0.95\n\n| method ' in text
    assert printed.count('0.640 ± 0.040') == text.count('0.640 ± 0.040') == 1
    results = json.loads((output / 'results.json').read_text())
    assert results['source'] == 'test.json'
    assert results['base_detector']['base'] == {'AP': 0.35, 'AP50': 0.7}
    assert results['runs'][0] == {
        'method': 'DKAN', 'shots': 5, 'seed': 1, 'base': {'AP': 0.3, 'AP50': 0.6},
        'novel': {'AP': 0.1, 'AP50': 0.2}, 'all': {'AP': 0.2, 'AP50': 0.4},
        'forgetting': {'AP': pytest.approx(0.05), 'AP50': pytest.approx(0.1)},
        'classes': {'dent': {'AP': 0.1, 'AP50': 0.2}}}
    assert len(results['runs']) == 5
    with Image.open(output / 'results.png') as chart:
        assert len(chart.convert('L').getcolors()) > 1


def test_line_of_a_run_leaves_out_what_is_missing(output):
    folder = output / 'fine-tuning' / '5shot_seed2'
    assert metrics_line(folder / 'metrics.json') == 'AP_B 0.100, AP_All 0.100 at IoU 0.5'


def test_metrics_of_other_sets_are_an_error(output):
    (output / 'base' / 'metrics.json').write_text('{"mAP": 0.1, "classes": {}}')
    with pytest.raises(ValueError, match='no metrics of base and novel classes; was its set made'):
        read_results(output)
