# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Every family leaves as a folder that finds the boxes of the eager model."""
import json

import pytest
from families import family_yaml
from tool_runs import imported

from deploy import Detector

pytest.importorskip('paddle2onnx')
pytest.importorskip('openvino')

FORMATS = {family: 'paddle,onnx,openvino'
           for family in ('retinanet', 'fcos', 'gfl', 'picodet', 'ppyoloe')}
FORMATS['faster_rcnn'] = 'paddle'


@pytest.mark.parametrize('family', FORMATS)
def test_every_runtime_finds_the_boxes_of_the_eager_model(family, tmp_path):
    imported('export_model').main(['-c', family_yaml(tmp_path, family), '--output_dir',
                                   str(tmp_path), '--format', FORMATS[family]])
    card = json.loads((tmp_path / family / 'model_card.json').read_text())
    runtimes = card['parity']['runtimes']
    assert len(runtimes) == FORMATS[family].count(',') + 1
    for figures in runtimes.values():
        assert figures['boxes'] > 100 and figures['unmatched'] == 0
    assert len(Detector(str(tmp_path / family), 'paddle').classes) == 6
