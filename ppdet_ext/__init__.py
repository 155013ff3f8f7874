# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Knowledge distillation for surface-defect detectors on PaddleDetection.

Importing this package mends Paddle and PaddleDetection for each other (``compat``), registers its
losses and layers and installs its distillation factory. Import it before ``paddle``.
"""
from .missing_package import explained

with explained():
    from . import compat

    compat.apply()

    from . import engine, metrics, modeling, slim

__version__ = '0.1.0'
__all__ = ['engine', 'metrics', 'modeling', 'slim']

slim.install()
