# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A key counts wherever it is set; the flag of its name wins."""
import pytest
from PIL import Image
from tiny import student_yaml
from tool_runs import imported


class Reached(Exception):
    """The tool has come to its trainer."""


def configuration(tool, options, folder, monkeypatch):
    """dict: the configuration with which a tool builds its trainer."""
    module = imported(tool)
    given = {}

    def build(cfg, mode='train', seed=None):
        given.update(cfg)
        raise Reached

    monkeypatch.setattr('ppdet_ext.engine.trainer.Trainer', build)
    monkeypatch.setattr('ppdet_ext.data.dataset_files.check_datasets', lambda *_: None)
    with pytest.raises(Reached):
        module.main(['-c', student_yaml(folder, use_gpu=False), *options])
    return given


@pytest.mark.parametrize('tool, options, expected', [
    ('train', '-o use_vdl=true vdl_log_dir=a', {'use_vdl': True, 'vdl_log_dir': 'a'}),
    ('train', '-o use_vdl=true vdl_log_dir=a --use_vdl false --vdl_log_dir b',
     {'use_vdl': False, 'vdl_log_dir': 'b'}),
    ('train', '--use_vdl true', {'use_vdl': True, 'vdl_log_dir': 'vdl_log_dir/scalar'}),
    ('train', '-o save_prediction_only=true --amp', {'save_prediction_only': True, 'amp': True}),
    ('eval', '-o bias=true output_eval=a', {'bias': True, 'output_eval': 'a'}),
    ('eval', '-o output_eval=a --output_eval b', {'output_eval': 'b'}),
    ('infer', '-o use_vdl=true --infer_img demo.jpg', {'use_vdl': True,
                                                       'vdl_log_dir': 'vdl_log_dir/image'}),
])
def test_options_count_and_flags_win(tool, options, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new('L', (8, 8)).save('demo.jpg')
    cfg = configuration(tool, options.split(), tmp_path, monkeypatch)
    assert {key: cfg[key] for key in expected} == expected


@pytest.mark.parametrize('options, folder', [
    ('weights=run/best_model', 'run'), ('weights=copied/best_model', None),
    ('weights=run/best_model output_eval=a', 'a')])
def test_results_go_to_the_run_of_the_weights(options, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'train_command.json').write_text('{}')
    cfg = configuration('eval', ['-o', *options.split()], tmp_path, monkeypatch)
    assert cfg.get('output_eval') == folder


def test_an_evaluation_that_fails_leaves_no_record(tmp_path, monkeypatch):
    class Failing:
        cfg = {'output_eval': str(tmp_path / 'out')}

        def __init__(self, cfg, mode):
            pass

        def load_weights(self, weights):
            pass

        def evaluate(self):
            raise Reached

    monkeypatch.setattr('ppdet_ext.engine.trainer.Trainer', Failing)
    monkeypatch.setattr('ppdet_ext.data.dataset_files.check_datasets', lambda *_: None)
    with pytest.raises(Reached):
        imported('eval').main(['-c', student_yaml(tmp_path, use_gpu=False)])
    assert not (tmp_path / 'out').exists()
