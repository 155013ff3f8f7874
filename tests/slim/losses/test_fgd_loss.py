# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from vectors import each_case, float64, relative_error

from ppdet_ext.slim import FGDLoss
from ppdet_ext.slim.adapters import GlobalContext


def randomize(layer):
    """Gives every parameter values of normal size, those too that start at zero."""
    for parameter in layer.parameters():
        parameter.set_value(paddle.randn(parameter.shape, dtype=parameter.dtype))


@each_case('fgd_attention_masks')
@float64()
def test_parity_of_the_focal_terms_with_the_papers_code(vector):
    options = {'temp': vector.options['temp'], 'alpha_fgd': 1.0, 'beta_fgd': 1.0, 'gamma_fgd': 1.0}
    channels = vector['in_student'].shape[1]
    layer = FGDLoss(channels, channels, **options)
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    terms = layer(student, teacher, vector.boxes(), vector.image_shapes())
    for name, stored in (('fg', 'fg'), ('bg', 'bg'), ('attention', 'fgd_mask_loss')):
        assert relative_error(terms[name], vector[f'term_{stored}']) < 1e-9, name
        grad, = paddle.grad(terms[name], student, retain_graph=True)
        assert relative_error(grad, vector[f'grad_{stored}__in_student']) < 1e-9, name


def context(block, feature):
    """The block's output for one image [C, H, W], computed with plain numbers."""
    mask = block.mask.weight.numpy()[0, :, 0, 0]
    first, norm, _, last = block.transform
    logits = np.einsum('c,chw->hw', mask, feature)
    weight = np.exp(logits - logits.max())
    summary = np.einsum('chw,hw->c', feature, weight / weight.sum())
    hidden = first.weight.numpy()[:, :, 0, 0] @ summary + first.bias.numpy()
    hidden = (hidden - hidden.mean()) / np.sqrt(hidden.var() + 1e-5)
    hidden = hidden * norm.weight.numpy().ravel() + norm.bias.numpy().ravel()
    answer = last.weight.numpy()[:, :, 0, 0] @ np.maximum(hidden, 0.0) + last.bias.numpy()
    return feature + answer[:, None, None]


@float64()
def test_the_relation_is_the_error_between_maps_with_their_context():
    paddle.seed(0)
    layer = FGDLoss(6, 6, lambda_fgd=2.0)
    randomize(layer)
    student, teacher = paddle.randn([3, 6, 4, 5]), paddle.randn([3, 6, 4, 5])
    terms = layer(student, teacher, [paddle.zeros([0, 4])] * 3, paddle.to_tensor([[32, 40]] * 3))
    expected = sum(((context(layer.context_s, s) - context(layer.context_t, t))**2).sum()
                   for s, t in zip(student.numpy(), teacher.numpy())) / 3
    np.testing.assert_allclose(float(terms['relation']), 2.0 * expected, rtol=1e-6)


def test_the_context_starts_as_nothing_and_keeps_what_it_is_given():
    block = GlobalContext(5)
    feature = paddle.randn([2, 5, 3, 3])
    np.testing.assert_array_equal(block(feature).numpy(), feature.numpy())
    randomize(block)
    assert block(feature).shape == feature.shape
    assert float((block(feature) - feature).std(axis=[2, 3]).max()) < 1e-5, 'alike in all cells'


def test_without_weight_the_relation_has_no_layers():
    layer = FGDLoss(4, 4, lambda_fgd=0.0)
    assert not layer.parameters()
    terms = layer(paddle.randn([1, 4, 4, 4]), paddle.randn([1, 4, 4, 4]), [paddle.zeros([0, 4])],
                  paddle.to_tensor([[32, 32]]))
    assert float(terms['relation']) == 0.0 < float(terms['attention'])


def test_terms_have_the_weights_of_the_released_settings():
    assert FGDLoss().weights == {'fg': 1e-3, 'bg': 5e-4, 'attention': 5e-4, 'relation': 5e-6}
    assert FGDLoss().temp == pytest.approx(0.5)
