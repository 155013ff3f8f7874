# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Registered loss layers, one module per loss family."""
from .aligned_loss import AlignedLoss
from .cankd_loss import CanKDLoss
from .cwd_loss import CWDLoss
from .distill_loss import ONLY, DistillLoss
from .dkan_loss import FeatureKnowledgeAlignLoss, LogitKnowledgeAlignLoss
from .fgd_loss import FGDLoss
from .mgd_loss import MGDFeatureLoss
from .mimic_loss import BoxMimicLoss, MimicLoss
from .pkd_loss import PKDLoss
from .tskd_loss import TSKDFeatureLoss
from .wkd_loss import WKDLoss

__all__ = ['AlignedLoss', 'BoxMimicLoss', 'CWDLoss', 'CanKDLoss', 'DistillLoss', 'FGDLoss',
           'FeatureKnowledgeAlignLoss', 'LogitKnowledgeAlignLoss', 'MGDFeatureLoss', 'MimicLoss',
           'ONLY', 'PKDLoss', 'TSKDFeatureLoss', 'WKDLoss']
