# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from ppdet.modeling.bbox_utils import delta2bbox
from vectors import each_case, float64, relative_error

from ppdet_ext.slim import functional

# A map of 8 x 16 cells of 10 x 10 pixels.
HEIGHT, WIDTH = 8, 16
IMAGE_SHAPE = [80, 160]


def masks_of(*images):
    """Foreground and background of images with these boxes, as arrays."""
    boxes = [paddle.to_tensor(box, dtype='float32').reshape([-1, 4]) for box in images]
    shapes = paddle.to_tensor([IMAGE_SHAPE] * len(images))
    masks = functional.foreground_background_masks(boxes, shapes, HEIGHT, WIDTH)
    return [mask.numpy() for mask in masks]


@each_case('fgd_attention_masks')
@float64()
def test_parity_of_attention_masks_and_expert_terms(vector):
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    temp = vector.options['temp']
    spatial = functional.spatial_attention(teacher, temp)
    channel = functional.channel_attention(teacher, temp)
    assert relative_error(spatial, vector['out_S_attention_t']) < 1e-12
    assert relative_error(channel, vector['out_C_attention_t']) < 1e-12
    masks = functional.foreground_background_masks(
        vector.boxes(), vector.image_shapes(), *teacher.shape[2:])
    assert relative_error(masks[0], vector['out_Mask_fg']) < 1e-12
    assert relative_error(masks[1], vector['out_Mask_bg']) < 1e-12
    fg, bg = functional.decoupled_feature_loss(student, teacher, *masks, spatial, channel)
    for value, name in ((fg, 'fg'), (bg, 'bg')):
        assert relative_error(value, vector[f'term_{name}']) < 1e-12
        grad, = paddle.grad(value, student, retain_graph=True)
        assert relative_error(grad, vector[f'grad_{name}__in_student']) < 1e-12
    (fg + bg).backward()
    assert teacher.grad is None


@pytest.mark.parametrize('temp', [0.5, 3.0])
def test_attention_is_a_softmax_over_cells_or_channels(temp):
    paddle.seed(0)
    feature = paddle.randn([2, 5, 3, 4])
    energy = np.abs(feature.numpy())
    cells = np.exp(energy.mean(axis=1) / temp)
    channels = np.exp(energy.mean(axis=(2, 3)) / temp)
    np.testing.assert_allclose(functional.spatial_attention(feature, temp).numpy(),
                               12 * cells / cells.sum(axis=(1, 2), keepdims=True), rtol=1e-4)
    np.testing.assert_allclose(functional.channel_attention(feature, temp).numpy(),
                               5 * channels / channels.sum(axis=1, keepdims=True), rtol=1e-4)


def test_cells_of_a_box_weigh_the_same_and_reach_one_cell_further():
    fg, bg = masks_of([20, 10, 40, 30])
    expected = np.zeros([1, HEIGHT, WIDTH])
    expected[0, 1:4, 2:5] = 1 / 9
    np.testing.assert_allclose(fg, expected, rtol=1e-6)
    np.testing.assert_allclose(bg, (expected == 0) / (HEIGHT * WIDTH - 9), rtol=1e-6)


def test_the_smaller_of_overlapping_boxes_counts():
    small, large = [21, 11, 29, 19], [1, 1, 59, 39]
    fg, _ = masks_of([large, small])
    assert fg[0, 1, 2] == np.float32(1 / 4) and fg[0, 0, 0] == np.float32(1 / 35)
    assert set(np.unique(fg)) == {0, np.float32(1 / 4), np.float32(1 / 35)}
    np.testing.assert_array_equal(fg, masks_of([small, large])[0])
    np.testing.assert_array_equal(fg, masks_of([small, large, large])[0])


def test_a_box_at_the_edge_keeps_the_area_of_the_uncut_one():
    fg, _ = masks_of([130, 60, 160, 80])
    expected = np.zeros([1, HEIGHT, WIDTH])
    expected[0, 6:, 13:] = 1 / 12
    np.testing.assert_allclose(fg, expected, rtol=1e-6)


def test_images_do_not_see_the_boxes_of_others():
    first, second = [[20, 10, 40, 30], [70, 5, 90, 44]], [100, 20, 120, 60]
    fg, bg = masks_of(first, [], second)
    for k, boxes in enumerate((first, [], second)):
        alone_fg, alone_bg = masks_of(boxes)
        np.testing.assert_array_equal(fg[k:k + 1], alone_fg)
        np.testing.assert_array_equal(bg[k:k + 1], alone_bg)


def test_background_sums_to_one_and_to_zero_where_a_box_covers_everything():
    _, bg = masks_of([], [20, 10, 40, 30], [0, 0, 160, 80])
    np.testing.assert_allclose(bg.sum(axis=(1, 2)), [1, 1, 0], rtol=1e-5)
    np.testing.assert_allclose(bg[0], 1 / (HEIGHT * WIDTH), rtol=1e-6)


def test_masks_without_any_box():
    fg, bg = masks_of([], [])
    assert not fg.any()
    np.testing.assert_allclose(bg, np.full([2, HEIGHT, WIDTH], 1 / (HEIGHT * WIDTH)), rtol=1e-6)


def test_cells_follow_the_size_of_each_image():
    boxes = [paddle.to_tensor([[20.0, 10.0, 40.0, 30.0]])] * 2
    shapes = paddle.to_tensor([IMAGE_SHAPE, [40, 80]])
    cells = functional.box_cells(boxes, shapes, HEIGHT, WIDTH)
    np.testing.assert_array_equal(cells.numpy(), [[2, 1, 4, 3], [4, 2, 8, 6]])


class Recorder:
    """A graph unit that keeps what passes through it."""

    def __init__(self, unit=lambda x: x):
        self.unit, self.seen = unit, []

    def __call__(self, x):
        self.seen.append(x.numpy())
        return self.unit(x)


@each_case('ins_relation')
@float64()
def test_parity_of_the_instance_relation(vector):
    unit = vector.glore_unit('ins_glore.')
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    recorder = Recorder(unit)
    loss = functional.instance_relation(student, teacher, vector.boxes(), vector.image_shapes(),
                                        recorder, vector.options['temp'])
    loss.backward()
    pooled_s, pooled_t = recorder.seen
    assert relative_error(pooled_s, vector['out_ins_feats_S']) < 1e-12
    assert relative_error(pooled_t, vector['out_ins_feats_T']) < 1e-12
    assert relative_error(loss, vector['loss']) < 2e-8
    assert relative_error(student.grad, vector['grad__in_student']) < 2e-8
    for name, parameter in unit.named_parameters():
        reference = vector[f'grad__param_ins_glore.{name}']
        if np.abs(reference).max() < 1e-12:  # the shift of both maps: cancels
            assert np.abs(parameter.grad.numpy()).max() < 1e-12, name
        else:
            assert relative_error(parameter.grad, reference) < 1e-6, name
    assert teacher.grad is None


def corner_box_pooled(clip_boxes):
    ones = paddle.ones([1, 3, HEIGHT, WIDTH])
    boxes = [paddle.to_tensor([[130.0, 60.0, 160.0, 80.0], [20.0, 10.0, 40.0, 30.0]])]
    recorder = Recorder()
    functional.instance_relation(ones, ones, boxes, paddle.to_tensor([IMAGE_SHAPE]), recorder,
                                 0.5, clip_boxes=clip_boxes)
    corner, inner = recorder.seen[0][0]
    np.testing.assert_allclose(inner, 1.0, rtol=1e-5)
    return corner


def test_boxes_at_the_edge_pool_zeros_beyond_it_unless_cut():
    # Cells 13..16 and 6..8 of a map that ends at 15 and 7: samples beyond 16 and 8 are 0.
    rows, columns = [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0.5, 0]
    np.testing.assert_allclose(corner_box_pooled(False), np.outer(rows, columns), rtol=1e-5)
    np.testing.assert_allclose(corner_box_pooled(True), 1.0, rtol=1e-5)


@each_case('pixel_relation')
@float64()
def test_parity_of_the_pixel_relation(vector):
    unit = vector.glore_unit('pix_glore.')
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    loss = functional.pixel_relation(student, teacher, unit)
    loss.backward()
    assert relative_error(loss, vector['loss']) < 2e-8
    assert relative_error(student.grad, vector['grad__in_student']) < 5e-8
    for name, parameter in unit.named_parameters():
        reference = vector[f'grad__param_pix_glore.{name}']
        if np.abs(reference).max() < 1e-12:
            assert np.abs(parameter.grad.numpy()).max() < 1e-12, name
        else:
            assert relative_error(parameter.grad, reference) < 1e-6, name
    assert teacher.grad is None


@each_case('sed')
@float64()
def test_parity_of_the_structure_term(vector):
    student = vector.tensor('in_student', gradient=True)
    similarity = functional.structural_similarity(student, vector.tensor('in_teacher'))
    loss = (1.0 - similarity) / 2.0
    loss.backward()
    assert relative_error(similarity, vector['term_sed_window_not_rounded']) < 5e-9
    assert relative_error(loss, vector['loss']) < 1e-8
    assert relative_error(student.grad, vector['grad__in_student']) < 2e-6


@float64()
def test_structural_similarity_is_symmetric_and_one_for_equal_maps():
    x, y = paddle.randn([2, 3, 7, 13]), paddle.randn([2, 3, 7, 13])
    np.testing.assert_allclose(float(functional.structural_similarity(x, x)), 1.0, rtol=1e-12)
    np.testing.assert_allclose(float(functional.structural_similarity(x, y)),
                               float(functional.structural_similarity(y, x)), rtol=1e-12)
    assert abs(float(functional.structural_similarity(x, y))) < 0.5


@each_case('crosskd_align_scale')
@float64()
def test_parity_of_align_scale(vector):
    student = vector.tensor('in_student', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    out = functional.align_scale(student, teacher)
    (out * vector.tensor('in_cotangent')).sum().backward()
    assert relative_error(out, vector['out']) < 1e-12
    assert relative_error(student.grad, vector['grad__in_student']) < 1e-12
    assert teacher.grad is None


def test_align_scale_gives_the_teachers_statistics_to_maps_of_another_size():
    paddle.seed(0)
    teacher = 3.0 * paddle.randn([2, 5, 4, 7]) + paddle.arange(5.0).reshape([1, 5, 1, 1])
    out = functional.align_scale(0.1 * paddle.randn([3, 5, 6, 6]) - 2.0, teacher)
    for statistic in (paddle.mean, paddle.std):
        np.testing.assert_allclose(statistic(out, axis=[0, 2, 3]).numpy(),
                                   statistic(teacher, axis=[0, 2, 3]).numpy(), rtol=1e-3)


def test_align_scale_is_finite_for_a_constant_channel():
    paddle.seed(0)
    student = paddle.randn([2, 3, 4, 4])
    student[:, 1] = 0.25
    student.stop_gradient = False
    teacher = paddle.randn([2, 3, 4, 4])
    out = functional.align_scale(student, teacher)
    (out * paddle.randn([2, 3, 4, 4])).sum().backward()
    np.testing.assert_allclose(out[:, 1].numpy(), float(teacher[:, 1].mean()), rtol=1e-4)
    grad = student.grad.numpy()
    assert np.isfinite(grad).all() and all(np.abs(grad[:, k]).max() > 0 for k in (0, 2))


def test_align_scale_of_a_single_pixel_is_the_teachers():
    student, teacher = paddle.randn([1, 3, 1, 1]), paddle.randn([1, 3, 1, 1])
    student.stop_gradient = False
    out = functional.align_scale(student, teacher)
    out.sum().backward()
    np.testing.assert_allclose(out.numpy(), teacher.numpy(), rtol=1e-6)
    assert np.isfinite(student.grad.numpy()).all()


@each_case('kd_quality_focal_loss')
@pytest.mark.parametrize('suffix, weighted, averaged', [
    ('', True, True), ('_plain', False, False), ('_weight_only', True, False),
    ('_avg_factor_only', False, True)])
@float64()
def test_parity_of_the_quality_focal_loss(vector, suffix, weighted, averaged):
    options = vector.options
    student = vector.tensor('in_pred', gradient=True)
    teacher = vector.tensor('in_teacher', gradient=True)
    loss = options['loss_weight'] * functional.quality_focal_kd_loss(
        student, teacher, options['beta'], vector.tensor('in_weight') if weighted else None,
        options['avg_factor'] if averaged else None)
    loss.backward()
    assert relative_error(loss, vector[f'loss{suffix}']) < 1e-12
    assert relative_error(student.grad, vector[f'grad{suffix}__in_pred']) < 1e-12
    assert teacher.grad is None


def test_quality_focal_loss_focuses_by_the_power_of_the_distance():
    student, teacher = paddle.to_tensor([[2.0, -1.0]]), paddle.to_tensor([[0.5, 1.5]])
    target = F.sigmoid(teacher)
    plain = F.binary_cross_entropy_with_logits(student, target, reduction='none')
    for beta in (0.0, 2.0):
        expected = (plain * (F.sigmoid(student) - target).abs()**beta).mean()
        loss = functional.quality_focal_kd_loss(student, teacher, beta)
        np.testing.assert_allclose(float(loss), float(expected), rtol=1e-6)


def test_quality_focal_loss_takes_a_tensor_to_divide_by():
    student, teacher = paddle.randn([4, 6]), paddle.randn([4, 6])
    by_number = functional.quality_focal_kd_loss(student, teacher, avg_factor=3.0)
    by_tensor = functional.quality_focal_kd_loss(student, teacher,
                                                 avg_factor=paddle.to_tensor(3.0))
    np.testing.assert_allclose(float(by_tensor), float(by_number), rtol=1e-6)


@each_case('giou_loss')
@pytest.mark.parametrize('suffix, complete', [('', True), ('_plain', False)])
@float64()
def test_parity_of_the_giou_loss(vector, suffix, complete):
    options = vector.options
    student = vector.tensor('in_pred', gradient=True)
    teacher = vector.tensor('in_target', gradient=True)
    reduction = (vector.tensor('in_weight'), options['avg_factor']) if complete else ()
    loss = options['loss_weight'] * functional.weighted_giou_loss(student, teacher, *reduction)
    loss.backward()
    smooth = vector['aux_nonsmooth_rows'] == 0
    assert smooth.any()
    assert relative_error(loss, vector[f'loss{suffix}']) < 1e-12
    assert relative_error(student.grad.numpy()[smooth],
                          vector[f'grad{suffix}__in_pred'][smooth]) < 1e-12
    assert teacher.grad is None


@each_case('giou_loss')
@float64()
def test_parity_of_the_giou_of_single_and_degenerate_boxes(vector):
    for pred, target, reference in (
            ('in_pred', 'in_target', 'out_elementwise'),
            ('in_degenerate_pred', 'in_degenerate_target', 'out_degenerate_elementwise')):
        boxes_s, boxes_t = vector.tensor(pred), vector.tensor(target)
        losses = [float(functional.weighted_giou_loss(boxes_s[k:k + 1], boxes_t[k:k + 1]))
                  for k in range(boxes_s.shape[0])]
        losses = vector.options['loss_weight'] * np.array(losses)
        assert relative_error(losses, vector[reference]) < 1e-12, pred


@each_case('giou_loss')
def test_giou_loss_is_zero_where_no_box_counts(vector):
    boxes_s, boxes_t = vector.tensor('in_pred'), vector.tensor('in_target')
    loss = functional.weighted_giou_loss(boxes_s, boxes_t, paddle.zeros([boxes_s.shape[0]]), 1.0)
    assert float(loss) == float(vector['out_loss_all_zero_weight']) == 0.0


def one_row_an_anchor(maps, values):
    """[N, A values, H, W] to [N H W A, values]."""
    n, channels, height, width = maps.shape
    maps = maps.reshape([n, channels // values, values, height, width])
    return maps.transpose([0, 3, 4, 1, 2]).reshape([-1, values])


@each_case('pred_mimicking')
@float64()
def test_parity_of_mimicking_the_predictions(vector):
    options = vector.options
    reused_cls = vector.tensor('in_reused_cls', gradient=True)
    reused_reg = vector.tensor('in_reused_reg', gradient=True)
    logits_s, logits_t = (one_row_an_anchor(maps, options['num_classes'])
                          for maps in (reused_cls, vector.tensor('in_teacher_cls')))
    weight = vector.tensor('in_label_weights').flatten()
    anchors = vector.tensor('in_anchors').reshape([-1, 4])
    boxes_s, boxes_t = (delta2bbox(one_row_an_anchor(maps, 4), anchors).squeeze(1)
                        for maps in (reused_reg, vector.tensor('in_teacher_reg')))
    assert relative_error(boxes_s, vector['out_boxes_reused']) < 1e-12
    assert relative_error(boxes_t, vector['out_boxes_teacher']) < 1e-12
    box_weight = F.sigmoid(logits_t.max(axis=1)) * (weight > 0).astype(weight.dtype)
    assert relative_error(box_weight, vector['out_reg_weights']) < 1e-12
    cls = functional.quality_focal_kd_loss(logits_s, logits_t, 1.0, weight, options['avg_factor'])
    box = functional.weighted_giou_loss(boxes_s, boxes_t, box_weight, options['avg_factor'],
                                        options['giou_eps'])
    (cls * options['cls_loss_weight'] + box * options['reg_loss_weight']).backward()
    assert relative_error(cls, vector['term_cls_kd']) < 1e-12
    assert relative_error(box, vector['term_reg_kd']) < 1e-12
    assert relative_error(reused_cls.grad, vector['grad__in_reused_cls']) < 1e-12
    assert relative_error(reused_reg.grad, vector['grad__in_reused_reg']) < 1e-12
