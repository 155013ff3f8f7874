# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Masked generative distillation: every tapped level goes through its own generation block."""
from ..build import ConfiguredDistillModel
from ..factory import register_distill_method

__all__ = ['MGDDistillModel']


@register_distill_method('MGD')
class MGDDistillModel(ConfiguredDistillModel):
    """MGD, https://arxiv.org/abs/2205.01529, for any detector with a backbone and a neck."""

    default_loss = 'MGDFeatureLoss'
