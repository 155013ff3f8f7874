# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The distillation factory, mirroring ``ppdet.slim``."""
from . import functional
from .cross_response import CrossKDLoss
from .factory import (
    build_slim_model,
    distill_methods,
    install,
    prepare_reader,
    read_slim_config,
    register_distill_method,
)
from .localization import LDLoss
from .losses import (
    BoxMimicLoss,
    CanKDLoss,
    CWDLoss,
    FeatureKnowledgeAlignLoss,
    FGDLoss,
    LogitKnowledgeAlignLoss,
    MGDFeatureLoss,
    MimicLoss,
    PKDLoss,
    TSKDFeatureLoss,
    WKDLoss,
)
from .methods import single_loss
from .methods.dkan import DKANDistillModel
from .methods.mgd import MGDDistillModel
from .methods.tskd import TSKDDistillModel

__all__ = [
    'functional', 'build_slim_model', 'distill_methods', 'install', 'prepare_reader',
    'read_slim_config', 'register_distill_method', 'single_loss', 'BoxMimicLoss', 'CWDLoss',
    'CanKDLoss', 'CrossKDLoss', 'DKANDistillModel', 'FGDLoss', 'FeatureKnowledgeAlignLoss',
    'LDLoss', 'LogitKnowledgeAlignLoss', 'MGDDistillModel', 'MGDFeatureLoss', 'MimicLoss',
    'PKDLoss', 'TSKDDistillModel', 'TSKDFeatureLoss', 'WKDLoss'
]
