# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The whole road with real processes: data, teacher, student from it, evaluation, inference."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import paddle
import pytest
from tiny import slim_yaml, student_yaml
from visualdl import LogReader

from ppdet_ext.data.coco import NEU_DET_CLASSES

ROOT = pathlib.Path(__file__).parents[2]
LAST_EPOCH = 1


def run(folder, *command, code=0):
    """Runs a command of the README in ``folder`` and returns what it printed."""
    environment = {**os.environ, 'PYTHONPATH': ''}
    done = subprocess.run([sys.executable, *map(str, command)], cwd=folder, text=True,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == code, done.stdout[-5000:]
    return done.stdout


def reader(batch_size):
    return {'batch_size': batch_size, 'sample_transforms': [
        {'Decode': {}}, {'Resize': {'target_size': [64, 64], 'keep_ratio': False}},
        {'NormalizeImage': {'is_scale': True, 'mean': [0.5] * 3, 'std': [0.25] * 3}},
        {'Permute': {}}]}


class Road:
    """The files that one walk down the road leaves behind."""

    def __init__(self, folder):
        self.folder = folder
        run(folder, ROOT / 'tools/make_synthetic_steel.py', '--output', 'steel',
            '--images-per-class', 10, '--seed', 0)
        common = {'epoch': LAST_EPOCH + 1, 'log_iter': 1, 'worker_num': 0, 'seed': 0,
                  'TrainReader': reader(6), 'EvalReader': reader(6), 'TestReader': reader(1)}
        common.update({f'{name}Dataset': {'dataset_dir': 'steel'}
                       for name in ('Train', 'Eval', 'Test')})
        self.teacher = student_yaml(folder, 'teacher', channels=24, **common)
        self.student = student_yaml(folder, 'student', **common)
        self.slim = slim_yaml(folder, self.teacher, name='mgd',
                              pretrain_weights='output/teacher/best_model.pdparams')
        self.teacher_log = run(folder, ROOT / 'tools/train.py', '-c', self.teacher, '--eval',
                               '--use_vdl=False', '--vdl_log_dir=vdl_teacher')
        self.distill_log = self.distill('--eval', '--use_vdl=True', '--vdl_log_dir=vdl')

    def distill(self, *options, **kwargs):
        return run(self.folder, ROOT / 'tools/train.py', '-c', self.student, '--slim_config',
                   self.slim, *options, **kwargs)

    def path(self, name):
        return self.folder / 'output' / 'mgd' / name


@pytest.fixture(scope='module')
def road(tmp_path_factory):
    return Road(tmp_path_factory.mktemp('road'))


def test_every_tool_logs_versions_and_places(road):
    for name in ('paddle', 'ppdet', 'ppdet_ext'):
        assert re.search(rf'INFO: {name} \d\S* from /', road.teacher_log), name
    assert f'ppdet_ext 0.1.0 from {ROOT / "ppdet_ext"}' in road.teacher_log


def test_the_record_says_what_a_report_needs(road):
    for name in ('teacher', 'mgd'):
        record = json.loads((road.folder / 'output' / name / 'train_command.json').read_text())
        assert record['class_names'] == list(NEU_DET_CLASSES)
        assert record['epochs'] == LAST_EPOCH + 1
    assert record['teacher_weights'] == 'output/teacher/best_model.pdparams'


def test_the_log_names_every_term_and_what_was_loaded(road):
    assert re.search(r'teacher: (\d+) of \1 tensors loaded from output/teacher/best_model.pdparams',
                     road.distill_log)
    assert re.search(r'first step: distill_mgd_p3 raw \S+, weighted \S+ \(\S+ of the detection',
                     road.distill_log)
    assert re.search(r'Epoch: \[1\] .*loss_cls: .*distill_mgd_p3: .*distill_mgd_p6: .*eta: 0:00:',
                     road.distill_log)
    assert 'evaluation: 2/2, ' in road.distill_log and 'Eval iter' not in road.distill_log


def test_visualdl_holds_every_term_and_the_map(road):
    log, = (road.folder / 'vdl').iterdir()
    tags = LogReader(file_path=str(log)).get_tags()
    assert {'loss', 'loss_cls', 'loss_reg', 'distill_mgd_p3', 'distill_mgd_p6',
            'bbox-mAP', 'evaluation/AP50'} <= set(tags['scalar'])
    assert {'class_AP/crazing', 'class_AP50/scratches', 'learning_rate',
            'speed/images_per_second'} <= set(tags['scalar'])
    assert len(tags['image']) == 4
    assert 'curves: visualdl --logdir vdl --port 8040\n' in road.distill_log


def test_use_vdl_false_means_false(road):
    assert not (road.folder / 'vdl_teacher').exists()


def test_a_checkpoint_is_the_plain_student_and_a_sidecar(road):
    for name in ('0', 'model_final', 'best_model'):
        weights = paddle.load(str(road.path(f'{name}.pdparams')))
        assert {key.split('.')[0] for key in weights} == {'backbone', 'neck', 'head'}
        state = paddle.load(str(road.path(f'{name}.pdstate')))
        assert {key.split('.')[0] for key in state['distill_losses']} == {
            'mgd_p3', 'mgd_p4', 'mgd_p5', 'mgd_p6'}


def test_the_report_has_made_what_it_needs(road):
    log = run(road.folder, ROOT / 'tools/report.py', '--model', 'output/mgd', '--output', 'report',
              '--measure', '--pictures', 1)
    assert log.count('evaluating output/mgd on the ') == 2
    content = json.loads((road.folder / 'report' / 'report.json').read_text())
    model, = content['models']
    trained = model['runs'][0]
    assert content['synthetic'] and content['data']['train']['images'] == 42
    assert trained['commands'][0][:3] == ['train', '-c', road.student]
    assert trained['slim_config'] == road.slim and trained['seed'] == 0
    assert {'python', 'paddle', 'ppdet', 'ppdet_ext'} == set(trained['versions'])
    cost = model['cost']
    assert 0 < cost['milliseconds'] <= cost['milliseconds_95'] and cost['input'] == '64 x 64'
    assert cost['flops'] > cost['parameters'] > 0 and cost['memory_megabytes'] > 100
    page = (road.folder / 'report' / 'report.html').read_text()
    assert 'Loss terms and validation AP against the step' in page


STOCK = '''
import pycocotools._mask, sys
from ppdet.core.workspace import load_config
from ppdet.engine import Trainer
from ppdet.utils.checkpoint import load_weight
cfg = load_config(sys.argv[1])
cfg.update(use_gpu=False, use_npu=False, use_xpu=False, use_mlu=False)
trainer = Trainer(cfg, mode='eval')
load_weight(trainer.model, sys.argv[2])  # asserts that no key is unmatched
trainer.evaluate()
assert 'ppdet_ext' not in sys.modules
'''


def test_stock_paddledetection_evaluates_it_with_the_students_yaml(road):
    output = run(road.folder, '-c', STOCK, road.student, 'output/mgd/best_model')
    assert 'Unmatched key' not in output and 'Total sample number' in output


STOCK_TRAINING = '''
import sys
sys.path.insert(0, sys.argv[3])
import ppdet_ext
from ppdet.core.workspace import load_config
from ppdet.engine import Trainer
from ppdet.slim import build_slim_model
cfg = load_config(sys.argv[1])
cfg.update(use_gpu=False, use_npu=False, use_xpu=False, use_mlu=False, save_dir='stock', epoch=1)
trainer = Trainer(build_slim_model(cfg, sys.argv[2]))
trainer.train()
'''


def test_paddledetections_own_trainer_distils_after_one_import(road):
    output = run(road.folder, '-c', STOCK_TRAINING, road.student, road.slim, ROOT)
    assert re.search(r'Epoch: \[0\] .*distill_mgd_p3: ', output)
    weights = paddle.load(str(road.folder / 'stock' / 'mgd' / 'model_final.pdparams'))
    assert {key.split('.')[0] for key in weights} == {'backbone', 'neck', 'head'}


def test_eval_writes_the_figures(road):
    run(road.folder, ROOT / 'tools/eval.py', '-c', road.student, '-o',
        'weights=output/mgd/best_model.pdparams', '--output_eval', 'new/figures')
    with open(road.folder / 'new' / 'figures' / 'metrics.json') as f:
        figures = json.load(f)
    assert figures['images'] == 12 and len(figures['classes']) == 6
    again = run(road.folder, ROOT / 'tools/eval.py', '-c', road.student, '--json_eval',
                '--output_eval', 'new/figures')
    assert f'{figures["mAP"]:.3f}' in again


def test_infer_draws_and_ends_with_what_it_found(road):
    output = run(road.folder, ROOT / 'tools/infer.py', '-c', road.student, '-o',
                 'weights=output/mgd/best_model.pdparams', 'RetinaHead.nms.score_threshold=0.0',
                 '--infer_img', ROOT / 'demo/patches_237.jpg', '--output_dir', 'drawn',
                 '--draw_threshold=0.0', '--save_results=True')
    assert re.search(r'\d+ boxes at or above 0, top score 0\.\d\d: [a-z_-]+$', output.strip())
    assert (road.folder / 'drawn' / 'patches_237.jpg').exists()
    with open(road.folder / 'drawn' / 'results.json') as f:
        records = json.load(f)
    assert records and set(records[0]) == {'file', 'class_name', 'score', 'box'}
    assert len((road.folder / 'drawn' / 'results.csv').read_text().splitlines()) == len(records) + 1


def test_infer_over_a_folder_shows_its_progress_in_few_lines(road):
    output = run(road.folder, ROOT / 'tools/infer.py', '-c', road.student, '-o',
                 'weights=output/mgd/best_model.pdparams', '--infer_dir', ROOT / 'demo',
                 '--output_dir', 'folder')
    assert output.count('\ndetecting: ') == output.count('\ndrawing: ') == 2
    assert 'detecting: 6/6, ' in output and 'drawing: 6/6, ' in output
    assert '\r' not in output and 'results save' not in output
    assert len(os.listdir(road.folder / 'folder')) == 6


def test_resume_goes_on_with_epoch_losses_and_best_metric(road):
    state = paddle.load(str(road.path('best_model.pdstate')))
    shutil.copytree(road.folder / 'output' / 'mgd', road.folder / 'resumed' / 'mgd')
    output = road.distill('-r', 'resumed/mgd/0', '-o', 'save_dir=resumed', 'epoch=3')
    assert 'Epoch: [0]' not in output and 'Epoch: [1]' in output and 'Epoch: [2]' in output
    resumed = paddle.load(str(road.folder / 'resumed' / 'mgd' / '1.pdstate'))
    assert resumed['best_metric'] == state['best_metric'] >= 0
    (road.folder / 'resumed' / 'mgd' / '0.pdstate').unlink()
    refused = road.distill('-r', 'resumed/mgd/0', code=1)
    assert '0.pdstate is missing: without it the distillation layers would restart' in refused


def test_two_processes(road):
    output = run(road.folder, '-m', 'paddle.distributed.launch', '--nproc_per_node=2',
                 '--log_dir=launched', ROOT / 'tools/train.py', '-c', road.student, '--slim_config',
                 road.slim, '-o', 'save_dir=two', 'epoch=1', 'auto_scale_lr=true')
    logs = [(road.folder / 'launched' / f'workerlog.{rank}').read_text() for rank in (0, 1)]
    for text in ('teacher: AP50 ', 'in each of 2 processes'):
        assert text in logs[0] and text not in logs[1]
    assert 'Save checkpoint' in logs[0] and 'Save checkpoint' not in logs[1], output
    assert (road.folder / 'two' / 'mgd' / 'model_final.pdstate').exists()


@pytest.mark.parametrize('options, message', [
    (['-o', 'teacher_weights=nowhere'], 'error: weights not found: nowhere.pdparams'),
    (['-o', 'epohc=1'], r'error: -o: "epohc" is not a section or key .*did you mean "epoch"'),
    (['-o', 'TrainDataset.dataset_dir=nowhere'], 'error: TrainDataset: nowhere/annotations/train'),
])
def test_a_mistake_ends_with_one_line_before_training(road, options, message):
    output = road.distill(*options, code=1)
    assert re.search(message, output.splitlines()[-1])
    assert 'Traceback' not in output and 'Epoch:' not in output


def test_a_mistake_in_the_slim_yamls_training_keys_too(road):
    slim = slim_yaml(road.folder, road.teacher, name='elsewhere',
                     TrainDataset={'dataset_dir': 'elsewhere'})
    output = run(road.folder, ROOT / 'tools/train.py', '-c', road.student, '--slim_config', slim,
                 code=1)
    assert 'error: TrainDataset: elsewhere/annotations/train' in output.splitlines()[-1]


@pytest.mark.parametrize('arguments', [[], ['-c', 'x.yml', '--use_vdl=maybe'],
                                       ['-c', 'x.yml', '-o', 'epoch']])
def test_a_wrong_command_line_exits_with_2(tmp_path, arguments):
    assert 'usage: ' in run(tmp_path, ROOT / 'tools/train.py', *arguments, code=2)
