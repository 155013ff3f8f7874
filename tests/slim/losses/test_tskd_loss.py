# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import pytest
from ppdet.core.workspace import create
from tiny import moved, values
from tskd_oracle import feature_terms
from vectors import each_case, float64, relative_error

from ppdet_ext.slim import TSKDFeatureLoss

TERMS = ('fg', 'bg', 'ins_rea', 'pixel_rea', 'se')
# The stored names of the terms.
STORED = {'fg': 'fg', 'bg': 'bg', 'ins_rea': 'ins_rel', 'pixel_rea': 'pixel_rel', 'se': 'se'}
IMAGE_SHAPE = [80, 160]
BOX = [20.0, 10.0, 60.0, 45.0]
OTHER_BOX = [75.0, 22.0, 131.0, 64.0]


def only(*terms):
    """Options that give these terms the weight 1 and the others 0."""
    return {f'alpha_{term}': float(term in terms) for term in TERMS}


def boxes_of(*images):
    return [paddle.to_tensor(np.reshape(boxes, [-1, 4]), dtype=paddle.get_default_dtype())
            for boxes in images]


def maps(images=2, channels=(4, 4), size=(8, 16)):
    """Random map of the student, with gradient, and of the teacher."""
    student, teacher = (paddle.randn([images, number, *size]) for number in channels)
    student.stop_gradient = False
    return student, teacher


def terms_of(layer, student, teacher, *images):
    """The terms for images of ``IMAGE_SHAPE`` with these boxes."""
    return layer(student, teacher, boxes_of(*images), paddle.to_tensor([IMAGE_SHAPE] * len(images)))


def layer_of(vector):
    """The loss with the stored weights; its instance unit is the one of the released code."""
    options = {name: vector.options[name] for name in ('temp', *only())}
    layer = TSKDFeatureLoss(vector['in_student'].shape[1], vector['in_teacher'].shape[1], **options)
    if layer.align is not None:
        vector.set_parameters(layer.align, 'align.')
    layer.pixel_graph = vector.glore_unit('pix_glore.')
    layer.instance_graph = vector.glore_unit('ins_glore.')
    return layer


def check_parity(vector, tolerance, gradient_tolerance):
    layer = layer_of(vector)
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    terms = layer(student, teacher, vector.boxes(), vector.image_shapes())
    assert set(terms) == {*TERMS, 'loss'}
    assert relative_error(terms['loss'], vector['loss_intended']) < tolerance
    for name, stored in STORED.items():
        alpha = vector.options[f'alpha_{name}']
        assert relative_error(terms[name], alpha * vector[f'term_{stored}']) < tolerance, name
        grad, = paddle.grad(terms[name], student, retain_graph=True)
        error = relative_error(grad, alpha * vector[f'grad_{stored}__in_student'])
        assert error < gradient_tolerance, name
    terms['loss'].backward()
    assert relative_error(student.grad, vector['grad_intended__in_student']) < gradient_tolerance
    for name, parameter in layer.named_parameters():
        if name.startswith('align'):
            error = relative_error(parameter.grad, vector[f'grad_intended__param_{name}'])
            assert error < gradient_tolerance, name
    assert teacher.grad is None


@each_case('tskd_total')
@float64()
def test_parity_with_the_papers_code(vector):
    check_parity(vector, tolerance=5e-8, gradient_tolerance=2e-6)


@each_case('tskd_total')
def test_parity_with_the_papers_code_in_float32(vector):
    check_parity(vector, tolerance=1e-5, gradient_tolerance=2e-4)


def random_boxes(draw, count, image_shape):
    """Overlapping boxes of all sizes, some up to the right and bottom edge."""
    height, width = image_shape
    x, y = (np.sort(draw.uniform(0, side, [count, 2]), axis=1) for side in (width, height))
    x[:count // 3, 1], y[:count // 4, 1] = width, height
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


@pytest.mark.parametrize('seed, counts, channels, clip_boxes', [
    (0, (3, 0, 6), (4, 4), False),
    (1, (5, 9), (4, 6), True),
    (2, (0, 0, 2), (5, 3), False),
    (3, (40,), (2, 2), False),
    (4, (1, 0), (4, 4), False),
    (5, (0, 0), (3, 4), True),
])
@float64()
def test_equals_a_loop_over_levels_images_and_boxes(seed, counts, channels, clip_boxes):
    paddle.seed(seed)
    draw = np.random.RandomState(seed)
    shapes = [[96, 128], [90, 111], [61, 128]][:len(counts)]
    boxes = boxes_of(*(random_boxes(draw, count, shape) for count, shape in zip(counts, shapes)))
    layers = [TSKDFeatureLoss(*channels, alpha_fg=0.1, alpha_bg=0.2, alpha_ins_rea=0.3,
                              alpha_pixel_rea=0.4, alpha_se=0.5, loss_weight=2.0, temp=temp,
                              clip_boxes=clip_boxes) for temp in (0.5, 1.5)]
    levels = [maps(len(counts), channels, size) for size in ((12, 16), (6, 8))]
    students, teachers = zip(*levels)
    shapes = paddle.to_tensor(shapes)
    single = [layer(*level, boxes, shapes) for layer, level in zip(layers, levels)]
    loop = feature_terms(layers, students, teachers, boxes, shapes)
    for name in (*TERMS, 'loss'):
        value = single[0][name] + single[1][name]
        np.testing.assert_allclose(float(value), float(loop[name]), rtol=1e-9, err_msg=name)
        grads = paddle.grad(value, students, retain_graph=True)
        expected = paddle.grad(loop[name], students, retain_graph=True)
        for grad, reference in zip(grads, expected):
            np.testing.assert_allclose(grad.numpy(), reference.numpy(), rtol=1e-7, atol=1e-11,
                                       err_msg=name)


@float64()
def test_is_zero_and_lowest_where_student_equals_teacher():
    paddle.seed(0)
    layer = TSKDFeatureLoss(4, 4, **only(*TERMS))
    student, teacher = maps()
    student.set_value(teacher)
    images = [[BOX, OTHER_BOX], [BOX]]
    terms = terms_of(layer, student, teacher, *images)
    near = terms_of(layer, student + 0.01 * paddle.randn(student.shape), teacher, *images)
    for name in TERMS:
        assert abs(float(terms[name])) < 1e-12 < float(near[name]), name
        grad, = paddle.grad(terms[name], student, retain_graph=True)
        assert float(grad.abs().max()) < 1e-12, name


@pytest.mark.parametrize('term', TERMS)
def test_every_term_alone_reaches_the_student_and_not_the_teacher(term):
    paddle.seed(0)
    layer = TSKDFeatureLoss(4, 4, **only(term))
    student, teacher = maps()
    teacher.stop_gradient = False
    terms = terms_of(layer, student, teacher, [BOX, OTHER_BOX], [])
    terms['loss'].backward()
    assert set(terms) == {*TERMS, 'loss'}
    assert all(float(terms[name]) == 0.0 for name in TERMS if name != term)
    assert float(terms['loss']) == float(terms[term]) > 0.0
    assert float(student.grad.abs().max()) > 0.0
    assert teacher.grad is None
    assert (layer.instance_graph is None) == (term != 'ins_rea')
    assert (layer.pixel_graph is None) == (term != 'pixel_rea')


def test_with_all_alphas_zero_every_term_is_zero():
    layer = TSKDFeatureLoss(4, 4, **only())
    assert not layer.parameters()
    terms = terms_of(layer, *maps(), [BOX], [])
    assert all(paddle.is_tensor(value) for value in terms.values())
    assert {name: float(value) for name, value in terms.items()} == dict.fromkeys(
        (*TERMS, 'loss'), 0.0)


def test_loss_is_the_sum_of_terms_times_alphas_and_loss_weight():
    student, teacher = maps()
    alphas = dict(zip(only(), (1.0, 2.0, 3.0, 4.0, 5.0)))
    results = []
    for options in (only(*TERMS), {**alphas, 'loss_weight': 0.5}):
        paddle.seed(0)
        layer = TSKDFeatureLoss(4, 4, **options)
        results.append(terms_of(layer, student, teacher, [BOX, OTHER_BOX], [BOX]))
    plain, weighted = results
    for name in TERMS:
        np.testing.assert_allclose(float(weighted[name]),
                                   0.5 * alphas[f'alpha_{name}'] * float(plain[name]), rtol=1e-5)
    for terms in results:
        np.testing.assert_allclose(float(terms['loss']), sum(float(terms[name]) for name in TERMS),
                                   rtol=1e-5)


def step(layer, *images, times=1):
    """Descends on the loss, the student's map and the layer's weights being what is trained."""
    student, teacher = maps(len(images), (layer.student_channels, layer.teacher_channels))
    student = paddle.create_parameter(student.shape, 'float32')
    optimizer = paddle.optimizer.Momentum(0.1, parameters=[student, *layer.parameters()],
                                          weight_decay=0.01)
    for _ in range(times):
        terms_of(layer, student, teacher, *images)['loss'].backward()
        optimizer.step()
        optimizer.clear_grad()


def test_fixed_graph_units_stay_bit_identical():
    layer = TSKDFeatureLoss(4, 4, **only(*TERMS))
    before = values(layer)
    assert any(name.startswith('pixel_graph') for name in before)
    assert any(name.startswith('instance_graph') for name in before)
    assert all(parameter.stop_gradient for parameter in layer.parameters())
    layer.train()
    step(layer, [BOX, OTHER_BOX], [BOX], times=3)
    assert not moved(before, layer)


def test_align_moves_in_one_step_and_fixed_graph_units_do_not():
    paddle.seed(0)
    layer = TSKDFeatureLoss(4, 6, **only(*TERMS))
    before = values(layer)
    step(layer, [BOX, OTHER_BOX], [BOX])
    assert moved(before, layer) == {'align.weight', 'align.bias'}


def test_graph_units_train_where_asked_to():
    paddle.seed(0)
    layer = TSKDFeatureLoss(4, 4, **only(*TERMS), train_graph=True)
    before = values(layer)
    step(layer, [BOX, OTHER_BOX], [BOX])
    # The norm's shift is the same for both maps and starts at 0.
    assert moved(before, layer) >= set(before) - {'pixel_graph.blocker.bias'}


def test_graph_units_are_drawn_once_from_the_seed():
    student, teacher = maps()
    layers = []
    for seed in (3, 3, 4):
        paddle.seed(seed)
        layers.append(TSKDFeatureLoss(4, 4, **only('ins_rea', 'pixel_rea')))
    losses = [[float(terms_of(layer, student, teacher, [BOX, OTHER_BOX], [])['loss'])
               for _ in range(2)] for layer in layers]
    assert losses[0][0] == losses[0][1] == losses[1][0] == losses[1][1] != losses[2][0]


@pytest.mark.parametrize('images', [
    [[], []],
    [[BOX]],
    [[], [BOX]],
    [[BOX, OTHER_BOX], []],
    [[BOX] * 50, [OTHER_BOX] * 3],
], ids=['none', 'one', 'one_of_two_images', 'one_image_without', 'many'])
def test_any_number_of_boxes(images):
    paddle.seed(0)
    layer = TSKDFeatureLoss(4, 4, **only(*TERMS))
    student, teacher = maps(len(images))
    terms = terms_of(layer, student, teacher, *images)
    terms['loss'].backward()
    boxes = sum(map(len, images))
    assert (float(terms['fg']) > 0) == (boxes > 0)
    assert (float(terms['ins_rea']) > 0) == (boxes > 1)
    assert not terms['ins_rea'].stop_gradient
    assert all(float(terms[name]) > 0 for name in ('bg', 'pixel_rea', 'se'))
    assert np.isfinite(student.grad.numpy()).all() and float(student.grad.abs().max()) > 0


@pytest.mark.parametrize('boxes', [[], [BOX]], ids=['no_box', 'one_box'])
def test_without_a_relation_the_instance_term_is_zero_with_gradients_of_zero(boxes):
    layer = TSKDFeatureLoss(4, 4, **only('ins_rea'), train_graph=True)
    student, teacher = maps(1)
    term = terms_of(layer, student, teacher, boxes)['loss']
    term.backward()
    assert float(term) == 0.0
    for gradient in (student.grad, *(p.grad for p in layer.instance_graph.parameters())):
        assert not gradient.numpy().any()


def test_a_box_over_the_whole_map_leaves_no_background():
    layer = TSKDFeatureLoss(4, 4, **only(*TERMS))
    student, teacher = maps(1)
    height, width = IMAGE_SHAPE
    terms = terms_of(layer, student, teacher, [[0, 0, width, height], BOX])
    terms['loss'].backward()
    assert float(terms['bg']) == 0.0
    assert float(terms['fg']) > 0.0 and float(terms['ins_rea']) > 0.0
    assert np.isfinite(student.grad.numpy()).all()


@pytest.mark.parametrize('box, changes', [([130.0, 60.0, 160.0, 80.0], True), (BOX, False)],
                         ids=['at_the_edge', 'inside'])
def test_cutting_boxes_changes_only_those_at_the_edge(box, changes):
    student, teacher = maps(1)
    losses = []
    for clip_boxes in (False, True):
        paddle.seed(0)
        layer = TSKDFeatureLoss(4, 4, **only('ins_rea'), clip_boxes=clip_boxes)
        losses.append(float(terms_of(layer, student, teacher, [OTHER_BOX, box])['loss']))
    assert all(np.isfinite(losses)) and (losses[0] != losses[1]) == changes


def test_instances_may_be_pooled_to_another_size():
    layer = TSKDFeatureLoss(4, 4, **only('ins_rea'), roi_output_size=3)
    assert layer.instance_graph.state.weight.shape == [9, 9]
    assert float(terms_of(layer, *maps(1), [BOX, OTHER_BOX])['loss']) > 0.0


def test_maps_may_have_a_single_channel():
    layer = TSKDFeatureLoss(1, 1, **only(*TERMS))
    terms = terms_of(layer, *maps(1, (1, 1)), [BOX, OTHER_BOX])
    assert all(np.isfinite(float(value)) for value in terms.values())


@pytest.mark.parametrize('student, teacher, message', [
    ([1, 5, 4, 4], [1, 6, 4, 4], r'built for 4 student and 6 teacher channels, got \[1, 5, 4, 4\]'),
    ([1, 4, 4, 4], [1, 5, 4, 4], r'built for 4 student and 6 teacher channels'),
    ([1, 4, 4, 4], [1, 6, 8, 8], r'one size, got student \[1, 4, 4, 4\] and teacher'),
    ([2, 4, 4, 4], [1, 6, 4, 4], r'one size'),
])
def test_refuses_maps_that_do_not_fit(student, teacher, message):
    with pytest.raises(ValueError, match=f'TSKDFeatureLoss .*{message}'):
        terms_of(TSKDFeatureLoss(4, 6), paddle.zeros(student), paddle.zeros(teacher), [BOX])


@pytest.mark.parametrize('option', [
    {'temp': 0.0}, {'temp': -1.0}, {'roi_output_size': 0}, {'roi_output_size': 2.5}])
def test_refuses_options_out_of_range(option):
    with pytest.raises(ValueError, match=f'TSKDFeatureLoss: {next(iter(option))} must be '):
        TSKDFeatureLoss(4, 4, **option)


def test_is_registered_under_its_name():
    layer = create('TSKDFeatureLoss', student_channels=3, teacher_channels=5)
    assert isinstance(layer, TSKDFeatureLoss)
    assert set(layer.weights) == set(TERMS) and set(layer.weights.values()) == {5e-4}
