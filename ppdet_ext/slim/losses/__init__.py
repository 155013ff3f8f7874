# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Registered loss layers, one module a loss family."""
from .distill_loss import ONLY, DistillLoss
from .dkan_loss import FeatureKnowledgeAlignLoss, LogitKnowledgeAlignLoss
from .mgd_loss import MGDFeatureLoss
from .tskd_loss import TSKDFeatureLoss

__all__ = ['DistillLoss', 'FeatureKnowledgeAlignLoss', 'LogitKnowledgeAlignLoss',
           'MGDFeatureLoss', 'ONLY', 'TSKDFeatureLoss']
