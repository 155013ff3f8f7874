# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Layers that PaddleDetection lacks."""
from .graph_reasoning import GloReUnit2D, InstanceGraph

__all__ = ['GloReUnit2D', 'InstanceGraph']
