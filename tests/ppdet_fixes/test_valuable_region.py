# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""GFL's reader gives the valuable region of every image, those without boxes too."""
import numpy as np
import pytest
from ppdet.data.transform.batch_operators import Gt2GFLTarget

from ppdet_ext.compat import patching
from ppdet_ext.ppdet_fixes import valuable_region


def test_images_with_and_without_boxes_stack():
    boxes = [np.array([[8, 8, 40, 40]], 'float32'), np.zeros([0, 4], 'float32')]
    samples = [{'image': np.zeros([3, 64, 64], 'float32'), 'gt_bbox': box,
                'gt_class': np.zeros([len(box), 1], 'int32')} for box in boxes]
    samples = Gt2GFLTarget(num_classes=2, downsample_ratios=[8, 16, 32],
                           compute_vlr_region=True)(samples)
    region = np.stack([sample['vlr_regions'] for sample in samples])
    assert region.shape == (2, 64 + 16 + 4)
    assert region[0].max() > 0.0 and not region[1].any()


def test_other_source_is_refused(monkeypatch):
    def other_version(self, bboxes):
        """Stands for the method of another paddledet."""

    owner, name, _ = patching.find(*valuable_region.ASSIGNER)
    monkeypatch.setattr(owner, name, other_version)
    with pytest.raises(ImportError, match='cannot patch ppdet.data.transform.atss_assigner'):
        valuable_region.patch()
