# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Every defect is there without ppdet_ext, gone with it, and a changed paddledet is refused."""
import importlib
import json

import paddle
import pytest
from compat_probes import PROBES
from packaging.version import Version

from ppdet_ext import compat, ppdet_fixes
from ppdet_ext.compat import patching
from ppdet_ext.ppdet_fixes import evaluated_names

# The first Paddle with a defect that not all have: 3.0 refuses to combine some types and has graphs
# of another kind, 3.3 cannot run an upsampled map with oneDNN.
FIRST_PADDLE = {
    'quality_focal_loss': '3.0', 'atss_assigner': '3.0', 'task_aligned_assigner': '3.0',
    'fgd_feature_loss': '3.0', 'crowd_boxes': '3.0', 'static_nms': '3.0',
    'static_upsampling': '3.3'}

CHANGED = {
    'assigner_labels': [
        ('ppdet.modeling.assigners.atss_assigner', 'ATSSAssigner.forward'),
        ('ppdet.modeling.assigners.task_aligned_assigner', 'TaskAlignedAssigner.forward')],
    'boxes_beyond_image': [('ppdet.modeling.architectures.meta_arch', 'BaseArch.forward')],
    'crowd_boxes': [('ppdet.modeling.proposal_generator.target', 'label_box')],
    'decoded_images': [
        ('ppdet.data.transform.operators', 'Decode.apply'),
        ('ppdet.data.transform.operators', 'DecodeCache.apply'),
        ('ppdet.engine.trainer', 'Trainer.predict'),
        ('ppdet.data.source.dataset', '_is_valid_file')],
    'distill_evaluation': [
        ('ppdet.slim.distill_model', 'FGDDistillModel.forward'),
        ('ppdet.slim.distill_model', 'CWDDistillModel.forward')],
    'distill_parameters': [
        ('ppdet.slim.distill_model', 'DistillModel.parameters'),
        ('ppdet.slim.distill_model', 'FGDDistillModel.build_loss'),
        ('ppdet.slim.distill_model', 'CWDDistillModel.build_loss'),
        ('ppdet.slim.distill_loss', 'DistillPPYOLOELoss.__init__')],
    'downloaded_archives': [('ppdet.utils.download', '_decompress')],
    'drawn_labels': [('ppdet.utils.visualizer', 'draw_bbox')],
    'empty_assignment': [
        ('ppdet.modeling.assigners.atss_assigner', 'ATSSAssigner.forward'),
        ('ppdet.modeling.assigners.task_aligned_assigner', 'TaskAlignedAssigner.forward'),
        ('ppdet.modeling.heads.pico_head', 'PicoHeadV2.get_loss')],
    'evaluated_names': list(evaluated_names.CALLERS.items()),
    'fcos_background': [
        ('ppdet.data.transform.batch_operators', 'Gt2FCOSTarget.__call__'),
        ('ppdet.modeling.losses.fcos_loss', 'FCOSLoss.forward')],
    'fgd_area': [('ppdet.slim.distill_loss', 'FGDFeatureLoss.forward')],
    'frozen_teacher': [
        ('ppdet.slim.distill_model', f'{model}.forward')
        for model in ('DistillModel', 'FGDDistillModel', 'CWDDistillModel', 'LDDistillModel',
                      'PPYOLOEDistillModel')],
    'full_graph': [('ppdet.engine.trainer', 'Trainer._get_infer_cfg_and_input_spec')],
    'loss_meters': [('ppdet.utils.stats', 'TrainingStats.update')],
    'named_classes': [
        ('ppdet.data.source.dataset', 'CommonDataset.__init__'),
        ('ppdet.data.reader', 'Compose.__init__'),
        ('ppdet.data.reader', 'Compose_SSOD.__init__'),
        ('ppdet.optimizer.optimizer', 'LearningRate.__init__')],
    'pan_levels': [
        ('ppdet.modeling.necks.lc_pan', 'LCPAN.__init__'),
        ('ppdet.modeling.necks.csp_pan', 'CSPPAN.__init__'),
        ('ppdet.modeling.necks.es_pan', 'ESPAN.__init__')],
    'text_files': [
        ('ppdet.core.workspace', '_load_config_with_base'),
        ('ppdet.data.source.category', 'get_categories'),
        ('ppdet.data.source.voc', 'VOCDataSet.parse_dataset')],
    'valuable_region': [
        ('ppdet.data.transform.atss_assigner', 'ATSSAssigner.get_vlr_region')],
    'weights_files': [
        ('ppdet.utils.checkpoint', 'load_weight'),
        ('ppdet.utils.checkpoint', 'load_pretrain_weight'),
        ('ppdet.data.transform.operators', 'DecodeCache.load')],
    'yaml_files': [
        ('ppdet.core.workspace', '_load_config_with_base'),
        ('ppdet.utils.cli', 'ArgsParser._parse_opt'),
        ('ppdet.core.config.yaml_helpers', '_make_python_constructor')],
    'progress_lines': [
        ('ppdet.engine.callbacks', 'LogPrinter.on_step_end'),
        ('ppdet.engine.trainer', 'Trainer._eval_with_loader'),
        ('ppdet.engine.trainer', 'Trainer.predict')],
    'quality_focal_loss': [('ppdet.modeling.losses.gfocal_loss', 'quality_focal_loss')],
    'reader_epochs': [
        ('ppdet.data.reader', 'BaseDataLoader.__call__'),
        ('ppdet.data.reader', 'BaseDataLoader.__next__')],
    'reader_errors': [
        ('ppdet.data.reader', 'Compose.__call__'),
        ('ppdet.data.reader', 'BatchCompose.__call__')],
    'scalar_concat': [
        ('ppdet.modeling.proposal_generator.rpn_head', 'RPNHead._gen_proposal'),
        ('ppdet.modeling.proposal_generator.target', 'generate_proposal_target'),
        ('ppdet.modeling.post_process', 'BBoxPostProcess.get_pred'),
        ('ppdet.modeling.heads.tood_head', 'TOODHead._reg_grid_sample')],
    'static_nms': [('ppdet.modeling.ops', 'multiclass_nms')],
    'static_rcnn': [
        ('ppdet.modeling.proposal_generator.rpn_head', 'RPNHead._gen_proposal'),
        ('ppdet.modeling.post_process', 'BBoxPostProcess.get_pred')],
    'static_upsampling': [
        ('ppdet.modeling.necks.fpn', 'FPN.forward'),
        ('ppdet.modeling.necks.custom_pan', 'CustomCSPPAN.forward'),
        ('ppdet.modeling.necks.csp_pan', 'CSPPAN.__init__'),
        ('ppdet.modeling.necks.lc_pan', 'LCPAN.__init__')],
    'visualdl_writer': [('ppdet.engine.callbacks', 'VisualDLWriter.__init__')],
}


@pytest.fixture(scope='module')
def errors_without_ppdet_ext(run_python):
    finished = run_python('-W', 'ignore', '-m', 'compat_probes')
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.parametrize('name', PROBES)
def test_defect_is_patched(name):
    paddle.seed(0)
    PROBES[name]()


@pytest.mark.parametrize('name', PROBES)
def test_defect_is_there_without_ppdet_ext(name, errors_without_ppdet_ext):
    defective = Version(paddle.__version__) >= Version(FIRST_PADDLE.get(name, '0'))
    assert (errors_without_ppdet_ext[name] is not None) == defective


def other_version(*args, **kwargs):
    """Stands for a function of ppdet that another paddledet has written otherwise."""


@pytest.mark.parametrize('patch, module, qualname', [
    (patch, *changed) for patch in CHANGED for changed in CHANGED[patch]])
def test_other_source_is_refused(patch, module, qualname, monkeypatch):
    for changed_module, changed_name in CHANGED[patch]:
        owner, name, current = patching.find(changed_module, changed_name)
        monkeypatch.setattr(owner, name, current)
        if patch == 'scalar_concat':
            monkeypatch.setattr(importlib.import_module(changed_module), 'paddle', paddle)
    owner, name, _ = patching.find(module, qualname)
    monkeypatch.setattr(owner, name, other_version)
    monkeypatch.setattr(patching, 'fails', lambda operation, error: True)
    package = compat if patch in compat.PATCHES else ppdet_fixes
    with pytest.raises(ImportError) as refusal:
        importlib.import_module(f'{package.__name__}.{patch}').patch()
    assert f'{module}.{qualname}' in str(refusal.value)
    assert 'paddledet==2.6.0' in str(refusal.value)


def test_apply_patches_once():
    forward = patching.find('ppdet.slim.distill_model', 'FGDDistillModel.forward')[2]
    compat.apply()
    ppdet_fixes.apply()
    assert patching.find('ppdet.slim.distill_model', 'FGDDistillModel.forward')[2] is forward


def test_frozen_teacher_keeps_its_head_in_training():
    from compat_probes import RETINANET, build

    from ppdet_ext.ppdet_fixes.frozen_teacher import freeze
    teacher = build(RETINANET)
    teacher.train()
    freeze(teacher)
    assert teacher.training and teacher.head.training
    assert not any(layer.training for layer in teacher.backbone.sublayers(include_self=True))
    assert not any(layer.training for layer in teacher.neck.sublayers(include_self=True))
    assert not any(layer.training for layer in teacher.head.sublayers()
                   if isinstance(layer, paddle.nn.BatchNorm2D))
