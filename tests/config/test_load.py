# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import paddle
import pytest
from ppdet.core.workspace import global_config
from ppdet.optimizer import OptimizerBuilder
from tiny import slim_yaml, student_yaml, write_yaml

from ppdet_ext.config.builds import OPTIMIZERS
from ppdet_ext.config.load import load_run_config
from ppdet_ext.config.scope import SlimConfig


def test_a_config_of_this_repository_passes(tmp_path):
    cfg = load_run_config(student_yaml(tmp_path), {'epoch': 5, 'TrainReader': {'batch_size': 3}})
    assert (cfg.epoch, cfg.TrainReader['batch_size']) == (5, 3)
    assert cfg.use_gpu == (paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0)


def test_the_last_setting_wins(tmp_path):
    slim = SlimConfig(slim_yaml(tmp_path, 'teacher.yml', slim_method=None, seed=2, epoch=8))
    cfg = load_run_config(student_yaml(tmp_path, seed=1), {'epoch': 9}, slim)
    assert (cfg.seed, cfg.epoch, cfg.filename) == (2, 9, 'mgd')
    assert load_run_config(student_yaml(tmp_path), {'filename': 'own'}, slim).filename == 'own'


def test_nothing_is_left_of_an_earlier_run(tmp_path):
    first = load_run_config(student_yaml(tmp_path), {'seed': 1, 'FPN': {'norm_type': 'bn'}})
    first.copy()['FPN']['norm_type'] = 'gn'
    global_config.update(model='its model', slim='Distill', amp=True)
    second = load_run_config(student_yaml(tmp_path), {})
    assert second.seed == 0 and not {'model', 'slim', 'amp'} & set(second)
    assert 'norm_type' not in second['FPN']


def test_nothing_is_left_of_a_data_set_that_a_tag_has_built(tmp_path):
    tagged = tmp_path / 'tagged.yml'
    tagged.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nTrainDataset: !COCODataSet {{}}\n')
    assert type(load_run_config(str(tagged))['TrainDataset']).__name__ == 'COCODataSet'
    assert load_run_config(student_yaml(tmp_path))['TrainDataset']['name'] == 'COCODataSet'


def test_importing_the_package_is_enough_to_know_every_section(tmp_path, run_python):
    path = student_yaml(tmp_path, UnlabelledDataset={'image_dir': 'images'},
                        UnlabelledReader={'batch_size': 2})
    finished = run_python('-W', 'ignore', '-c', 'import sys, ppdet_ext\n'
                          'from ppdet_ext.config.load import load_run_config\n'
                          'print(load_run_config(sys.argv[1])["UnlabelledDataset"])', path)
    assert "'image_dir': 'images'" in finished.stdout, finished.stderr


@pytest.mark.parametrize('options, message', [
    ({'epochs': 3}, r'"epochs" is not a section or key .*did you mean "epoch"'),
    ({'TrainReaders': {'batch_size': 1}}, r'"TrainReaders" .*did you mean "TrainReader"'),
    ({'FPN': {'out_channels': 8}}, r'FPN: unknown key "out_channels" \(did you mean "out_channel"'),
    ({'TrainReader': {'batch_sise': 8}}, r'TrainReader: .*"batch_sise" \(did you mean "batch_size'),
    ({'EvalReader': {'sample_transforms': [{'Decoode': {}}]}},
     r'EvalReader.sample_transforms: unknown name "Decoode" \(did you mean "Decode"'),
    ({'TestReader': {'batch_transforms': [{'PadBatch': {'stride': 32}}]}},
     r'TestReader.batch_transforms: PadBatch: unknown key "stride".*known: pad_to_stride'),
    ({'EvalDataset': {'anno_pth': 'x'}}, r'EvalDataset: .*"anno_pth" \(did you mean "anno_path"'),
    ({'TrainDataset': {'name': 'COCODataset'}}, r'TrainDataset: unknown name .*"COCODataSet"'),
    ({'RetinaHead': {'conv_feat': {'feat_inn': 8}}},
     r'RetinaHead.conv_feat: unknown key "feat_inn" \(did you mean "feat_in"'),
    ({'LearningRate': {'schedulers': [{'name': 'CosineDecay', 'max_epoch': 3}]}},
     r'LearningRate.schedulers: CosineDecay: unknown key "max_epoch" \(did you mean "max_epochs"'),
    ({'LearningRate': {'schedulers': [{'max_epochs': 3}]}},
     r'LearningRate.schedulers: unknown name "None"; known: CosineDecay'),
    ({'LearningRate': {'schedulers': [{'name': 'LinearWarmup'}, {'name': 'CosineDecay'}]}},
     r"expected a decay and, .* a warmup after it \(AttributeError: 'LinearWarmup'"),
    ({'OptimizerBuilder': {'optimizer': {'type': 'lr'}}}, r'type: unknown name "lr"; known'),
    ({'OptimizerBuilder': {'optimizer': {'type': 'LBFGS'}}}, r'type: unknown name "LBFGS"'),
    ({'OptimizerBuilder': {'optimizer': {'type': 'AdamW', 'weightdecay': 0.75}}},
     r'AdamW has no key "weightdecay" \(did you mean "weight_decay"'),
    ({'OptimizerBuilder': {'optimizer': {'type': 'Lamb'}}}, r'type: unknown name "Lamb"'),
    ({'OptimizerBuilder': {'optimizer': {'type': 'Momentum'}}},
     r'weight_decay is not used by Momentum; set OptimizerBuilder.regularizer and weight_d'),
    ({'OptimizerBuilder': {'regularizer': {'factor': 0.1, 'factr': 1, 'type': 'L1'}}},
     r'regularizer must be {type: L1 or L2, factor: NUMBER} or false, got'),
    ({'LearningRate': {'schedulers': [3]}}, r'entries like "- name: CosineDecay", got \[3\]'),
    ({'TestReader': {'batch_transforms': None}}, r'batch_transforms must be a list .*None'),
    ({'EvalReader': {'drop_last': 'maybe'}}, r"drop_last must be true or false, got 'maybe'"),
    ({'EvalDataset': {'anno_path': ['x']}}, r'EvalDataset.anno_path must be a path'),
    ({'use_ema': True, 'cycle_epoch': 'x'}, r'cycle_epoch must be an integer of at least -1, got'),
    ({'batch_size': 3}, r'did you mean "TrainReader.batch_size"'),
    ({'classwise': 'maybe'}, r"classwise must be true or false, got 'maybe'"),
    ({'amp_level': 'O9'}, r"amp_level must be one of O0, OD, O1, O2, got 'O9'"),
    ({'map_type': '12point'}, r"map_type must be one of 11point, integral, got '12point'"),
    ({'norm_type': 'xx'}, r"norm_type must be one of bn, sync_bn, gn, got 'xx'"),
    ({'TrainDataset': {'sample_num': 'x'}}, r"sample_num must be an integer of at least -1, got"),
    ({'TrainDataset': {'allow_empty': 'x'}}, r"allow_empty must be true or false, got 'x'"),
    ({'TrainDataset': {'empty_ratio': 'x'}}, r"empty_ratio must be a number, got 'x'"),
    *(({'vdl_images': number}, rf"vdl_images must be an integer of at least 0, got {number!r}")
      for number in (-1, True, '4', None)),
    ({'snapshot_epoch': 0}, r'snapshot_epoch must be an integer of at least 1, got 0'),
    ({'epoch': 'ten'}, r"epoch must be an integer of at least 1, got 'ten'"),
])
def test_misspelt_keys_name_the_near_match(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        load_run_config(student_yaml(tmp_path), options)


@pytest.mark.parametrize('options', [
    {'LearningRate': {'schedulers': [{'name': 'CosineDecay', 'use_warmup': False}]}},
    {'OptimizerBuilder': {'optimizer': {'type': 'Momentum', 'weight_decay': None}}},
    {'OptimizerBuilder': {'optimizer': {'param_groups': [{'params': ['head']}]}}},
    {'OptimizerBuilder': {'regularizer': False, 'clip_grad_by_norm': None}},
    {'TrainDataset': None, 'class_names': None},
])
def test_what_paddledetection_knows_passes(tmp_path, options):
    load_run_config(student_yaml(tmp_path), options)


def test_a_decay_that_a_tag_has_built_passes(tmp_path):
    tagged = tmp_path / 'tagged.yml'
    tagged.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nLearningRate:\n  schedulers:\n'
                      f'  - !CosineDecay {{max_epochs: 3}}\n  - !LinearWarmup {{steps: 5}}\n')
    load_run_config(str(tagged))


@pytest.mark.parametrize('text, message', [
    ('a: &x {b: [*x]}\n', 'line 1: with every alias .* it holds more than 1,000,000 values'),
    ('_BASE_:\n', r'_BASE_ must be a list of paths, like \[../runtime.yml\], got None'),
    ('_BASE_: [3]\n', r'_BASE_ must be a list of paths, .* got \[3\]'),
])
def test_an_invalid_yaml(tmp_path, text, message):
    path = tmp_path / 'x.yml'
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_run_config(str(path))


def test_a_key_that_appears_twice_is_warned_of(tmp_path, log):
    path = tmp_path / 'x.yml'
    path.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nepoch: 1\nFPN: {{out_channel: 16,\n'
                    f'  out_channel: 24}}\nepoch: 2\n')
    assert load_run_config(str(path)).epoch == 2
    assert [message for level, message in log if level == 'WARNING'] == [
        f'{path}, line 5: "epoch" appears twice, first on line 2, which has no effect',
        f'{path}, line 4: "out_channel" appears twice, first on line 3, which has no effect']


def test_an_alias_may_be_used_several_times(tmp_path):
    path = tmp_path / 'x.yml'
    path.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nsizes: &x [[1], [2]]\nothers: [*x, *x]\n')
    load_run_config(str(path))


@pytest.mark.parametrize('overrides', [
    {'image_size': [64, 64]},
    {'names': list('abcdef'), 'class_names': list('abcdef')},
    {'sample_transforms': [{'Decode': {}}, {'Permute': {}}],
     'TestReader': {'sample_transforms': [{'Decode': {}}, {'Permute': {}}]}},
])
def test_a_list_under_a_name_of_its_own_may_serve_as_anchor(tmp_path, overrides):
    load_run_config(student_yaml(tmp_path, **overrides), {})


@pytest.mark.parametrize('overrides, meant', [
    ({'class_name': list('abcdef')}, 'class_names'), ({'freezes': ['backbone']}, 'freeze'),
    ({'sample_transforms': [{'Decode': {}}]}, 'TrainReader.sample_transforms')])
def test_a_misspelt_list_is_no_anchor(tmp_path, overrides, meant):
    name = next(iter(overrides))
    with pytest.raises(ValueError, match=f'"{name}" is not a section or key .*mean "{meant}"'):
        load_run_config(student_yaml(tmp_path, **overrides))


def test_a_key_that_every_run_needs(tmp_path):
    path = write_yaml(tmp_path / 'x.yml', {'architecture': 'RetinaNet', 'epoch': 1})
    with pytest.raises(ValueError, match='the config has no "log_iter"; is a file missing in its'):
        load_run_config(path, {})


@pytest.mark.skipif(paddle.is_compiled_with_cuda(), reason='there is a GPU to use')
def test_asking_for_a_gpu_without_one(tmp_path):
    with pytest.raises(ValueError, match='use_gpu is true, but this Paddle sees no GPU'):
        load_run_config(student_yaml(tmp_path), {'use_gpu': True})


def test_a_missing_config_is_named():
    with pytest.raises(FileNotFoundError, match='config file not found: nowhere.yml'):
        load_run_config('nowhere.yml', {})


def test_a_config_that_is_no_mapping(tmp_path):
    with pytest.raises(ValueError, match='got list'):
        load_run_config(write_yaml(tmp_path / 'x.yml', [1]), {})


@pytest.mark.parametrize('values, options, slim_keys, origin', [
    ({}, {'FPN': {'out_channels': 8}}, {}, '-o'),
    ({}, {}, {'TrainReader': {'batch_size': 0}}, '--slim_config'),
    ({'snapshot_epoch': 0}, {'epoch': 3}, {}, 'own.yml'),
    ({}, {'FPN': {'out_channel': 8}}, {}, 'base.yml'),  # sets another key of the section
])
def test_the_message_names_who_has_set_the_key(tmp_path, values, options, slim_keys, origin):
    slim = SlimConfig(slim_yaml(tmp_path, 'teacher.yml', **slim_keys))
    wrong = {'FPN': {'out_channels': 8}} if origin == 'base.yml' else {}
    base = write_yaml(tmp_path / 'base.yml', {'_BASE_': [student_yaml(tmp_path)], **wrong})
    path = write_yaml(tmp_path / 'own.yml', {'_BASE_': [base], **values})
    with pytest.raises(ValueError) as error:
        load_run_config(path, options, slim)
    expected = str(tmp_path / origin) if origin.endswith('.yml') else origin
    assert str(error.value).startswith(f'{expected}: ')


def test_transforms_that_make_folders_make_none_before_they_are_used(tmp_path):
    made = tmp_path / 'made'
    load_run_config(student_yaml(tmp_path), {'TestReader': {'sample_transforms': [
        {'DebugVisibleImage': {'output_dir': str(made)}}, {'Decode': {}}, {'Permute': {}}]}})
    assert not made.exists()


@pytest.mark.parametrize('decay, message', [
    ({'milestones': [0]}, r'milestones must be a list of rising epochs from 1, like .*, got \[0\]'),
    ({'milestones': 8}, r'milestones must be a list of rising epochs from 1, .* got 8'),
    ({'milestones': '8,11'}, r"milestones must be a list of rising epochs from 1, .* got '8,11'"),
    ({'milestones': [11, 8]}, r'milestones must be a list of rising epochs .* got \[11, 8\]'),
    ({'gamma': 10}, r'gamma must be a number from 0 to 1, or a list of them, got 10'),
    ({'milestones': [8]}, r'gamma has 2 numbers, but the 1 milestones \[8\] need 1; give as many'),
    ({'values': [0.1, 0.01], 'use_warmup': False},
     r'values has 2 numbers, but the 2 milestones \[8, 11\] need 3'),
    ({'values': [0.1, 0.01, 0.001]}, 'values needs use_warmup: false, since it has no rates for'),
])
def test_milestones_that_are_none(tmp_path, decay, message):
    with pytest.raises(ValueError, match=f'LearningRate.schedulers: PiecewiseDecay.{message}'):
        load_run_config(student_yaml(tmp_path), {'LearningRate': {'schedulers': [
            {'name': 'PiecewiseDecay', **decay}, {'name': 'LinearWarmup'}]}})


def test_milestones_of_a_tag(tmp_path):
    tagged = tmp_path / 'tagged.yml'
    tagged.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nLearningRate:\n  schedulers:\n'
                      f'  - !PiecewiseDecay {{milestones: [0]}}\n  - !LinearWarmup {{steps: 5}}\n')
    with pytest.raises(ValueError, match='PiecewiseDecay.milestones must be a list of rising'):
        load_run_config(str(tagged))


def test_a_transform_that_a_tag_has_built(tmp_path):
    tagged = tmp_path / 'tagged.yml'
    tagged.write_text(f'_BASE_: [{student_yaml(tmp_path)}]\nEvalReader:\n  sample_transforms:\n'
                      f'  - !COCODataSet {{}}\n')
    with pytest.raises(ValueError, match='sample_transforms must be a list of entries like "- Dec'):
        load_run_config(str(tagged))


def test_a_third_scheduler(tmp_path):
    with pytest.raises(ValueError, match='takes a decay and a warmup, got 3 entries'):
        load_run_config(student_yaml(tmp_path), {'LearningRate': {'schedulers': [
            {'name': 'CosineDecay', 'max_epochs': 3}, {'name': 'LinearWarmup'},
            {'name': 'ExpWarmup'}]}})


@pytest.mark.parametrize('name', sorted(OPTIMIZERS))
def test_an_optimizer_that_is_accepted_can_step(name):
    layer = paddle.nn.Linear(2, 1)
    before = layer.weight.numpy().copy()
    optimizer = OptimizerBuilder(optimizer={'type': name})(0.1, layer)
    layer(paddle.ones([1, 2])).sum().backward()
    optimizer.step()
    assert (layer.weight.numpy() != before).all()


def test_a_key_of_the_inherited_optimizer(tmp_path):
    base = write_yaml(tmp_path / 'base.yml', {
        '_BASE_': [student_yaml(tmp_path)],
        'OptimizerBuilder': {'optimizer': {'type': 'Momentum', 'momentum': 0.9}}})
    path = write_yaml(tmp_path / 'own.yml', {
        '_BASE_': [base], 'OptimizerBuilder': {'optimizer': {'type': 'AdamW'}}})
    with pytest.raises(ValueError, match=r'base.yml: .*AdamW has no key "momentum".* If a '
                                         r'_BASE_ sets it, replace that file there: it stays'):
        load_run_config(path)


def test_a_regularizer_that_adamw_would_ignore(tmp_path):
    base = write_yaml(tmp_path / 'base.yml', {
        '_BASE_': [student_yaml(tmp_path)],
        'OptimizerBuilder': {'optimizer': {'type': 'AdamW', 'weight_decay': 0.05},
                             'regularizer': {'type': 'L2', 'factor': 0.1}}})
    with pytest.raises(ValueError, match='regularizer is not used by AdamW; set'):
        load_run_config(base)
    load_run_config(base, {'OptimizerBuilder': {'regularizer': False}})


@pytest.mark.parametrize('options, message', [
    ({'max_epochs': 0}, 'CosineDecay.max_epochs must be an integer of at least 1, got 0'),
    ({'min_lr_ratio': 2}, 'CosineDecay.min_lr_ratio must be a number from 0 to 1, got 2'),
    ({'last_plateau_epochs': -1}, 'last_plateau_epochs must be an integer of at least 0, got -1'),
])
def test_options_of_a_decay(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        load_run_config(student_yaml(tmp_path), {'LearningRate': {'schedulers': [
            {'name': 'CosineDecay', **options}, {'name': 'LinearWarmup'}]}})


@pytest.mark.parametrize('transforms, message', [
    ([{'Resize': {'target_size': 64, 'keep_ratio': False}}, {'Permute': {}}],
     'has no Decode, without which .*; add "- Decode: {}" as its first entry'),
    ([{'Decode': {}}], 'has no Permute, without which .*; add "- Permute: {}" as its last entry'),
    ([{'Decode': {}}, {'Resize': {'target_size': [64], 'keep_ratio': False}}, {'Permute': {}}],
     r'Resize.target_size must be a size in pixels, or \[height, width\], got \[64\]'),
    ([{'Decode': {}}, {'Resize': {'target_size': '64x64', 'keep_ratio': False}}, {'Permute': {}}],
     r"Resize.target_size must be a size in pixels, or \[height, width\], got '64x64'"),
])
def test_transforms_that_lead_to_no_image_of_the_network(tmp_path, transforms, message):
    with pytest.raises(ValueError, match=f'EvalReader.sample_transforms.*{message}'):
        load_run_config(student_yaml(tmp_path), {'EvalReader': {
            'sample_transforms': transforms, 'batch_transforms': []}})


def test_channels_may_be_moved_after_batching(tmp_path):
    load_run_config(student_yaml(tmp_path), {'EvalReader': {
        'sample_transforms': [{'Decode': {}}], 'batch_transforms': [{'Permute': {}}]}})


def test_mixing_images_without_the_transform_for_it(tmp_path):
    with pytest.raises(ValueError, match='TrainReader.mosaic_epoch is 5, but TrainReader.sample_'
                                         'transforms has no Mosaic, .* or set mosaic_epoch: -1'):
        load_run_config(student_yaml(tmp_path), {'TrainReader': {'mosaic_epoch': 5}})


def test_a_warmup_without_end(tmp_path):
    with pytest.raises(ValueError, match='LinearWarmup.steps must be an integer from 0 to'):
        load_run_config(student_yaml(tmp_path), {'LearningRate': {'schedulers': [
            {'name': 'CosineDecay', 'max_epochs': 3}, {'name': 'LinearWarmup', 'steps': 10**10}]}})
