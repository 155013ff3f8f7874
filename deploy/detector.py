# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""An exported detector."""
import numpy as np

from .card import read_card
from .preprocess import Preprocess
from .runtimes import open_runtime
from .suppression import suppress

__all__ = ['Detector']


class Detector:
    """Finds defects on images.

    Args:
        folder (str): written by ``tools/export_model.py``.
        runtime (str or type): ``paddle``, ``onnxruntime`` or ``openvino``, or a class like those
            of ``deploy.runtimes``.
        precision (str): ``float32``, ``int8`` of a model exported with ``--int8``, or ``bfloat16``
            of OpenVINO.
        threads (int): of the processor.

    Raises:
        FileNotFoundError: the folder is not an exported model, or lacks what the runtime reads.
        ValueError: its card or what the runtime reads is damaged; no such runtime or precision.
        ImportError: the runtime is not installed.
        RuntimeError: it cannot read the model.

    Attributes:
        card (dict): the model's card, as :func:`deploy.card.read_card` returns it.
        classes (list of str): names by class.
    """

    def __init__(self, folder, runtime='onnxruntime', precision='float32', threads=1):
        self.card = read_card(folder)
        self.classes = self.card['classes']
        self.preprocess = Preprocess(self.card['preprocess'], **self.card['input'])
        self.network = open_runtime(runtime, folder, precision, threads)

    def detect(self, image):
        """Finds the defects of one image.

        Args:
            image (ndarray): [h, w, 3] uint8, blue, green, red, as OpenCV reads it.

        Returns:
            ndarray: [B, 6] float32, class, score, x1, y1, x2, y2 in pixels; highest score first.
        """
        inputs = self.preprocess(image)
        return self.postprocess(self.network(inputs), inputs['scale_factor'], image.shape)

    def postprocess(self, outputs, scale_factor, shape):
        """Turns the outputs of the network into boxes.

        Args:
            outputs (list of ndarray): as the runtime returns them.
            scale_factor (ndarray): [1, 2] of the image, height first.
            shape (tuple): h, w, ... of the image.

        Returns:
            ndarray: as of :meth:`detect`.
        """
        if self.network.suppresses:
            boxes = outputs[0][outputs[0][:, 0] >= 0]  # some heads fill up with class -1
            return boxes[np.argsort(-boxes[:, 1], kind='stable')]
        scale = np.tile(scale_factor[:, ::-1], 2)
        boxes = suppress(outputs[0][0] / scale, outputs[1][0], self.card['nms'])
        height, width = shape[:2]
        boxes[:, 2:] = boxes[:, 2:].clip(0, [width, height, width, height])
        return boxes
