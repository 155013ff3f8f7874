# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Knowledge distillation for surface-defect detectors on PaddleDetection."""
__version__ = '0.1.0'
