# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Convolutions of an ONNX model in INT8, with ONNX Runtime's static quantisation."""
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from pycocotools.mask import iou

from deploy.suppression import suppress

from ..utils.progress import progress
from ..utils.quiet import quiet
from ..utils.samples import spread

__all__ = ['Quantizer']

# Percentage of an activation's values within its range; a few outliers would make all other values
# coarse.
PERCENTILE = 99.99
COMPARED = 10  # images


class Quantizer:
    """Writes an ONNX model with convolutions in INT8, and ranks them by sensitivity.

    Weights have a scale for each output channel and 7 bits, since processors without VNNI would
    saturate at 8; activations one range for each tensor, calibrated.

    Args:
        onnx_path (str): the model in float32, of one input.
        images (list of ndarray): [1, 3, H, W] float32 each, to calibrate on.
        nms (dict): as :func:`deploy.suppression.suppress` takes it.
        folder (str): for files of its own.

    Attributes:
        layers (dict of str to list of str): name of the weights of a convolution to the names of
            the nodes that compute with them; a head shared by all levels has one for each level.
    """

    def __init__(self, onnx_path, images, nms, folder):
        import onnx
        self._images = spread(images, COMPARED)
        self._nms = nms
        self._path = os.path.join(folder, 'folded.onnx')
        _fold(onnx_path, self._path)
        self.layers = {}
        for node in onnx.load(self._path).graph.node:
            if node.op_type == 'Conv':
                self.layers.setdefault(node.input[1], []).append(node.name)
        self._ranges = _calibrate(self._path, images)

    def quantize(self, layers):
        """bytes: the ONNX model with these of its layers in INT8, the others in float32."""
        import onnx
        from onnxruntime.quantization import QuantType
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
        quantizer = QDQQuantizer(
            onnx.load(self._path), per_channel=True, reduce_range=True,
            weight_qType=QuantType.QInt8, activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges, nodes_to_exclude=[],
            nodes_to_quantize=[name for layer in layers for name in self.layers[layer]],
            op_types_to_quantize=['Conv'], extra_options={})
        with quiet():  # it reports channels of near-zero weight whose scale it adjusts
            quantizer.quantize_model()
        return quantizer.model.model.SerializeToString()

    def by_sensitivity(self):
        """list of str: the layers, the one that changes boxes most when alone in INT8 first."""
        with open(self._path, 'rb') as f:
            expected = self._boxes(f.read())
        changes = {layer: sum(map(_change, expected, self._boxes(self.quantize([layer]))))
                   for layer in progress(self.layers, 'sensitivity', 'convolution')}
        return sorted(self.layers, key=changes.get, reverse=True)

    def _boxes(self, model):
        """list of ndarray: boxes [B, 6] of a few images."""
        session = _session(model)
        outputs = [session.run(None, {'image': image}) for image in self._images]
        return [suppress(boxes[0], scores[0], self._nms) for boxes, scores in outputs]


def _change(expected, found):
    """float: sum of the scores of boxes [B, 6], each times its dissimilarity to its best match.

    Boxes that are lost and boxes that are new count alike. The similarity of two boxes of one class
    is their IoU times the ratio of their scores.
    """
    rectangles = [np.column_stack([boxes[:, 2:4], boxes[:, 4:] - boxes[:, 2:4]]).astype('float64')
                  for boxes in (expected, found)]
    overlap = np.reshape(iou(*rectangles, [0] * len(found)), [len(expected), len(found)])
    scores, others = expected[:, 1:2], found[:, 1]
    like = overlap * (expected[:, :1] == found[:, 0]) * np.minimum(scores, others) / np.maximum(
        scores, others)
    return float((scores[:, 0] * (1 - like.max(axis=1, initial=0))).sum()
                 + (others * (1 - like.max(axis=0, initial=0))).sum())


def _session(model, **options):
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # errors
    settings.intra_op_num_threads = 1
    for name, value in options.items():
        setattr(settings, name, value)
    return onnxruntime.InferenceSession(model, settings, providers=['CPUExecutionProvider'])


def _fold(path, folded):
    """Writes a model whose batch normalisations are folded into the convolutions."""
    import onnxruntime
    _session(path, optimized_model_filepath=folded,
             graph_optimization_level=onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)


def _calibrate(path, images):
    """onnxruntime.quantization.TensorsData: range of every tensor at a convolution."""
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator
    with tempfile.TemporaryDirectory() as folder:
        calibrator = create_calibrator(
            Path(path), ['Conv'], os.path.join(folder, 'augmented.onnx'),
            CalibrationMethod.Percentile,
            extra_options={'percentile': PERCENTILE, 'symmetric': False})
        for image in progress(images, 'calibration'):
            # One by one: it keeps all activations of the images that it is given at once.
            reader = SimpleNamespace(get_next=iter(({'image': image}, None)).__next__)
            with quiet():  # it prints a line for each
                calibrator.collect_data(reader)
        with quiet():
            return calibrator.compute_data()
