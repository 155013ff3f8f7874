# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Detection metrics."""
from .coco_metric import ClasswiseCOCOMetric, evaluate_boxes, evaluate_saved_boxes, scalars

__all__ = ['ClasswiseCOCOMetric', 'evaluate_boxes', 'evaluate_saved_boxes', 'scalars']
