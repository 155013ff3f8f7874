# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Layers and backbones that PaddleDetection lacks."""
from .cosine_head import CosineClassifier, CosineSimBBoxHead
from .efficientnet_lite import EfficientNetLite
from .graph_reasoning import GloReUnit2D, InstanceGraph
from .soft_nms import MultiClassSoftNMS

__all__ = ['CosineClassifier', 'CosineSimBBoxHead', 'EfficientNetLite', 'GloReUnit2D',
           'InstanceGraph', 'MultiClassSoftNMS']
