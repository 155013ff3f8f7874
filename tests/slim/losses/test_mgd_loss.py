# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import ppdet.slim.distill_loss
import pytest
from ppdet.core.workspace import create, global_config
from vectors import each_case, relative_error

from ppdet_ext.slim import MGDFeatureLoss, TSKDFeatureLoss
from ppdet_ext.slim.functional import random_mask


@each_case('mgd')
def test_parity_with_the_papers_code(vector):
    layer = MGDFeatureLoss(**vector.options)
    vector.set_parameters(layer)
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    loss = layer(student, teacher, paddle.to_tensor(vector['mask']))
    loss.backward()
    assert relative_error(loss, vector['loss']) < 2e-5
    assert relative_error(student.grad, vector['grad__in_student']) < 2e-4
    for name, parameter in layer.named_parameters():
        assert relative_error(parameter.grad, vector[f'grad__param_{name}']) < 2e-4, name
    assert teacher.grad is None


@each_case('mgd')
def test_the_stored_mask_follows_from_the_stored_draw(vector, monkeypatch):
    monkeypatch.setattr(paddle, 'rand', lambda *a, **k: paddle.to_tensor(
        vector['mask_uniform_draw']))
    mask = random_mask(vector.tensor('in_student'), vector.options['lambda_mgd'])
    np.testing.assert_array_equal(mask.numpy(), vector['mask'])


def test_erases_the_given_share_of_cells_and_shares_it_over_channels():
    paddle.seed(0)
    mask = random_mask(paddle.zeros([8, 16, 40, 40]), 0.65)
    assert mask.shape == [8, 1, 40, 40]
    assert set(np.unique(mask.numpy())) == {0.0, 1.0}
    assert abs(float(mask.mean()) - 0.35) < 0.02


def test_masks_anew_at_every_call():
    layer = MGDFeatureLoss(4, 4, alpha_mgd=1.0)
    feature = paddle.randn([1, 4, 16, 16])
    assert float(layer(feature, feature)) != float(layer(feature, feature))


def test_is_zero_where_the_generation_reproduces_the_teacher():
    layer = MGDFeatureLoss(3, 3, alpha_mgd=1.0, lambda_mgd=0.0)
    identity = np.zeros([3, 3, 3, 3], 'float32')
    identity[range(3), range(3), 1, 1] = 1.0
    for conv in (layer.generation[0], layer.generation[2]):
        conv.weight.set_value(identity)
        conv.bias.set_value(np.zeros(3, 'float32'))
    feature = paddle.rand([2, 3, 5, 5])  # positive, so that the ReLU lets it through
    assert float(layer(feature, feature)) == 0.0


@pytest.mark.parametrize('channels', [(4, 4), (4, 6)])
def test_own_layers_move_in_one_step(channels):
    layer = MGDFeatureLoss(*channels, alpha_mgd=1.0)
    assert (layer.align is None) == (channels[0] == channels[1])
    before = {name: p.numpy().copy() for name, p in layer.named_parameters()}
    optimizer = paddle.optimizer.SGD(0.1, layer.parameters())
    layer(paddle.randn([2, channels[0], 8, 8]), paddle.randn([2, channels[1], 8, 8])).backward()
    optimizer.step()
    assert all(not np.array_equal(before[name], p.numpy())
               for name, p in layer.named_parameters())


def test_sums_over_cells_and_averages_over_images():
    layer = MGDFeatureLoss(4, 4, alpha_mgd=2.0)
    student, teacher = paddle.randn([1, 4, 6, 6]), paddle.randn([1, 4, 6, 6])
    mask = paddle.ones([1, 1, 6, 6])
    one = layer(student, teacher, mask)
    three = layer(paddle.tile(student, [3, 1, 1, 1]), paddle.tile(teacher, [3, 1, 1, 1]),
                  paddle.tile(mask, [3, 1, 1, 1]))
    np.testing.assert_allclose(float(three), float(one), rtol=1e-5)
    error = ((layer.generation(student) - teacher)**2).sum()
    np.testing.assert_allclose(float(one), 2.0 * float(error), rtol=1e-5)


@pytest.mark.parametrize('student, teacher, message', [
    ([1, 5, 4, 4], [1, 6, 4, 4], r'built for 4 student and 6 teacher channels, got \[1, 5, 4, 4\]'),
    ([1, 4, 4, 4], [1, 6, 8, 8], r'one size, got student \[1, 4, 4, 4\] and teacher'),
    ([2, 4, 4, 4], [1, 6, 4, 4], r'one size'),
])
def test_refuses_maps_that_do_not_fit(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        MGDFeatureLoss(4, 6)(paddle.zeros(student), paddle.zeros(teacher))


@pytest.mark.parametrize('fraction', [-0.1, 1.0])
def test_refuses_a_fraction_that_erases_nothing_or_everything(fraction):
    with pytest.raises(ValueError, match='lambda_mgd must be a number of at least 0 and b'):
        MGDFeatureLoss(4, 4, lambda_mgd=fraction)


def test_takes_over_the_registered_name_and_leaves_ppdets_own_class_alone():
    assert global_config['MGDFeatureLoss'].pymodule.__name__ == 'ppdet_ext.slim.losses.mgd_loss'
    own = ppdet.slim.distill_loss.DistillPPYOLOELoss(feat_distiller='mgd')
    modules = own.distill_feat_loss_modules
    assert all(type(m) is ppdet.slim.distill_loss.MGDFeatureLoss for m in modules)
    assert isinstance(create('MGDFeatureLoss'), MGDFeatureLoss)


@pytest.mark.parametrize('layer', [
    lambda: MGDFeatureLoss(64, 128).align, lambda: MGDFeatureLoss(128, 128).generation[0],
    lambda: MGDFeatureLoss(128, 128).generation[2], lambda: TSKDFeatureLoss(64, 128).align])
def test_adapters_start_as_in_the_papers_code(layer):
    """Uniform within 1/sqrt(fan in), which PyTorch gives weights and biases."""
    layer = layer()
    bound = np.prod(layer.weight.shape[1:])**-0.5
    for parameter, tolerance in ((layer.weight, 0.02), (layer.bias, 0.25)):
        values = parameter.numpy()
        assert np.abs(values).max() <= bound
        assert np.std(values) == pytest.approx(bound / 3**0.5, rel=tolerance)
