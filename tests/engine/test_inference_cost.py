# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import multiprocessing

from noise_set import noise_set
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config
from ppdet_ext.engine import Trainer, inference_cost


def test_one_image_is_timed_while_nothing_loads_others(tmp_path, monkeypatch):
    monkeypatch.setattr(inference_cost, 'STEPS', 2)
    dataset = {'dataset_dir': noise_set(tmp_path / 'set', train=8, val=8)}
    trainer = Trainer(load_run_config(student_yaml(
        tmp_path, worker_num=2, use_gpu=False, save_dir=str(tmp_path), EvalDataset=dataset,
        EvalReader={'batch_size': 2})), mode='eval')
    before = set(multiprocessing.active_children())  # of loaders that other tests have left
    seen = []
    trainer.model.register_forward_pre_hook(lambda model, inputs: seen.append(
        (inputs[0]['image'].shape[0], set(multiprocessing.active_children()) - before)))
    cost = inference_cost.measure_cost(trainer)
    assert len(seen) > 2 and all(found == (1, set()) for found in seen)
    assert 0 < cost['milliseconds'] <= cost['milliseconds_95']
    assert cost['input'] == '128 x 128'
