# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import paddle
import pytest

from ppdet_ext.inference.thresholds import describe_kept, keep_from, read_thresholds

NAMES = ['crazing', 'patches', 'scratches']


def write(folder, content):
    path = folder / 'thresholds.json'
    path.write_text(json.dumps(content))
    return str(path)


def test_classes_that_are_not_named_have_the_threshold_of_all(tmp_path):
    path = write(tmp_path, {'threshold': 0.5, 'classes': {'patches': 0.25}, 'weights': 'x'})
    assert read_thresholds(path, NAMES) == [0.5, 0.25, 0.5]


@pytest.mark.parametrize('content, message', [
    ([0.5], 'is not a file of thresholds; expected a dictionary'),
    ({'threshold': 0.5, 'classes': {'patch': 0.2}},
     r'the class "patch", which the model does not have \(did you mean "patches"\?\)'),
    ({'classes': {'patches': 0.2}}, 'has None for the class "crazing", expected a number'),
    ({'threshold': 1.5}, 'has 1.5 for the class "crazing"'),
    ({'threshold': True}, 'has True for the class'),
])
def test_files_that_are_no_thresholds(content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_thresholds(write(tmp_path, content), NAMES)


class Fixed(paddle.nn.Layer):
    """A detector of three images: two boxes, padding, two boxes."""

    def forward(self, inputs):
        boxes = [[0, 0.5, 1, 1, 2, 2], [1, 0.25, 1, 1, 2, 2], [-1, 0, 0, 0, 0, 0],
                 [2, 0.75, 1, 1, 2, 2], [1, 0.125, 1, 1, 2, 2]]
        return {'bbox': paddle.to_tensor(boxes, 'float32'),
                'bbox_num': paddle.to_tensor([2, 1, 2], 'int32')}


def test_boxes_below_the_threshold_of_their_class_are_dropped():
    model = Fixed()
    hook = keep_from(model, [0.6, 0.25, 0.75])
    outputs = model(None)
    assert outputs['bbox'][:, 0].tolist() == [1, 2]  # a score at the threshold is kept
    assert outputs['bbox_num'].tolist() == [1, 0, 1]
    hook.remove()
    assert len(model(None)['bbox']) == 5


def test_says_what_was_kept():
    assert describe_kept([]) == 'no box at or above the threshold of its class'
    records = [{'class_name': name} for name in ('patches', 'crazing', 'patches')]
    assert describe_kept(records).endswith(': patches 2, crazing 1')
