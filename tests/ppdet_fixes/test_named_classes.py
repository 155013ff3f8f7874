# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A config names classes that are meant for it, and calls nothing else."""
import paddle
import ppdet.data.transform
import ppdet.optimizer.optimizer
import pytest
from ppdet.data.reader import Compose
from ppdet.data.source.dataset import CommonDataset, DetDataset
from ppdet.optimizer import LearningRate

from ppdet_ext.ppdet_fixes.named_classes import registered_classes


def named_data_set(name):
    return CommonDataset(name=name)


def named_operator(name):
    return Compose([{name: {}}])


def named_scheduler(name):
    return LearningRate(schedulers=[{'name': name}])


def test_registered_classes_are_found():
    assert isinstance(named_data_set('COCODataSet')(), DetDataset)
    assert type(named_operator('Decode').transforms_cls[0]).__name__ == 'Decode'
    assert type(named_scheduler('ExpWarmup').schedulers[0]).__name__ == 'ExpWarmup'


def test_classes_derived_from_them_are_found():
    # ppdet's configs of FairMOT name it, and it is not registered itself.
    assert 'Gt2FairMOTTarget' in registered_classes(ppdet.data.transform)


@pytest.mark.parametrize('find, name', [
    (named_data_set, name) for name in (
        'video2frames', 'setup_logger', 'os', 'COCO', 'register', 'OrderedDict', 'Unheard',
        'MOTImageFolder')] + [
    (named_operator, name) for name in (
        'setup_logger', 'os', 'pickle', 'BaseOperator', 'Compose', 'Sequence', '__class__')] + [
    (named_scheduler, name) for name in ('setup_logger', 'build_adamwdl', 'sys', 'LearningRate')])
def test_nothing_else_is(find, name):
    with pytest.raises(ValueError, match=f"gives '{name}' where a class of ppdet.* is expected"):
        find(name)


def test_what_paddle_offers_by_name_are_optimizers_and_regularizers():
    for namespace, ending, base in (
            (paddle.optimizer, '', paddle.optimizer.Optimizer),
            (paddle.regularizer, 'Decay', paddle.regularizer.WeightDecayRegularizer)):
        called = [value for name, value in vars(namespace).items()
                  if name.endswith(ending) and callable(value)]
        assert called and all(issubclass(value, base) for value in called)
