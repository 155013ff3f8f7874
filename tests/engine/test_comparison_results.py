# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy import stats

from ppdet_ext.engine import comparison_results
from ppdet_ext.engine.comparison_results import Run, _curves, _draw
from ppdet_ext.engine.comparison_runs import Comparison, Entry
from ppdet_ext.utils.paired import difference


def test_difference_is_scipys_paired_interval():
    values, baseline = {0: 0.31, 1: 0.30, 2: 0.34}, {2: 0.30, 1: 0.28, 0: 0.29}
    mean, half = difference(values, baseline)
    interval = stats.ttest_rel([0.31, 0.30, 0.34], [0.29, 0.28, 0.30]).confidence_interval(0.95)
    np.testing.assert_allclose([mean - half, mean + half], interval)


def test_difference_pairs_common_seeds_only():
    assert difference({0: 0.5, 1: 0.9}, {0: 0.25, 2: 0.1}) == (0.25, None)
    assert difference({0: 0.5}, {1: 0.5}) is None


def test_sets_without_boxes_have_no_difference():
    assert difference({0: None, 1: 0.5}, {0: 0.25, 1: 0.25}) == (0.25, None)
    assert difference({0: 0.5}, {0: None}) is None
    runs = [run('student', epochs, 0, None) for epochs in (6, 12)]
    assert _curves(Comparison('lite', 'data', {'pooled': []}, []), runs) == {}


def run(method, epochs, seed, value):
    entry = Entry(method, epochs, [0, 1], 'x.yml')
    return Run(entry, seed, 1.0, {'validation': {'mAP': 0.0}, 'pooled': {'mAP': value}})


def test_curves_are_of_the_first_seed_and_of_several_schedules(tmp_path):
    runs = [run('student', 6, 0, 0.2), run('student', 12, 0, 0.3), run('student', 12, 1, 0.9),
            run('teacher', 12, 0, 0.4)]
    curves = _curves(Comparison('lite', 'data', {'validation': [], 'pooled': []}, []), runs)
    assert curves == {'student': {6: 0.2, 12: 0.3}}
    path = tmp_path / 'schedule.png'
    _draw(curves, 'pooled', str(path))
    assert np.asarray(Image.open(path)).std() > 0


def test_every_method_is_drawn(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(comparison_results, 'Figure', lambda **options: figures.append(
        Figure(**options)) or figures[0])
    curves = {f'method{k}': {6: 0.1 * k, 12: 0.2} for k in range(9)}
    _draw(curves, 'pooled', str(tmp_path / 'schedule.png'))
    lines = figures[0].axes[0].lines
    assert [line.get_label() for line in lines] == list(curves)
    assert len({(line.get_marker(), line.get_linestyle()) for line in lines}) == 9


@pytest.mark.parametrize('count, interval', [(2, 12.706), (3, 4.303)])
def test_interval_is_wide_for_few_seeds(count, interval):
    values = {seed: float(seed) for seed in range(count)}
    half = difference(values, dict.fromkeys(values, 0.0))[1]
    assert half == pytest.approx(interval * np.std(list(values), ddof=1) / count**0.5, rel=1e-4)
