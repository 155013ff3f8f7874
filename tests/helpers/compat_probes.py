# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""One function a defect, which fails where the defect is and passes where it is patched.

As a program it runs all of them on PaddleDetection as it is, without ppdet_ext, and prints as
JSON the name of the error each ended in, or null. Images and boxes are synthetic.
"""
import contextlib
import importlib
import io
import json
import os
import pickle
import tarfile
import tempfile
import threading
import types

import numpy as np
import yaml

STEM = {'backbone': 'CSPResNet', 'neck': 'FPN'}
NETWORK = {
    'num_classes': 2,
    'CSPResNet': {'layers': [1, 1, 1, 1], 'channels': [8, 8, 16, 16, 16], 'return_idx': [1, 2, 3],
                  'act': 'relu', 'width_mult': 1.0, 'depth_mult': 1.0},
    'FPN': {'out_channel': 8, 'spatial_scales': [0.125, 0.0625, 0.03125], 'extra_stage': 0},
    'FCOSFeat': {'feat_in': 8, 'feat_out': 8, 'num_convs': 1, 'norm_type': 'bn', 'use_dcn': False},
}
NMS = {'name': 'MultiClassNMS', 'nms_top_k': 100, 'keep_top_k': 10, 'score_threshold': 0.0,
       'nms_threshold': 0.6}
RETINANET = {
    **NETWORK, 'architecture': 'RetinaNet', 'RetinaNet': {**STEM, 'head': 'RetinaHead'},
    'RetinaHead': {
        'conv_feat': {'name': 'RetinaFeat', 'feat_in': 8, 'feat_out': 8, 'num_convs': 1,
                      'norm_type': 'bn', 'use_dcn': False},
        'anchor_generator': {'name': 'RetinaAnchorGenerator', 'strides': [8.0, 16.0, 32.0]},
        'bbox_assigner': {'name': 'MaxIoUAssigner', 'positive_overlap': 0.5,
                          'negative_overlap': 0.4, 'allow_low_quality': True},
        'nms': NMS},
}
GFL = {
    **NETWORK, 'architecture': 'GFL', 'GFL': {**STEM, 'head': 'GFLHead'},
    'GFLHead': {'conv_feat': 'FCOSFeat', 'fpn_stride': [8, 16, 32], 'feat_in_chan': 8, 'nms': NMS},
    'LDGFLHead': {'conv_feat': 'FCOSFeat', 'fpn_stride': [8, 16, 32], 'feat_in_chan': 8,
                  'nms': NMS},
}
FCOS = {
    **NETWORK, 'architecture': 'FCOS', 'FCOS': {**STEM, 'fcos_head': 'FCOSHead'},
    'FCOSFeat': {**NETWORK['FCOSFeat'], 'feat_out': 256},
    'FCOSHead': {'fcos_feat': 'FCOSFeat', 'fpn_stride': [8, 16, 32], 'nms': NMS},
}
PICODET = {
    **NETWORK, 'architecture': 'PicoDet',
    'PicoDet': {'backbone': 'LCNet', 'neck': 'LCPAN', 'head': 'PicoHeadV2'},
    'LCNet': {'scale': 0.25, 'feature_maps': [3, 4, 5]},
    'LCPAN': {'out_channels': 8, 'num_features': 4},
    'PicoHeadV2': {
        'conv_feat': {'name': 'PicoFeat', 'feat_in': 8, 'feat_out': 8, 'num_convs': 1,
                      'num_fpn_stride': 4, 'norm_type': 'bn', 'share_cls_reg': True},
        'feat_in_chan': 8, 'fpn_stride': [8, 16, 32, 64], 'reg_max': 7,
        'static_assigner_epoch': 1, 'use_align_head': True,
        'static_assigner': {'name': 'ATSSAssigner', 'topk': 1},
        'assigner': {'name': 'TaskAlignedAssigner', 'topk': 1},
        'loss_class': {'name': 'VarifocalLoss', 'use_sigmoid': False},
        'loss_dfl': {'name': 'DistributionFocalLoss'}, 'loss_bbox': {'name': 'GIoULoss'},
        'nms': NMS},
}
PPYOLOE = {
    **NETWORK, 'architecture': 'PPYOLOE', 'norm_type': 'bn', 'for_distill': True,
    'feat_distill_place': 'neck_feats', 'depth_mult': 0.33, 'width_mult': 0.25,
    'PPYOLOE': {'backbone': 'CSPResNet', 'neck': 'CustomCSPPAN', 'yolo_head': 'PPYOLOEHead',
                'post_process': None},
    'CSPResNet': {**NETWORK['CSPResNet'], 'channels': [16, 32, 32, 64, 64], 'act': 'swish'},
    'CustomCSPPAN': {'out_channels': [64, 64, 64], 'stage_num': 1, 'block_num': 1, 'act': 'swish',
                     'drop_block': True, 'block_size': 1},
    'PPYOLOEHead': {'fpn_strides': [32, 16, 8], 'static_assigner_epoch': 1, 'reg_range': [0, 17],
                    'static_assigner': {'name': 'ATSSAssigner', 'topk': 4},
                    'assigner': {'name': 'TaskAlignedAssigner', 'topk': 4},
                    'nms': NMS},
}
FASTER_RCNN = {
    **NETWORK, 'architecture': 'FasterRCNN',
    'FasterRCNN': {**STEM, 'rpn_head': 'RPNHead', 'bbox_head': 'BBoxHead',
                   'bbox_post_process': 'BBoxPostProcess'},
    'RPNHead': {
        'anchor_generator': {'anchor_sizes': [[16], [32], [64]], 'strides': [8, 16, 32]},
        'train_proposal': {'min_size': 0.0, 'nms_thresh': 0.7, 'pre_nms_top_n': 50,
                           'post_nms_top_n': 20, 'topk_after_collect': True},
        'test_proposal': {'min_size': 0.0, 'nms_thresh': 0.7, 'pre_nms_top_n': 50,
                          'post_nms_top_n': 20}},
    'BBoxHead': {'head': 'TwoFCHead', 'bbox_assigner': 'BBoxAssigner',
                 'roi_extractor': {'resolution': 7, 'end_level': 2, 'aligned': True}},
    'TwoFCHead': {'out_channel': 16},
    'BBoxPostProcess': {'decode': 'RCNNBox', 'nms': NMS},
}


@contextlib.contextmanager
def config_file(content):
    """Yield a YAML of ``content``; ppdet's global configuration is restored afterwards."""
    from ppdet.core.workspace import global_config
    saved = {name: dict(section) if isinstance(section, dict) else section
             for name, section in global_config.items()}
    sections = dict(global_config)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'probe.yml')
            with open(path, 'w') as file:
                yaml.safe_dump(content, file)
            yield path
    finally:
        global_config.clear()
        global_config.update(sections)
        for name, section in sections.items():
            if isinstance(section, dict):
                section.clear()
                section.update(saved[name])


def build(content):
    from ppdet.core.workspace import create, load_config
    with config_file(content) as path:
        return create(load_config(path).architecture)


def distill(model_class, content, **slim):
    """Build a distillation model of ppdet whose teacher has the student's architecture."""
    from ppdet.core.workspace import load_config
    from ppdet.slim import distill_model
    with config_file(content) as path:
        student = load_config(path)
        slim_path = path.replace('probe', 'slim')
        with open(slim_path, 'w') as file:
            yaml.safe_dump({'slim': 'Distill', **slim}, file)
        return getattr(distill_model, model_class)(student, slim_path)


def images(size=64):
    import paddle
    rng = np.random.RandomState(0)
    return {
        'image': paddle.to_tensor(rng.rand(2, 3, size, size).astype('float32')),
        'im_shape': paddle.full([2, 2], float(size)),
        'scale_factor': paddle.ones([2, 2]),
        'im_id': paddle.to_tensor([[0], [1]]),
        'curr_iter': paddle.to_tensor([0]),
        'epoch_id': 0,
    }


def boxes():
    import paddle
    boxes = [[[8., 8., 40., 40.]], [[16., 4., 60., 30.]]]
    return {
        'gt_bbox': [paddle.to_tensor(box) for box in boxes],
        'gt_class': [paddle.to_tensor([[label]], dtype='int32') for label in (0, 1)],
        'is_crowd': [paddle.to_tensor([[0]], dtype='int32') for _ in boxes],
    }


def padded_boxes():
    import paddle
    return {
        'gt_bbox': paddle.stack(boxes()['gt_bbox']),
        'gt_class': paddle.stack(boxes()['gt_class']),
        'pad_gt_mask': paddle.ones([2, 1, 1]),
    }


def gfl_targets(size=64, **options):
    import paddle
    from ppdet.data.transform.batch_operators import Gt2GFLTarget
    samples = [{'image': np.zeros((3, size, size), 'float32'), 'gt_bbox': bbox.numpy(),
                'gt_class': label.numpy()}
               for bbox, label in zip(boxes()['gt_bbox'], boxes()['gt_class'])]
    samples = Gt2GFLTarget(num_classes=2, downsample_ratios=[8, 16, 32], **options)(samples)
    return {key: paddle.to_tensor(np.stack([sample[key] for sample in samples]))
            for key in samples[0] if key != 'image'}


def teacher_state(model):
    return {name: value.numpy().copy() for name, value in model.teacher_model.state_dict().items()}


def trains_with_frozen_teacher(model, inputs):
    import paddle
    before = teacher_state(model)
    model.train()
    losses = model(inputs)
    losses['loss'].backward()
    assert paddle.isfinite(losses['loss']).all()
    for name, value in teacher_state(model).items():
        assert np.array_equal(value, before[name]), f'{name} of the teacher has changed'


def evaluates_as_its_student(model, inputs):
    model.eval()
    result, expected = model(inputs), model.student_model(inputs)
    assert set(result) == set(expected) == {'bbox', 'bbox_num'}
    for key in expected:
        assert np.array_equal(result[key].numpy(), expected[key].numpy())


def cwd_retinanet():
    return distill('CWDDistillModel', RETINANET, slim_method='CWD',
                   distill_loss_name=['cls_f_2', 'cls_f_1', 'cls_f_0'],
                   distill_loss='CWDFeatureLoss',
                   CWDFeatureLoss={'student_channels': 8, 'teacher_channels': 8})


def cwd_gfl():
    return distill('CWDDistillModel', GFL, slim_method='CWD',
                   distill_loss_name=['cls_f_2', 'cls_f_1', 'cls_f_0'],
                   distill_loss='CWDFeatureLoss',
                   CWDFeatureLoss={'student_channels': 2, 'teacher_channels': 2})


def fgd_retinanet():
    return distill('FGDDistillModel', RETINANET, slim_method='FGD',
                   distill_loss_name=['neck_f_2', 'neck_f_1', 'neck_f_0'],
                   distill_loss='FGDFeatureLoss',
                   FGDFeatureLoss={'student_channels': 8, 'teacher_channels': 8})


def probe_quality_focal_loss():
    import paddle
    loss = importlib.import_module('ppdet.modeling.losses.gfocal_loss').quality_focal_loss
    # At logit 0 the sigmoid is 0.5 and the cross entropy ln 2 for any target. The first row is
    # of class 1 with quality 0.75: ln 2 * (0.5^2 + 0.25^2). The second is background (class 2).
    value = loss(paddle.zeros([2, 2]), (paddle.to_tensor([1, 2]), paddle.to_tensor([0.75, 0.])))
    assert np.allclose(value.numpy(), np.log(2) * np.array([0.25 + 0.0625, 0.5]))


def probe_atss_assigner():
    import paddle
    from ppdet.modeling.assigners import ATSSAssigner
    anchors = paddle.to_tensor([[0., 0., 10., 10.], [20., 20., 30., 30.], [50., 50., 60., 60.],
                                [70., 70., 80., 80.]])
    labels, _, _, _ = ATSSAssigner(topk=4, num_classes=3)(
        anchors, [4], paddle.to_tensor([[[1]], [[2]]], dtype='int32'),
        paddle.to_tensor([[[0., 0., 10., 10.]], [[20., 20., 30., 30.]]]), paddle.ones([2, 1, 1]),
        bg_index=3)
    assert labels.tolist() == [[1, 3, 3, 3], [3, 2, 3, 3]]


def probe_task_aligned_assigner():
    import paddle
    from ppdet.modeling.assigners import TaskAlignedAssigner
    points = paddle.to_tensor([[5., 5.], [25., 25.]])
    predicted = paddle.to_tensor([[[0., 0., 10., 10.], [20., 20., 30., 30.]]] * 2)
    labels, _, _, _ = TaskAlignedAssigner(topk=1)(
        paddle.full([2, 2, 3], 0.5), predicted, points, num_anchors_list=[2], bg_index=3,
        gt_labels=paddle.to_tensor([[[1]], [[2]]], dtype='int32'),
        gt_bboxes=paddle.to_tensor([[[0., 0., 10., 10.]], [[20., 20., 30., 30.]]]),
        pad_gt_mask=paddle.ones([2, 1, 1]))
    assert labels.tolist() == [[1, 3], [3, 2]]


def probe_faster_rcnn():
    import paddle
    model = build(FASTER_RCNN)
    model.train()
    losses = model({**images(), **boxes()})
    losses['loss'].backward()
    assert paddle.isfinite(losses['loss']).all()
    model.eval()
    assert model(images())['bbox'].shape[1] == 6


def probe_crowd_boxes():
    import paddle
    target = importlib.import_module('ppdet.modeling.proposal_generator.target')
    # Over the crowd box, beside it, over the labelled box, over nothing.
    anchors = paddle.to_tensor([[0., 0., 10., 10.], [0., 6., 10., 16.], [50., 50., 60., 60.],
                                [80., 80., 90., 90.]])
    boxes = paddle.to_tensor([[0., 0., 10., 10.], [50., 50., 60., 60.]])
    crowd = paddle.to_tensor([[1], [0]], dtype='int32')
    _, labels = target.label_box(anchors, boxes, 0.7, 0.3, True, 0.3, crowd)
    assert labels.tolist() == [-1, 0, 1, 0]


def probe_tood_grid():
    import paddle
    sample = importlib.import_module('ppdet.modeling.heads.tood_head').TOODHead._reg_grid_sample
    feature = paddle.arange(4, dtype='float32').reshape([1, 1, 2, 2])
    points = paddle.to_tensor([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5], [1.5, 1.5]]).reshape([2, 2, 2])
    # The points are a quarter and three quarters of the way between the corners, where value
    # 2 y + x of the feature is 0.75 in the first.
    result = sample(None, feature, paddle.zeros([1, 2, 2, 2]), points)
    assert np.allclose(result.numpy(), [[[[0.75, 1.25], [1.75, 2.25]]]])


def probe_draw_box():
    from PIL import Image
    from ppdet.utils.visualizer import draw_bbox
    box = {'image_id': 0, 'category_id': 0, 'bbox': [5, 20, 30, 20], 'score': 0.9}
    drawn = draw_bbox(Image.new('RGB', (64, 64)), 0, {0: 'scratches'}, [box], 0.5)
    assert np.asarray(drawn).any()


def probe_fgd_feature_loss():
    import paddle
    from ppdet.slim import FGDFeatureLoss
    loss = FGDFeatureLoss(4, 4, alpha_fgd=1.0, beta_fgd=0.0, gamma_fgd=0.0, lambda_fgd=0.0)
    inputs = {'gt_bbox': [paddle.to_tensor([[8., 8., 40., 24.]])],
              'im_shape': paddle.full([1, 2], 64.)}
    # On constant features all attention is 1, and the mask of a box sums to 1: 4 (3 - 1)^2.
    value = loss(paddle.ones([1, 4, 8, 8]), paddle.full([1, 4, 8, 8], 3.), inputs)
    assert np.allclose(float(value), 16.)


def probe_fgd_evaluation():
    evaluates_as_its_student(fgd_retinanet(), images())


def probe_cwd_evaluation():
    evaluates_as_its_student(cwd_retinanet(), images())


def probe_cwd_gfl_evaluation():
    evaluates_as_its_student(cwd_gfl(), images())


def probe_loss_parameters():
    model = fgd_retinanet()
    own = {id(parameter) for parameter in model.parameters()}
    losses = [model.distill_loss[name] for name in model.distill_loss]
    assert all(id(parameter) in own for loss in losses for parameter in loss.parameters())
    assert not any(id(parameter) in own for parameter in model.teacher_model.parameters())
    assert any(name.startswith('distill_loss.neck_f_2.conv_mask_s') for name in model.state_dict())


def probe_ppyoloe_loss_parameters():
    from ppdet.slim import DistillPPYOLOELoss
    loss = DistillPPYOLOELoss(feat_distiller='fgd', feat_out_channels=[8, 8])
    assert any(name.startswith('distill_feat_loss_modules.1.align') for name in loss.state_dict())


def probe_fgd_training():
    trains_with_frozen_teacher(fgd_retinanet(), {**images(), **boxes()})


def probe_cwd_training():
    trains_with_frozen_teacher(cwd_retinanet(), {**images(), **boxes()})


def probe_cwd_gfl_training():
    trains_with_frozen_teacher(cwd_gfl(), {**images(), **gfl_targets()})


def probe_ld_training():
    model = distill('LDDistillModel', {**GFL, 'GFL': {**STEM, 'head': 'LDGFLHead'}},
                    slim_method='LD', GFL={**STEM, 'head': 'GFLHead'})
    trains_with_frozen_teacher(model, {**images(), **gfl_targets(compute_vlr_region=True)})


def probe_ppyoloe_distill_training():
    model = distill('PPYOLOEDistillModel', PPYOLOE, slim_method='PPYOLOEDistill',
                    distill_loss='DistillPPYOLOELoss',
                    DistillPPYOLOELoss={'feat_distiller': 'fgd', 'teacher_width_mult': 0.25,
                                        'student_width_mult': 0.25,
                                        'feat_out_channels': [64, 64, 64]})
    trains_with_frozen_teacher(model, {**images(), **boxes(), **padded_boxes()})


def probe_loss_meters():
    import paddle
    from ppdet.utils.stats import TrainingStats
    stats = TrainingStats(4)
    for loss in (paddle.to_tensor(1.0), paddle.to_tensor([3.0])):
        stats.update({'loss': loss})
    assert stats.log() == 'loss: 2.000000'


def probe_atss_assigner_without_boxes():
    import paddle
    from ppdet.modeling.assigners import ATSSAssigner
    labels, _, scores, mask = ATSSAssigner(topk=1, num_classes=3)(
        paddle.zeros([5, 4]), [5], paddle.zeros([2, 0, 1], 'int32'), paddle.zeros([2, 0, 4]),
        paddle.zeros([2, 0, 1]), bg_index=3)
    assert labels.tolist() == [[3] * 5] * 2 and float(scores.sum()) == 0
    assert mask.shape == [2, 0, 5]


def probe_task_aligned_assigner_without_boxes():
    import paddle
    from ppdet.modeling.assigners import TaskAlignedAssigner
    labels, _, scores, mask = TaskAlignedAssigner(topk=1)(
        paddle.full([2, 5, 3], 0.5), paddle.zeros([2, 5, 4]), paddle.zeros([5, 2]),
        num_anchors_list=[5], bg_index=3, gt_labels=paddle.zeros([2, 0, 1], 'int32'),
        gt_bboxes=paddle.zeros([2, 0, 4]), pad_gt_mask=paddle.zeros([2, 0, 1]))
    assert labels.tolist() == [[3] * 5] * 2 and float(scores.sum()) == 0
    assert mask.shape == [2, 0, 5]


def probe_picodet_without_boxes():
    import paddle
    model = build(PICODET)
    model.train()
    losses = model({**images(), 'gt_bbox': paddle.zeros([2, 0, 4]),
                    'gt_class': paddle.zeros([2, 0, 1], 'int32'),
                    'pad_gt_mask': paddle.zeros([2, 0, 1])})
    losses['loss'].backward()
    assert paddle.isfinite(losses['loss']).all()


def probe_fcos_without_boxes():
    import paddle
    from ppdet.data.transform.batch_operators import Gt2FCOSTarget
    samples = [{'image': np.zeros((3, 64, 64), 'float32'), 'gt_bbox': np.zeros((0, 4), 'float32'),
                'gt_class': np.zeros((0, 1), 'int32')} for _ in range(2)]
    samples = Gt2FCOSTarget([64, 128], 1.5, [8, 16, 32],
                            norm_reg_targets=True)(samples)
    assert not any(sample[f'labels{level}'].any() for sample in samples for level in range(3))
    targets = {key: paddle.to_tensor(np.stack([sample[key] for sample in samples]))
               for key in samples[0] if key != 'image'}
    model = build(FCOS)
    model.train()
    losses = model({**images(), **targets})
    losses['loss'].backward()
    assert paddle.isfinite(losses['loss']).all()
    assert float(losses['loss_box']) == float(losses['loss_quality']) == 0


def probe_yaml_numbers():
    from ppdet.core.workspace import load_config
    with config_file({'base_lr': 1}) as path:
        with open(path, 'w') as file:
            file.write('a: [1e-3, 2E5, -1.5e3, 1.0e-3]\nb: [1e, e3, 12, 1e-3x, "1e-3"]\n')
        content = dict(load_config(path))
    assert content['a'] == [0.001, 200000.0, -1500.0, 0.001]
    assert content['b'] == ['1e', 'e3', 12, '1e-3x', '1e-3']


def probe_reader_epochs():
    from paddle.io import BatchSampler
    from ppdet.data.reader import BaseDataLoader
    from ppdet.data.source.dataset import DetDataset
    begun = []

    class Numbers(DetDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return {'number': np.full([1], index)}

        def parse_dataset(self):
            pass

        check_or_download_dataset = parse_dataset

    class Sampler(BatchSampler):
        def __iter__(self):
            begun.append(dataset._epoch)
            return super().__iter__()

    dataset = Numbers()
    dataset.set_epoch(0)
    reader = BaseDataLoader()(dataset, 0, Sampler(dataset, batch_size=1))
    for epoch in (1, 2):
        dataset.set_epoch(epoch)
        assert [int(batch['number']) for batch in reader] == [0, 1, 2, 3]
    assert begun == [1, 2]


def probe_reader_errors():
    from ppdet.data.reader import BatchCompose, Compose
    with contextlib.redirect_stdout(io.StringIO()):
        for compose, data, named in ((Compose, {'im_file': 'lost.png'}, 'lost.png'),
                                     (BatchCompose, [{'image': 3}], 'a batch')):
            transforms = [{'Decode': {}}] if compose is Compose else [{'PadBatch': {}}]
            try:
                compose(transforms)(data)
            except ValueError as error:
                assert str(error).startswith(f'{named} cannot be read or transformed: ')
            else:
                raise AssertionError('no error')


def probe_visualdl_log():
    import paddle
    from ppdet.engine.callbacks import VisualDLWriter
    from ppdet.utils.stats import TrainingStats
    from visualdl import LogReader
    with tempfile.TemporaryDirectory() as folder:
        trainer = type('Trainer', (), {'cfg': {'vdl_log_dir': folder}})
        threads = threading.active_count()
        writer = VisualDLWriter(trainer)
        stats = TrainingStats(1)
        for step in range(50):
            stats.update({'loss': paddle.to_tensor(float(step))})
            writer.on_step_end({'mode': 'train', 'training_staus': stats})
        writer.on_train_end({})
        assert threading.active_count() == threads, 'the log is still being written'
        reader = LogReader(file_path=os.path.join(folder, os.listdir(folder)[0]))
        assert [record.value for record in reader.get_data('scalar', 'loss')] == list(range(50))


class Payload:
    """Pickled, it makes a folder when it is read."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder, )


@contextlib.contextmanager
def nothing_runs():
    """Yield a folder that the code in a hostile file would make; refusals are welcome."""
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, 'made')
        with contextlib.suppress(Exception):
            yield made
        assert not os.path.exists(made), 'the code in the file has run'


def _load_hostile(text):
    from ppdet.core.workspace import load_config
    with config_file({}) as path:
        with open(path, 'w') as file:
            file.write(text)
        return dict(load_config(path))


def probe_yaml_tag():
    with nothing_runs() as made:
        _load_hostile(f'a: !!python/object/apply:os.mkdir ["{made}"]')


def probe_yaml_tag_in_option():
    from ppdet.utils.cli import ArgsParser
    with nothing_runs() as made:
        ArgsParser().parse_args(
            ['-c', 'x.yml', '-o', f'a=!!python/object/apply:os.mkdir ["{made}"]'])


def probe_yaml_tag_in_slim_yaml():
    from ppdet.slim import build_slim_model
    with nothing_runs() as made, config_file({}) as path:
        with open(path, 'w') as file:
            file.write(f'slim: !!python/object/apply:os.mkdir ["{made}"]')
        build_slim_model({}, path)


def probe_yaml_callable():
    with nothing_runs() as made:
        config = _load_hostile(f'a: !Callable {{full_type: os.mkdir, args: ["{made}"]}}')
        config['a']()  # as create('TrainDataset')() would


def probe_pickled_weights():
    from paddle import nn
    from ppdet.utils.checkpoint import load_pretrain_weight
    with nothing_runs() as made:
        path = f'{made}.pdparams'
        with open(path, 'wb') as file:
            pickle.dump({'weight': Payload(made)}, file, protocol=2)
        load_pretrain_weight(nn.Linear(1, 1), path)


def probe_pickled_image():
    from ppdet.data.transform.operators import DecodeCache
    with nothing_runs() as made:
        path = f'{made}.pkl'
        with open(path, 'wb') as file:
            pickle.dump(Payload(made), file)
        DecodeCache.load(path)


def probe_evaluated_name():
    with nothing_runs() as made:
        build({**PPYOLOE, 'CustomCSPPAN': {
            **PPYOLOE['CustomCSPPAN'], 'block_fn': f'__import__("os").mkdir("{made}")'}})


def probe_named_data_set():
    from ppdet.data.source.dataset import CommonDataset
    with nothing_runs() as made:
        CommonDataset(name='video2frames', video_path=f'x; mkdir {made} #',
                      outpath=os.path.dirname(made), frame_rate=5)


def probe_named_operator():
    from ppdet.data.reader import Compose
    with nothing_runs() as made:
        Compose([{'setup_logger': {'name': 'operator', 'output': made}}])


def probe_named_operator_of_semi_supervised_training():
    from ppdet.data.reader import Compose_SSOD
    with nothing_runs() as made:
        Compose_SSOD([], [{'setup_logger': {'name': 'ssod', 'output': made}}], [])


def probe_named_scheduler():
    from ppdet.optimizer import LearningRate
    with nothing_runs() as made:
        LearningRate(schedulers=[{'name': 'setup_logger', 'output': made}])


def probe_downloaded_archive():
    from ppdet.utils.download import _decompress
    with nothing_runs() as made:
        folder = os.path.join(os.path.dirname(made), 'cache')
        os.mkdir(folder)
        path = os.path.join(folder, 'weights.tar')
        with tarfile.open(path, 'w') as archive:
            for name in ('weights', '../../made'):  # the first lets the folder for them be made
                archive.addfile(tarfile.TarInfo(name))
        _decompress(path)


def probe_evaluation_progress():
    import paddle
    from ppdet.engine import Trainer
    from ppdet.engine.callbacks import ComposeCallback, LogPrinter
    model = lambda data: None  # noqa: E731
    model.eval = lambda: None
    trainer = types.SimpleNamespace(
        status={}, cfg={}, model=model, use_amp=False, _metrics=[], _reset_metrics=lambda: None,
        _compose_callback=ComposeCallback([LogPrinter(None)]))
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        Trainer._eval_with_loader(trainer, [{'im_id': paddle.zeros([2, 1])}] * 3)
    first, last = shown.getvalue().splitlines()
    assert first.startswith('evaluation: 0/3, ') and last.startswith('evaluation: 3/3, ')


def ends_at_the_border(model):
    """Two images, of 64 x 40 and 32 x 48 pixels before they were resized to 64 x 64."""
    import paddle
    sizes = np.array([[64., 40.], [32., 48.]], 'float32')
    model.eval()
    out = model({**images(), 'scale_factor': paddle.to_tensor(64 / sizes)})
    boxes, counts = out['bbox'].numpy()[:, 2:], out['bbox_num'].numpy()
    assert counts.min() > 0
    for boxes_of_image, (height, width) in zip(np.split(boxes, counts.cumsum()[:-1]), sizes):
        assert boxes_of_image.min() >= 0
        assert (boxes_of_image.max(0) <= [width, height, width, height]).all()


def probe_retinanet_border():
    ends_at_the_border(build(RETINANET))


def probe_fcos_border():
    import paddle
    model = build(FCOS)
    # Its boxes have no extent before it is trained.
    model.fcos_head.fcos_head_reg.bias.set_value(paddle.full([4], 4.))
    ends_at_the_border(model)


def probe_gfl_border():
    ends_at_the_border(build(GFL))


def probe_picodet_border():
    ends_at_the_border(build(PICODET))


def probe_ppyoloe_border():
    ends_at_the_border(build({**PPYOLOE, 'for_distill': False}))


def graph_inputs(size=64):
    from paddle.static import InputSpec
    return [{'image': InputSpec([None, 3, size, size], name='image'),
             'im_shape': InputSpec([None, 2], name='im_shape'),
             'scale_factor': InputSpec([None, 2], name='scale_factor')}]


def graph(model):
    import paddle
    model.eval()
    static = paddle.jit.to_static(model, input_spec=graph_inputs(), full_graph=True)
    assert static.forward.concrete_program is not None
    return static


def probe_static_nms():
    graph(build(RETINANET))


def probe_static_rcnn():
    graph(build(FASTER_RCNN))


def probe_static_upsampling():
    import paddle
    from paddle import inference
    fpn = importlib.import_module('ppdet.modeling.necks.fpn')
    pan = importlib.import_module('ppdet.modeling.necks.lc_pan')

    class Necks(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.interpolate = fpn.F.interpolate
            self.upsample = pan.nn.Upsample(scale_factor=2, mode='nearest')
            # Without a parameter Paddle 2.6 does not load the graph.
            self.one = self.create_parameter(
                [1], default_initializer=paddle.nn.initializer.Constant(1.0))

        def forward(self, x):
            resized = self.interpolate(x, scale_factor=2., mode='nearest') + self.upsample(x)
            return self.one * resized

    x = np.random.RandomState(0).rand(1, 2, 3, 4).astype('float32')
    with tempfile.TemporaryDirectory() as folder:
        spec = [paddle.static.InputSpec(x.shape, name='x')]
        static = paddle.jit.to_static(Necks(), input_spec=spec, full_graph=True)
        paddle.jit.save(static, f'{folder}/model')
        program = 'json' if os.path.exists(f'{folder}/model.json') else 'pdmodel'
        config = inference.Config(f'{folder}/model.{program}', f'{folder}/model.pdiparams')
        config.disable_glog_info()
        config.enable_mkldnn()
        predictor = inference.create_predictor(config)
    predictor.get_input_handle('x').copy_from_cpu(x)
    predictor.run()
    found = predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()
    assert np.allclose(found, 2 * x.repeat(2, axis=2).repeat(2, axis=3))


def probe_full_graph():
    import paddle
    from ppdet.core.workspace import AttrDict
    from ppdet.engine import Trainer

    class Doubled(paddle.nn.Layer):
        def forward(self, inputs):
            return {'bbox': 2 * inputs['image']}

    cfg = AttrDict(
        architecture='RetinaNet', metric='COCO', RetinaNet={}, filename='probe',
        TestDataset=types.SimpleNamespace(get_anno=lambda: None),
        TestReader={'sample_transforms': [{'Decode': {}}],
                    'inputs_def': {'image_shape': [3, 8, 8]}})
    trainer = types.SimpleNamespace(cfg=cfg, model=Doubled())
    with tempfile.TemporaryDirectory() as folder:
        static, _ = Trainer._get_infer_cfg_and_input_spec(trainer, folder)
    assert len(static.forward.outputs) == 1


PROBES = {name[len('probe_'):]: value for name, value in list(globals().items())
          if name.startswith('probe_')}


def run_all():
    import zlib  # noqa: F401  before paddle

    import paddle
    import ppdet  # noqa: F401
    errors = {}
    for name, probe in PROBES.items():
        paddle.seed(0)
        try:
            probe()
            errors[name] = None
        except Exception as error:
            errors[name] = type(error).__name__
            if os.environ.get('PROBE_TRACEBACK'):
                import traceback
                traceback.print_exc()
    return errors


if __name__ == '__main__':
    print(json.dumps(run_all()))
