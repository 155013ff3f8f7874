# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle

from ppdet_ext.ppdet_fixes.boxes_beyond_image import inside_the_image


def test_what_was_not_post_processed_stays():
    # PP-YOLOE with exclude_post_process and two classes: [N, L, 4 + 2].
    boxes = paddle.full([1, 5, 6], -3.0)
    assert inside_the_image({'bbox': boxes, 'bbox_num': None}, {})['bbox'] is boxes
