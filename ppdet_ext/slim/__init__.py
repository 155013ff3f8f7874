# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The distillation factory, mirroring ``ppdet.slim``."""
from . import functional
from .factory import (
    build_slim_model,
    distill_methods,
    install,
    read_slim_config,
    register_distill_method,
)
from .losses import (
    FeatureKnowledgeAlignLoss,
    LogitKnowledgeAlignLoss,
    MGDFeatureLoss,
    TSKDFeatureLoss,
)
from .methods.dkan import DKANDistillModel
from .methods.mgd import MGDDistillModel
from .methods.tskd import TSKDDistillModel

__all__ = [
    'functional', 'build_slim_model', 'distill_methods', 'install', 'read_slim_config',
    'register_distill_method', 'DKANDistillModel', 'FeatureKnowledgeAlignLoss',
    'LogitKnowledgeAlignLoss', 'MGDFeatureLoss', 'MGDDistillModel', 'TSKDFeatureLoss',
    'TSKDDistillModel'
]
