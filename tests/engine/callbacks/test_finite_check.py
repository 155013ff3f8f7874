# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A run whose numbers are not numbers any more stops, and keeps what it has saved."""
import os
import re

import numpy as np
import paddle
import pytest
from noise_set import noise_set
from tiny import slim_yaml, student_yaml
from tool_runs import imported

from ppdet_ext.engine import cli

IMAGES, BATCH = 6, 2


def rates(second, first='1.0e-4'):
    """Option that gives the learning rates of the two epochs."""
    return ('LearningRate={schedulers: [{name: PiecewiseDecay, use_warmup: false, milestones: [1], '
            f'values: [{first}, {second}]}}]}}')


@pytest.fixture
def student(tmp_path):
    """YAML of a run of two epochs on noise."""
    dataset = {'dataset_dir': noise_set(tmp_path / 'set', train=IMAGES, val=IMAGES)}
    return student_yaml(tmp_path, TrainDataset=dataset, EvalDataset=dataset, epoch=2, worker_num=0,
                        use_gpu=False, save_dir=str(tmp_path / 'output'), seed=0,
                        TrainReader={'batch_size': BATCH})


def run_tool(*arguments):
    """Exit code of tools/train.py."""
    # Parameters are named again, as in a process of its own.
    with pytest.MonkeyPatch.context() as patch, paddle.utils.unique_name.guard():
        patch.setattr('sys.argv', ['train.py', *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.run_tool(imported('train').main)
    return stopped.value.code


@pytest.mark.parametrize('distilled, lost', [(False, 'loss_cls, loss_reg are'),
                                             (True, 'distill_mgd_p3')])
def test_training_stops_and_the_epoch_before_stays(tmp_path, student, teacher_yaml, capsys,
                                                   distilled, lost):
    slim = ['--slim_config', slim_yaml(tmp_path, teacher_yaml)] if distilled else []
    assert run_tool('-c', student, *slim, '-o', rates('1.0e30')) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if 'error' in line.lower()]
    folder = tmp_path / 'output' / ('mgd' if distilled else 'student')
    assert len(errors) == 1
    assert errors[0].startswith('error: ') and lost in errors[0], errors
    assert re.search(rf'\(epoch 1, step [12] of 3, learning rate 1e\+30; checkpoints of earlier '
                     rf'epochs are in {folder}\)', errors[0])
    saved = {name for name in os.listdir(folder) if '.pd' in name}
    assert saved == {'0.pdopt', '0.pdparams', '0.pdstate'}
    weights = paddle.load(str(folder / '0.pdparams'), return_numpy=True)
    assert all(np.isfinite(value).all() for value in weights.values())
    going_on = ['-o', rates('1.0e-5'), f'pretrain_weights={folder / "0"}', 'epoch=1']
    assert run_tool('-c', student, *slim, *going_on) == 0


def test_weights_that_are_lost_in_the_last_step_are_not_saved(tmp_path, student, capsys):
    # The loss of the very step is finite, what the optimizer makes of it is not.
    assert run_tool('-c', student, '-o', rates('1.0e39'), f'TrainReader.batch_size={IMAGES}') == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert 'weights are not finite, first ' in error and 'they were not saved' in error
    assert '(epoch 1, step 0 of 1, learning rate 1e+39; checkpoints' in error
    assert not (tmp_path / 'output' / 'student' / 'model_final.pdparams').exists()


def test_says_when_nothing_was_saved(student, capsys):
    assert run_tool('-c', student, '-o', rates('1.0e30', first='1.0e30')) == 1
    assert 'of 3, learning rate 1e+30; none was saved)' in capsys.readouterr().err
