# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import json

import paddle
import pytest
from noise_set import noise_set
from ppdet.core.workspace import create
from tiny import student_yaml
from tool_runs import imported

from ppdet_ext.config.scope import isolated_config
from ppdet_ext.safe_io.safe_pickle import load_state
from ppdet_ext.utils.fingerprint import fingerprint


@pytest.mark.parametrize('allow_empty, images', [('false', 1), ('true', 2)])
def test_what_was_evaluated_is_recorded(tmp_path, allow_empty, images):
    folder = noise_set(tmp_path / 'set', val=2)
    annotations = tmp_path / 'set' / 'annotations' / 'val.json'
    content = json.loads(annotations.read_text())
    annotations.write_text(json.dumps({**content, 'annotations': content['annotations'][:1]}))
    config = student_yaml(tmp_path, worker_num=0, use_gpu=False,
                          EvalDataset={'dataset_dir': folder})
    weights = str(tmp_path / 'student.pdparams')
    with isolated_config(config) as cfg:
        paddle.save(create(cfg.architecture).state_dict(), weights)
    assert imported('eval').main(['-c', config, '--output_eval', str(tmp_path / 'val'), '-o',
                                  f'weights={weights}',
                                  f'EvalDataset.allow_empty={allow_empty}']) == 0
    record = json.loads((tmp_path / 'val' / 'eval_command.json').read_text())
    assert record['evaluated_images'] == images
    metrics = json.loads((tmp_path / 'val' / 'metrics.json').read_text())
    assert metrics['fingerprint'] == fingerprint(load_state(weights, return_numpy=True))
    other = tmp_path / 'other.json'
    other.write_text(json.dumps(content))
    assert imported('eval').main(['-c', config, '--json_eval', '--output_eval',
                                  str(tmp_path / 'val'), '-o', 'EvalDataset.allow_empty=true',
                                  f'EvalDataset.anno_path={other}']) == 0
    again = json.loads((tmp_path / 'val' / 'eval_command.json').read_text())
    assert again['annotations'] == str(other)
    assert again['weights'] == weights and again['evaluated_images'] == images
