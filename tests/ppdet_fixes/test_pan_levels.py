# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""PicoDet's necks do not depend on how many were built before."""
import pytest

from ppdet_ext.compat import patching
from ppdet_ext.ppdet_fixes import pan_levels


@pytest.mark.parametrize('module, qualname', pan_levels.NECKS)
def test_a_second_neck_equals_the_first(module, qualname):
    neck_class = patching.find(module, qualname.split('.')[0])[2]
    scales = [0.125, 0.0625, 0.03125]
    for options in ({}, {'spatial_scales': scales}):
        first, second = (neck_class([8, 16, 32], 8, num_features=4, **options) for _ in range(2))
        assert set(first.state_dict()) == set(second.state_dict())
        assert [shape.stride for shape in second.out_shape] == [8, 16, 32, 64]
    assert scales == [0.125, 0.0625, 0.03125]


@pytest.mark.parametrize('module, qualname', pan_levels.NECKS)
def test_other_source_is_refused(module, qualname, monkeypatch):
    def other_version(self, in_channels, out_channels):
        """Stands for the constructor of another paddledet."""

    owner, name, _ = patching.find(module, qualname)
    monkeypatch.setattr(owner, name, other_version)
    with pytest.raises(ImportError, match=f'cannot patch {module}.{qualname}'):
        pan_levels.patch()
