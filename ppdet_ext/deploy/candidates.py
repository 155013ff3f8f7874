# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A detector's graph without its suppression, for ONNX Runtime and OpenVINO."""
import contextlib
import os
import shutil
import tempfile

import paddle
from paddle import nn
from ppdet.modeling.layers import MultiClassNMS

from ..utils.quiet import quiet

__all__ = ['has_candidates', 'suppression_of', 'write_onnx', 'write_formats']

OPSET = 15
OUTPUTS = ('boxes', 'scores')

# The methods that compute a head's anchors.
ANCHORS = ('anchor_generator', 'get_single_level_center_point', '_compute_locations_by_level',
           '_generate_anchors')


def has_candidates(formats):
    """bool: whether one of the formats holds the graph without its suppression."""
    return bool({'onnx', 'openvino'} & set(formats))


def suppression_of(model):
    """Finds the layer whose boxes a detector suppresses once, at the end.

    Returns:
        nn.Layer: the head; its ``nms`` is a ``MultiClassNMS``.

    Raises:
        ValueError: a two-stage detector, or one that suppresses in another way.
    """
    heads = [layer for layer in model.sublayers() if hasattr(layer, 'nms')]
    if len(heads) != 1 or type(heads[0].nms) is not MultiClassNMS:
        raise ValueError(f'{type(model).__name__} cannot be exported to ONNX and OpenVINO, only '
                         f'one-stage detectors with MultiClassNMS; leave --format out')
    return heads[0]


class _Candidates(nn.Layer):
    """Maps image [1, 3, H, W] to boxes [1, M, 4] in its pixels and scores [1, C, M]."""

    def __init__(self, detector, height, width):
        super().__init__()
        self.detector = detector
        self.register_buffer('im_shape', paddle.to_tensor([[height, width]], 'float32'))
        self.register_buffer('scale_factor', paddle.ones([1, 2]))

    def forward(self, image):
        found = self.detector({'image': image, 'im_shape': self.im_shape,
                               'scale_factor': self.scale_factor})
        # ONNX Runtime and OpenVINO keep a dimension of one that RetinaNet squeezes.
        return found['bbox'].reshape([1, -1, 4]), found['bbox_num']


@contextlib.contextmanager
def _replaced(owner, **attributes):
    """Replaces attributes of an object, shadowing those of its class and its sublayers."""
    kept = {name: vars(owner)[name] for name in attributes if name in vars(owner)}
    vars(owner).update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del vars(owner)[name]
        vars(owner).update(kept)


def _anchors(head, layer, image):
    """dict of str to callable: methods that return a head's anchors as constants.

    Converters compute ranges wrongly or not at all. With a fixed input size the anchors are always
    the same, so they are recorded from the eager model.
    """
    originals = {name: getattr(head, name) for name in ANCHORS if hasattr(head, name)}
    recorded = {name: [] for name in originals}

    def record(name):
        def recording(*args, **kwargs):
            anchors = originals[name](*args, **kwargs)
            recorded[name].append(paddle.utils.map_structure(lambda each: each.numpy(), anchors))
            return anchors
        return recording

    def replay(name):
        results = iter(recorded[name])
        return paddle.jit.not_to_static(lambda *args, **kwargs: paddle.utils.map_structure(
            paddle.to_tensor, next(results)))

    with _replaced(head, **{name: record(name) for name in originals}), paddle.no_grad():
        layer(image)
    return {name: replay(name) for name in originals}


def _group_norm(norm):
    """callable: the forward of a group normalisation, which paddle2onnx 2.1.0 converts wrongly.

    It writes an arbitrary epsilon, but converts instance normalisation correctly.
    """
    def forward(x):
        groups, channels = norm._num_groups, norm._num_channels
        normal = nn.functional.instance_norm(x.reshape([1, groups, -1]), eps=norm._epsilon)
        affine = [values.reshape([1, channels, 1, 1]) for values in (norm.weight, norm.bias)]
        return normal.reshape(x.shape) * affine[0] + affine[1]
    return forward


def write_onnx(model, size, path):
    """Writes a detector's candidates as ONNX.

    Args:
        model (nn.Layer): a one-stage detector, in evaluation mode.
        size (tuple of int): height and width of the input.
        path (str): the file.

    Raises:
        ValueError: see :func:`suppression_of`; or an operator has no counterpart in ONNX.
    """
    head, layer = suppression_of(model), _Candidates(model, *size)
    layer.eval()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_replaced(head, nms=lambda boxes, scores: (boxes, scores, None)))
        stack.enter_context(_replaced(head, **_anchors(head, layer, paddle.zeros([1, 3, *size]))))
        for norm in model.sublayers():
            if isinstance(norm, nn.GroupNorm):
                stack.enter_context(_replaced(norm, forward=_group_norm(norm)))
        content = _converted(layer, size)
    with open(path, 'wb') as f:
        f.write(_with_output_names(content))


def _converted(layer, size):
    """bytes: the ONNX of a layer of one image."""
    import paddle2onnx
    spec = [paddle.static.InputSpec([1, 3, *size], name='image')]
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, 'candidates')
        paddle.jit.save(paddle.jit.to_static(layer, input_spec=spec, full_graph=True), program)
        graph = program + ('.json' if os.path.isfile(program + '.json') else '.pdmodel')
        try:
            with quiet():  # it logs every operator's name
                return paddle2onnx.export(graph, program + '.pdiparams', opset_version=OPSET)
        except Exception as error:
            name = type(layer.detector).__name__
            raise ValueError(f'{name} cannot be converted to ONNX ({error}); leave --format '
                             f'out') from error


def _with_output_names(content):
    """bytes: an ONNX model whose outputs have the names of ``OUTPUTS``; Paddle numbers them."""
    import onnx
    model = onnx.load_from_string(content)
    names = {output.name: name for output, name in zip(model.graph.output, OUTPUTS)}
    for output in model.graph.output:
        output.name = names[output.name]
    for node in model.graph.node:
        for places in (node.input, node.output):
            places[:] = [names.get(place, place) for place in places]
    return model.SerializeToString()


def write_formats(onnx_path, stem, formats, folder):
    """Writes an ONNX model in the requested formats.

    Args:
        onnx_path (str): the model.
        stem (str): of the files' names.
        formats (iterable of str): ``onnx`` for ``<stem>.onnx``, ``openvino`` for ``<stem>.xml`` and
            ``<stem>.bin``.
        folder (str): where they go.
    """
    path = os.path.join(folder, stem)
    if 'onnx' in formats:
        shutil.copyfile(onnx_path, f'{path}.onnx')
    if 'openvino' in formats:
        import openvino
        openvino.save_model(openvino.convert_model(onnx_path), f'{path}.xml',
                            compress_to_fp16=False)
