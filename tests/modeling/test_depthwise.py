# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The compiled depthwise convolution against PaddlePaddle's."""
import numpy as np
import paddle
import pytest

from ppdet_ext.modeling import EfficientNetLite, depthwise, depthwise_kernels
from ppdet_ext.modeling.depthwise import DepthwiseConv2D

pytest.importorskip('numba', reason='the extra "cpu" is not installed')


@pytest.fixture
def without_numba(monkeypatch):
    def switch():
        monkeypatch.setattr(depthwise, 'find_compiler', lambda: None)
    return switch


def results(layer, x, out_grad):
    out = layer(x)
    return [out, *paddle.grad(out, [x, layer.weight], out_grad[:, :, :out.shape[2], :out.shape[3]])]


@pytest.mark.parametrize('size', [(1, 1), (2, 3), (5, 5), (7, 10), (24, 24), (33, 64)])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('kernel_size', [3, 5])
def test_parity_with_paddle(kernel_size, stride, size, without_numba):
    layer = DepthwiseConv2D(4, kernel_size, stride)
    x, out_grad = paddle.randn([2, 4, *size]), paddle.randn([2, 4, *size])
    x.stop_gradient = False
    assert 'PyLayer' in layer(x).grad_fn.name()
    compiled = results(layer, x, out_grad)
    without_numba()
    assert 'PyLayer' not in layer(x).grad_fn.name()
    for value, expected in zip(compiled, results(layer, x, out_grad)):
        scale = max(float(expected.abs().max()), 1e-3)
        np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=0, atol=1e-5 * scale)


def test_twice_the_same_bits():
    layer, x, out_grad = DepthwiseConv2D(4, 5, 2), paddle.randn([2, 4, 24, 24]), paddle.ones(
        [2, 4, 12, 12])
    x.stop_gradient = False
    for first, second in zip(results(layer, x, out_grad), results(layer, x, out_grad)):
        assert np.array_equal(first.numpy(), second.numpy())


def test_input_of_strided_memory(without_numba):
    layer, x = DepthwiseConv2D(4, 3), paddle.randn([2, 6, 6, 4])
    turned = x.transpose([0, 3, 1, 2])
    compiled = layer(turned).numpy()
    without_numba()
    np.testing.assert_allclose(compiled, layer(turned).numpy(), rtol=0, atol=1e-5)


def test_what_was_compiled_is_found_again(run_python, tmp_path):
    program = ('import ppdet_ext, paddle\n'
               'from ppdet_ext.modeling.depthwise import DepthwiseConv2D\n'
               'DepthwiseConv2D(2, 3)(paddle.ones([1, 2, 4, 4]))')
    files = []
    for _ in range(2):
        finished = run_python('-W', 'ignore', '-c', program, NUMBA_CACHE_DIR=str(tmp_path))
        assert finished.returncode == 0, finished.stderr
        files.append(sorted(path.name for path in tmp_path.rglob('*.nbc')))
    assert files[0] == files[1] != []


def test_only_what_is_trained_gets_a_gradient():
    layer, x = DepthwiseConv2D(4, 3), paddle.randn([1, 4, 5, 5])
    layer(x).sum().backward()
    assert x.grad is None and layer.weight.grad.shape == [4, 1, 3, 3]
    layer.weight.clear_gradient()
    layer.weight.stop_gradient, x.stop_gradient = True, False
    layer(x).sum().backward()
    assert x.grad.shape == [1, 4, 5, 5] and not layer.weight.grad.any()


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_what_is_not_finite_stays_so(value):
    x = paddle.zeros([1, 1, 4, 4])
    x[0, 0, 1, 1] = value
    x.stop_gradient = False
    layer = DepthwiseConv2D(1, 3)
    out = layer(x)
    assert not paddle.isfinite(out).all()
    out.sum().backward()
    assert not paddle.isfinite(layer.weight.grad).all()


def test_other_types_are_paddles():
    layer = DepthwiseConv2D(2, 3)
    layer.to(dtype='float64')
    assert layer(paddle.randn([1, 2, 4, 4]).astype('float64')).dtype == paddle.float64


def test_an_exported_graph_does_not_need_numba(tmp_path):
    model = EfficientNetLite(return_idx=[1, 2])
    model.eval()
    image = paddle.randn([1, 3, 64, 64])
    expected = model({'image': image})
    paddle.jit.save(paddle.jit.to_static(model, input_spec=[
        {'image': paddle.static.InputSpec([None, 3, None, None], name='image')}],
        full_graph=True), str(tmp_path / 'model'))
    exported = paddle.jit.load(str(tmp_path / 'model'))
    for level, expected_level in zip(exported(image), expected):
        np.testing.assert_allclose(level.numpy(), expected_level.numpy(), rtol=0, atol=1e-4)


def test_nowhere_to_keep_what_is_compiled(monkeypatch):
    def refuse(*args, **options):
        if options.get('cache'):
            raise RuntimeError('cannot cache function: no locator available')
        return lambda function: function

    monkeypatch.setattr(depthwise_kernels.numba, 'njit', refuse)
    assert depthwise_kernels.compiled(max) is max
