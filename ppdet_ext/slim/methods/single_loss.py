# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Methods that are a loss and nothing else; their modules say what it is.

FGD, CWD and LD are also names of PaddleDetection's own methods, which stay what they are: a slim
YAML gets these here by listing ``distill_losses``.
"""
from ..build import ConfiguredDistillModel
from ..factory import register_distill_method

__all__ = ['CWDDistillModel', 'CanKDDistillModel', 'CrossKDDistillModel', 'FGDDistillModel',
           'LDDistillModel', 'MimicDistillModel', 'PKDDistillModel', 'WKDDistillModel']


@register_distill_method('MIMIC')
class MimicDistillModel(ConfiguredDistillModel):
    """Plain imitation of features, for any detector with a neck."""

    default_loss = 'MimicLoss'


@register_distill_method('FGD')
class FGDDistillModel(ConfiguredDistillModel):
    """FGD, https://arxiv.org/abs/2111.11837, for any detector with a neck."""

    default_loss = 'FGDLoss'


@register_distill_method('CWD')
class CWDDistillModel(ConfiguredDistillModel):
    """CWD, https://arxiv.org/abs/2011.13256, for any detector with a neck."""

    default_loss = 'CWDLoss'


@register_distill_method('PKD')
class PKDDistillModel(ConfiguredDistillModel):
    """PKD, https://arxiv.org/abs/2207.02039, for any detector with a neck."""

    default_loss = 'PKDLoss'


@register_distill_method('WKD')
class WKDDistillModel(ConfiguredDistillModel):
    """WKD-F, https://arxiv.org/abs/2412.08139, for any detector with a neck."""

    default_loss = 'WKDLoss'


@register_distill_method('CanKD')
class CanKDDistillModel(ConfiguredDistillModel):
    """CanKD, https://arxiv.org/abs/2511.21503, for any detector with a neck."""

    default_loss = 'CanKDLoss'


@register_distill_method('CrossKD')
class CrossKDDistillModel(ConfiguredDistillModel):
    """CrossKD, https://arxiv.org/abs/2306.11369, for RetinaNet, FCOS and GFL."""

    default_loss = 'CrossKDLoss'


@register_distill_method('LD')
class LDDistillModel(ConfiguredDistillModel):
    """LD, https://arxiv.org/abs/2102.12252, for GFL."""

    default_loss = 'LDLoss'
