# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Runs an exported detector: NumPy, OpenCV and one runtime are all it needs.

The folder can be copied to another computer, under any name::

    from deploy import Detector
    detector = Detector('output_inference/retinanet_nano_s_neu_det', runtime='onnxruntime')
    boxes = detector.detect(image)
"""
from .detector import Detector

__all__ = ['Detector']
