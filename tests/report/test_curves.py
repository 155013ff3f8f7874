# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
from visualdl import LogWriter

from ppdet_ext.report.curves import read_curves
from ppdet_ext.report.runs import Run

LOG = '''
[11/25 09:48:04] ppdet.engine INFO: Epoch: [0] [ 0/50] learning_rate: 0.00001 loss_cls: 1.12 \
distill_mgd_p3: 0.5 loss: 2.02 eta: 2:32:12 batch_cost: 4.8
[11/25 09:52:10] ppdet.engine INFO: Epoch: [1] [40/50] learning_rate: 0.00026 loss_cls: 0.98 \
distill_mgd_p3: 0.25 loss: 1.83 eta: 2:30:34 batch_cost: 4.9
+-------+-------+-------+----------+-----------+----------+
| mAP   | AP50  | AP75  | AP_small | AP_medium | AP_large |
+-------+-------+-------+----------+-----------+----------+
| 0.056 | 0.191 | 0.022 | -        | 0.028     | 0.083    |
| crazing         | 134     | 0.031 | 0.137 |
'''


def run_in(folder, **record):
    return Run('student', 'nano', 0, str(folder), '', [], record)


def test_from_what_a_training_printed(tmp_path):
    (tmp_path / 'train.log').write_text(LOG)
    assert read_curves(run_in(tmp_path)) == {
        'loss_cls': {1: 1.12, 91: 0.98}, 'distill_mgd_p3': {1: 0.5, 91: 0.25},
        'loss': {1: 2.02, 91: 1.83}, 'mAP': {100: 0.056}, 'AP50': {100: 0.191}}


def test_a_visualdl_log_is_preferred(tmp_path):
    (tmp_path / 'train.log').write_text(LOG)
    with LogWriter(str(tmp_path / 'vdl'), file_name='vdlrecords.1.nano.log') as writer:
        for tag, value in (('loss', 2.5), ('evaluation/mAP', 0.25), ('learning_rate', 0.1)):
            writer.add_scalar(tag, value, 7)
    assert read_curves(run_in(tmp_path)) == {'loss': {7: 2.5}, 'mAP': {7: 0.25}}


def test_runs_that_share_a_folder_of_logs_have_their_own(tmp_path):
    shared, names = tmp_path / '[shared]', ('nano', 'nano_mgd')
    for k, name in enumerate(names):
        with LogWriter(str(shared), file_name=f'vdlrecords.{k}.{name}.log') as writer:
            writer.add_scalar('loss', k, 7)
    curves = [read_curves(run_in(tmp_path / name, vdl_log_dir=str(shared))) for name in names]
    assert curves == [{'loss': {7: 0}}, {'loss': {7: 1}}]


def test_nothing_was_recorded(tmp_path):
    assert read_curves(run_in(tmp_path)) == {}
