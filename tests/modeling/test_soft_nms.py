# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from ppdet.modeling.layers import MultiClassNMS
from tiny import batch
from tiny_faster_rcnn import build_detector, faster_rcnn_yaml

from ppdet_ext.modeling import MultiClassSoftNMS

# Two halves overlapping with IoU 1/3, and one apart.
BOXES = [[0, 0, 20, 10], [10, 0, 30, 10], [50, 50, 60, 60]]


def suppress(boxes, scores, counts=None, **options):
    """Rows, boxes per image and regions, for boxes [R, 4] shared by all classes."""
    scores = np.array(scores, 'float32').reshape([len(boxes), -1])
    boxes = np.repeat(np.array(boxes, 'float32')[:, None], scores.shape[1], axis=1)
    counts = paddle.to_tensor(counts or [len(boxes)], dtype='int32')
    out = MultiClassSoftNMS(**options)((paddle.to_tensor(boxes), counts), paddle.to_tensor(scores),
                                       scores.shape[1])
    return [tensor.numpy() for tensor in out]


@pytest.mark.parametrize('options, lowered', [
    ({'nms_threshold': 0.3}, 0.6 * (1 - 1 / 3)),
    ({'nms_threshold': 0.4}, 0.6),
    ({'decay': 'gaussian', 'sigma': 0.5}, 0.6 * np.exp(-(1 / 9) / 0.5)),
])
def test_an_overlapping_box_is_kept_with_a_lower_score(options, lowered):
    rows, counts, regions = suppress(BOXES, [0.9, 0.6, 0.2], **options)
    np.testing.assert_allclose(rows[:, 1], [0.9, lowered, 0.2], rtol=1e-5)
    np.testing.assert_array_equal(rows[:, 2:], BOXES)
    assert counts.tolist() == [3] and regions.ravel().tolist() == [0, 1, 2]


def test_several_better_boxes_lower_a_score_together():
    rows, _, _ = suppress([BOXES[0]] * 2 + [BOXES[1]], [0.9, 0.8, 0.6], nms_threshold=0.3,
                          min_score=0.0)
    # The copy of the best box has nothing left; the neighbour is lowered once.
    np.testing.assert_allclose(rows[:, 1], [0.9, 0.4], rtol=1e-5)


def test_classes_and_images_do_not_touch_each_other():
    scores = [[0.9, 0.1], [0.1, 0.8], [0.7, 0.0]]
    rows, counts, regions = suppress(BOXES, scores, [2, 1], nms_threshold=0.3)
    assert counts.tolist() == [4, 1]
    np.testing.assert_allclose(rows[:4, :2], [[0, 0.9], [1, 0.8], [0, 0.1 * 2 / 3],
                                              [1, 0.1 * 2 / 3]], rtol=1e-5)
    np.testing.assert_allclose(rows[4, :2], [0, 0.7], rtol=1e-6)
    assert regions.ravel().tolist() == [0, 1, 1, 0, 2]


def test_low_scores_and_all_beyond_the_best_are_left_out():
    rows, _, _ = suppress(BOXES, [0.9, 0.6, 0.04], keep_top_k=1)
    assert rows[:, 1].tolist() == [np.float32(0.9)]
    assert len(suppress(BOXES, [0.9, 0.6, 0.04])[0]) == 2
    assert len(suppress(BOXES, [0.9, 0.6, 0.2], keep_top_k=-1)[0]) == 3
    rows, _, _ = suppress(BOXES, [0.9, 0.6, 0.2], nms_threshold=0.3, min_score=0.5)
    assert rows[:, 1].tolist() == [np.float32(0.9)]


def test_nothing_found_gives_no_rows():
    rows, counts, regions = suppress(BOXES, [0.0, 0.01, 0.02], [1, 2])
    assert rows.shape == (0, 6) and counts.tolist() == [0, 0] and regions.shape == (0, 1)


def test_boxes_apart_are_those_of_the_hard_suppression():
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 20
    boxes = np.concatenate([corners, corners + 15], axis=1).astype('float32')
    boxes = np.repeat(boxes[:, None], 3, axis=1)
    scores = rng.uniform(size=boxes.shape[:2]).astype('float32')
    inputs = (paddle.to_tensor(boxes), paddle.to_tensor([12, 8], dtype='int32'))
    soft, hard = (nms(inputs, paddle.to_tensor(scores), 3) for nms in (
        MultiClassSoftNMS(keep_top_k=9), MultiClassNMS(keep_top_k=9)))
    assert soft[1].tolist() == hard[1].tolist() == [9, 9]
    for part in (slice(0, 9), slice(9, 18)):
        assert sorted(map(tuple, soft[0][part].tolist())) == sorted(
            map(tuple, hard[0][part].tolist()))


def test_a_detector_evaluates_with_it(tmp_path):
    nms = {'name': 'MultiClassSoftNMS', 'score_threshold': 0.0, 'keep_top_k': 7}
    model = build_detector(faster_rcnn_yaml(tmp_path, 'soft', cosine={},
                                            BBoxPostProcess={'nms': nms}))
    assert type(model.bbox_post_process.nms) is MultiClassSoftNMS
    model.eval()
    output = model(batch(images=2))
    assert output['bbox'].shape == [14, 6] and output['bbox_num'].tolist() == [7, 7]


def test_an_unknown_decay_is_an_error():
    with pytest.raises(ValueError, match="decay must be one of linear, gaussian, got 'hard'"):
        MultiClassSoftNMS(decay='hard')


def test_a_sigma_of_zero_is_an_error():
    with pytest.raises(ValueError, match='sigma must be a number above 0, got 0'):
        MultiClassSoftNMS(decay='gaussian', sigma=0)
