# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Distillation terms are computed in float32, whatever mixed precision makes of the features."""
import contextlib
import functools

import numpy as np
import paddle
import pytest
from slim import test_ld_loss
from slim.test_dkan_model import build_dkan  # noqa: F401, a fixture
from tiny import batch


@pytest.fixture(params=['MGD', 'TSKD', 'DKAN', 'LD'])
def training(request, build, build_dkan):  # noqa: F811
    """A model in training and its batch, for each place where terms cast what is tapped."""
    tskd = functools.partial(build, slim_method='TSKD', cross_response={'align': True})
    build_model, build_batch = {
        'MGD': (build, batch), 'TSKD': (tskd, batch), 'DKAN': (build_dkan, batch),
        'LD': (test_ld_loss.distilled, test_ld_loss.batch)}[request.param]
    model = build_model()
    model.train()
    return model, build_batch()


def record(model, inputs):
    """Runs both detectors, so that the taps hold what they return."""
    model.teacher_forward(inputs)
    with model.student_taps:
        model.student_model(dict(inputs))


def cast(tap, dtype):
    """Puts the tapped features into another precision, as an autocast forward leaves them."""
    tap.replay({name: [feature.astype(dtype) for feature in features]
                for name, features in tap.leaves().items()})


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_half_precision_features_give_float32_terms(training, dtype):
    (model, inputs), dtypes = training, set()
    losses = list(model.distill_losses.values())
    record(model, inputs)
    for tap in (model.student_taps, model.teacher_taps):
        cast(tap, dtype)
    half = {name: list(tap[name]) for tap in (model.student_taps, ) for name in tap.leaves()}
    assert {str(f.dtype) for maps in half.values() for f in maps} == {f'paddle.{dtype}'}

    def keep(layer, arguments, outputs):
        tensors = [a for a in (*arguments, outputs) if isinstance(a, paddle.Tensor)]
        dtypes.update(tensor.dtype for tensor in tensors if tensor.is_floating_point())

    def keep_values(compute, *arguments, **options):
        values = compute(*arguments, **options)
        keep(None, arguments, None)
        dtypes.update(value.dtype for value in values.values())
        return values

    for layer in losses:
        if hasattr(layer, 'raw_values'):
            layer.raw_values = functools.partial(keep_values, layer.raw_values)
        for sublayer in layer.sublayers():
            sublayer.register_forward_post_hook(keep)
    paddle.seed(0)
    terms = model.raw_values(inputs)
    assert dtypes == ({paddle.float32} if losses else set())
    assert {term.dtype for term in terms.values()} == {paddle.float32}

    for tap in (model.student_taps, model.teacher_taps):
        cast(tap, 'float32')
    paddle.seed(0)
    for name, expected in model.raw_values(inputs).items():
        np.testing.assert_array_equal(terms[name].numpy(), expected.numpy(), err_msg=name)


def test_terms_run_outside_of_autocast(training, monkeypatch):
    # On a CPU autocast does nothing, so its switch is watched instead.
    (model, inputs), state, seen = training, [True], []

    @contextlib.contextmanager
    def auto_cast(enable=True, **options):
        state.append(enable)
        yield
        state.pop()

    monkeypatch.setattr(paddle.amp, 'auto_cast', auto_cast)
    model.student_model.register_forward_post_hook(lambda *a: seen.append(('student', state[-1])))
    term = model.terms[0]
    compute = term.compute
    monkeypatch.setattr(term, 'compute',
                        lambda *taps: seen.append(('terms', state[-1])) or compute(*taps))
    total = model(inputs)['loss']
    assert seen == [('student', True), ('terms', False)]
    assert total.dtype == paddle.float32


def test_gradients_of_half_precision_features_are_finite(training):
    model, inputs = training
    record(model, inputs)
    leaves = model.student_taps.leaves()
    model.student_taps.replay({name: [leaf.astype('bfloat16') for leaf in features]
                               for name, features in leaves.items()})
    sum(model.raw_values(inputs).values()).backward()
    gradients = [leaf.grad for features in leaves.values() for leaf in features
                 if leaf.grad is not None]
    assert gradients and all(bool(paddle.isfinite(gradient).all()) for gradient in gradients)
    assert any(float(gradient.abs().max()) > 0 for gradient in gradients)
