# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Two processes of ``paddle.distributed.launch`` on the CPU, with gloo."""
import json
import os

import pytest

PROGRAM = '''
import json, os, sys
os.sched_getaffinity = lambda process: range(6)
import ppdet_ext
import numpy as np
import paddle
import paddle.distributed as dist
from compat_probes import boxes, fgd_retinanet, images, teacher_state
from ppdet.engine.callbacks import VisualDLWriter

folder = sys.argv[1]
dist.init_parallel_env()
rank = dist.get_rank()
trainer = type('Trainer', (), {'cfg': {'vdl_log_dir': os.path.join(folder, f'vdl_{rank}')}})
writer = VisualDLWriter(trainer)

paddle.seed(rank)
model = fgd_retinanet()
parallel = paddle.DataParallel(model)
before = teacher_state(model)
parallel.train()
optimizer = paddle.optimizer.SGD(0.01, parameters=model.parameters())
inputs = {**images(), **boxes()}
inputs['image'] = inputs['image'] * (1 + rank)
parallel(inputs)['loss'].backward()
optimizer.step()
writer.on_train_end({})

after = teacher_state(model)
sums = [float(value.numpy().sum()) for value in model.distill_loss.parameters()]
with open(os.path.join(folder, f'{rank}.json'), 'w') as file:
    json.dump({'threads': os.environ['OMP_NUM_THREADS'], 'loss_parameters': sums,
               'teacher_unchanged': all(np.array_equal(after[key], before[key]) for key in before)},
              file)
'''


@pytest.fixture(scope='module')
def ranks(run_python, tmp_path_factory):
    folder = tmp_path_factory.mktemp('launch')
    program = folder / 'program.py'
    program.write_text(PROGRAM)
    # Paddle chooses gloo itself; given as an option, it starts an older launcher.
    finished = run_python('-W', 'ignore', '-m', 'paddle.distributed.launch', '--nproc_per_node',
                          '2', '--log_dir', str(folder / 'log'), str(program), str(folder))
    logs = '\n'.join(path.read_text() for path in (folder / 'log').glob('workerlog.*'))
    assert finished.returncode == 0, finished.stderr + logs
    yield [json.loads((folder / f'{rank}.json').read_text()) for rank in range(2)], folder


def test_processes_share_the_cores(ranks):
    assert [rank['threads'] for rank in ranks[0]] == ['3', '3'], 'of six'


def test_only_the_first_process_logs(ranks):
    assert len(os.listdir(ranks[1] / 'vdl_0')) == 1
    assert not (ranks[1] / 'vdl_1').exists()


def test_loss_parameters_are_equal_in_all_processes(ranks):
    first, second = (rank['loss_parameters'] for rank in ranks[0])
    assert first and first == second


def test_teacher_is_unchanged_in_all_processes(ranks):
    assert [rank['teacher_unchanged'] for rank in ranks[0]] == [True, True]
