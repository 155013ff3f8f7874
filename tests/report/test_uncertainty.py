# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import four_images as four
import numpy as np
import pytest
from scipy import stats

from ppdet_ext.report.matching import match
from ppdet_ext.report.mistakes import ImageResult, image_results
from ppdet_ext.report.uncertainty import interval, resample, resampled_precision, resampled_recall


def test_samples_draw_as_many_images_as_there_are():
    weights = resample(20, 300)
    assert weights.shape == (300, 20) and (weights.sum(axis=1) == 20).all()
    assert (weights == resample(20, 300)).all()


def test_interval_is_that_of_scipys_bootstrap():
    rng = np.random.default_rng(1)
    hit, missed = rng.integers(0, 6, 60), rng.integers(0, 4, 60)
    images = [ImageResult([], [], np.arange(h), np.arange(m)) for h, m in zip(hit, missed)]
    ours = interval(resampled_recall(images, resample(60, 5000)))
    theirs = stats.bootstrap(
        (hit, missed), lambda h, m, axis: h.sum(axis) / (h.sum(axis) + m.sum(axis)), paired=True,
        method='percentile', n_resamples=5000, random_state=2).confidence_interval
    assert ours == pytest.approx([theirs.low, theirs.high], abs=0.01)
    assert ours[1] - ours[0] > 0.05


def test_samples_without_boxes(tmp_path):
    truth = four.truth_of(tmp_path, boxes=four.BOXES[:1])
    matches = match(truth, four.detections_of(truth))
    weights = np.array([[4, 0, 0, 0], [0, 4, 0, 0]])
    for values in (resampled_recall(image_results(truth, matches, 0.5), weights),
                   *resampled_precision(matches, weights).values()):
        assert values == pytest.approx([1, np.nan], nan_ok=True)
