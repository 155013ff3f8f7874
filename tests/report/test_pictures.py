# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the report show what the detector saw."""
import io

import four_images as four
import numpy as np
import pytest
from PIL import Image

from ppdet_ext.report.pictures import draw_samples
from ppdet_ext.report.runs import Evaluation


def drawn(tmp_path, factor, maximum=None):
    """bytes: a picture of images whose grey values, 60 to 180, are multiplied by a factor."""
    folder = tmp_path / str(factor)
    folder.mkdir(exist_ok=True)
    for k in range(4):
        Image.fromarray(np.full([100, 200], (60 + 40 * k) * factor, 'uint16' if factor > 1
                                else 'uint8')).save(folder / f'{k}.png')
    truth = four.truth_of(tmp_path)
    evaluation = Evaluation('', truth, four.detections_of(truth), {}, str(folder), {}, maximum)
    return draw_samples(evaluation, truth.names)


@pytest.mark.parametrize('factor', [16, 257])
def test_sixteen_bits_are_drawn_as_they_were_seen(tmp_path, factor):
    plain = drawn(tmp_path, 1)
    assert drawn(tmp_path, factor, 255 * factor) == plain
    # Where nothing says what is white, it is still no white picture.
    unknown = np.asarray(Image.open(io.BytesIO(drawn(tmp_path, factor))))
    assert np.quantile(unknown, 0.2) < 245


def test_samples_have_boxes_where_there_are_any(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr('ppdet_ext.report.pictures._open', lambda evaluation, position: (
        opened.append(position) or (Image.new('RGB', (200, 100)), 1)))
    for boxes, expected in ((four.BOXES, [0, 1, 2]), ([], [0, 1, 2, 3])):
        truth = four.truth_of(tmp_path, boxes=boxes)
        evaluation = Evaluation('', truth, four.detections_of(truth, []), {}, 'images', {})
        draw_samples(evaluation, truth.names)
        assert opened == expected
        opened.clear()
