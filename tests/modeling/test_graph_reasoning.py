# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from vectors import each_case, float64, relative_error

from ppdet_ext.modeling import GloReUnit2D, InstanceGraph


@each_case('glore')
@float64()
def test_parity_with_tskds_graph_unit(vector):
    unit = vector.glore_unit()
    x = vector.tensor('in_x', gradient=True)
    out = unit(x)
    (out * vector.tensor('in_cotangent')).sum().backward()
    assert relative_error(out, vector['out']) < 1e-8
    assert relative_error(x.grad, vector['grad__in_x']) < 1e-8
    for name, parameter in unit.named_parameters():
        error = relative_error(parameter.grad, vector[f'grad__param_{name}'])
        assert error < 5e-8, name


def test_glore_names_its_parameters_and_keeps_no_statistics():
    unit = GloReUnit2D(6, 3)
    assert {name: p.shape for name, p in unit.named_parameters()} == {
        'conv_state.weight': [6, 6, 1, 1], 'conv_state.bias': [6],
        'conv_proj.weight': [3, 6, 1, 1], 'conv_proj.bias': [3],
        'gcn.conv1.weight': [3, 3, 1], 'gcn.conv1.bias': [3],
        'gcn.conv2.weight': [6, 6, 1], 'conv_extend.weight': [6, 6, 1, 1],
        'blocker.weight': [6], 'blocker.bias': [6]}
    assert not unit.buffers()
    assert set(unit.state_dict()) == {name for name, _ in unit.named_parameters()}


def test_glore_in_evaluation_reasons_as_in_training():
    unit, x = GloReUnit2D(6, 3), paddle.randn([2, 6, 5, 4])
    trained = unit(x)
    unit(100 * paddle.randn([2, 6, 5, 4]))  # would move running statistics
    unit.eval()
    np.testing.assert_array_equal(unit(x).numpy(), trained.numpy())


def test_glore_starts_within_one_over_the_root_of_fan_in():
    paddle.seed(0)
    for name, parameter in GloReUnit2D(64, 32).named_parameters():
        value = parameter.numpy()
        if name.startswith('blocker'):
            np.testing.assert_array_equal(value, 1.0 if name.endswith('weight') else 0.0)
        else:
            fan_in = 32 if name.startswith('gcn.conv1') else 64
            assert 0.9 < np.abs(value).max() * fan_in**0.5 <= 1.0, name


def test_glore_sums_over_the_map_where_it_does_not_average():
    paddle.seed(0)
    average, total = GloReUnit2D(4, 2), GloReUnit2D(4, 2, normalize=False)
    total.set_state_dict(average.state_dict())
    seen = {}
    for name, unit in (('average', average), ('total', total)):
        unit.gcn.register_forward_pre_hook(
            lambda layer, inputs, name=name: seen.update({name: inputs[0].numpy()}))
        unit(paddle.arange(48, dtype='float32').reshape([1, 4, 3, 4]) / 48)
    np.testing.assert_allclose(seen['total'], 12 * seen['average'], rtol=1e-5)


@pytest.mark.parametrize('nodes', [0, -1])
def test_glore_refuses_a_graph_without_nodes(nodes):
    with pytest.raises(ValueError, match=f'at least one node, got mid_channels {nodes} for 1 ch'):
        GloReUnit2D(1, nodes)


def standardised(row):
    return (row - row.mean()) / np.sqrt(row.var() + 1e-4)


def instance_graph_by_hand(nodes, weight):
    """Loops over pairs of the R nodes, shape [R, S]."""
    count, states = nodes.shape
    out = np.empty_like(nodes)
    for i in range(count):
        similarity = np.array([
            standardised(nodes[i]) @ standardised(nodes[j]) / np.sqrt(states)
            for j in range(count)])
        edges = np.exp(similarity) / np.exp(similarity).sum()
        gathered = sum(edges[j] * nodes[j] for j in range(count))
        mixed = np.maximum(nodes[i] + gathered, 0.0) @ weight
        out[i] = nodes[i] + standardised(mixed)
    return out


@pytest.mark.parametrize('count', [1, 2, 3, 17])
def test_instance_graph_takes_any_number_of_instances(count):
    paddle.seed(count)
    unit, x = InstanceGraph(12), paddle.randn([1, count, 3, 4])
    out = unit(x)
    assert out.shape == [1, count, 3, 4]
    expected = instance_graph_by_hand(x.numpy().reshape(count, 12), unit.state.weight.numpy())
    np.testing.assert_allclose(out.numpy().reshape(count, 12), expected, rtol=1e-4, atol=1e-4)


def test_instance_graph_does_not_depend_on_the_order_of_instances():
    unit, x = InstanceGraph(36), paddle.randn([1, 5, 6, 6])
    order = paddle.to_tensor([3, 0, 4, 1, 2])
    np.testing.assert_allclose(unit(paddle.gather(x, order, axis=1)).numpy(),
                               paddle.gather(unit(x), order, axis=1).numpy(), atol=1e-5)


def test_instance_graph_relates_instances_to_each_other():
    paddle.seed(0)
    unit, x = InstanceGraph(36), paddle.randn([1, 3, 6, 6])
    x.stop_gradient = False
    (unit(x)[0, 0]**2).sum().backward()
    assert all(float(x.grad[0, k].abs().max()) > 1e-4 for k in range(3))


def test_instance_graph_has_one_weight_and_no_statistics():
    unit = InstanceGraph(36)
    assert {name: p.shape for name, p in unit.named_parameters()} == {'state.weight': [36, 36]}
    assert not unit.buffers()
    assert 0.9 < float(unit.state.weight.abs().max()) * 6 <= 1.0


def test_instance_graph_is_finite_for_instances_that_are_all_equal_or_zero():
    unit, x = InstanceGraph(36), paddle.zeros([1, 3, 6, 6])
    x.stop_gradient = False
    (unit(x) * paddle.randn([1, 3, 6, 6])).sum().backward()
    assert np.isfinite(unit(x).numpy()).all() and np.isfinite(x.grad.numpy()).all()
