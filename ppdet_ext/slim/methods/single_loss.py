# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Methods that consist of one loss; the losses document what they do and for which detectors.

FGD, CWD and LD are also names of PaddleDetection's own methods, which stay what they are: a slim
YAML gets these here by listing ``distill_losses``.
"""
from ..build import ConfiguredDistillModel
from ..factory import register_distill_method

__all__ = ['LOSSES']

LOSSES = {
    'CWD': 'CWDLoss',
    'CanKD': 'CanKDLoss',
    'CrossKD': 'CrossKDLoss',
    'FGD': 'FGDLoss',
    'LD': 'LDLoss',
    'MIMIC': 'MimicLoss',
    'PKD': 'PKDLoss',
    'WKD': 'WKDLoss',
}

for method, loss in LOSSES.items():
    register_distill_method(method)(type(f'{method}DistillModel', (ConfiguredDistillModel, ), {
        '__doc__': f'{method}: see ``{loss}``.', 'default_loss': loss}))
