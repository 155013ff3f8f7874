# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A YAML holds plain values and objects of PaddleDetection's classes, and nothing else."""
import importlib
import pathlib
import re

import ppdet
import pytest
import yaml
from ppdet.core.workspace import load_config

from ppdet_ext.ppdet_fixes import yaml_files
from ppdet_ext.ppdet_fixes.evaluated_names import CALLERS, find_layer
from ppdet_ext.safe_io.safe_yaml import YamlError, load_yaml


def test_plain_values_are_read():
    text = 'a: &x [1, 0.5, 1e-3, true, null, text]\nb: *x\nc: {d: 2020-01-02}\ne: !!float 3'
    content = load_yaml(text)
    assert content['a'] is content['b'] and content['a'] == [1, 0.5, 0.001, True, None, 'text']
    assert content['c']['d'].year == 2020 and content['e'] == 3.0


def test_objects_of_ppdets_classes_are_built(tmp_path):
    path = tmp_path / 'x.yml'
    path.write_text('TrainDataset: !COCODataSet\n  image_dir: images\n'
                    'decay: !PiecewiseDecay {gamma: [0.1], milestones: [1]}\n'
                    'losses: [!GIoULoss {loss_weight: 2.0}]\n')
    content = load_config(str(path))
    assert type(content['TrainDataset']).__name__ == 'COCODataSet'
    assert content['TrainDataset'].image_dir == 'images'
    assert content['decay'].milestones == [1] and content['losses'][0].loss_weight == 2.0


@pytest.mark.parametrize('tag', [
    '!!python/object/apply:os.mkdir [{}]', '!!python/object/new:os.mkdir [{}]',
    '!!python/object:os.x {{}}', '!!python/name:os.mkdir ""', '!!python/module:os ""',
    '!!python/tuple [1, 2]', '!<tag:yaml.org,2002:python/object/apply:os.mkdir> [{}]',
    '!Callable {{full_type: os.mkdir, args: [{}]}}', '!Unknown {{}}', '!other {{}}', '!x!y {{}}',
    '!DecodeCache {{cache_root: {}}}', '!DebugVisibleImage {{output_dir: {}}}',
    '!rectify_pose {{pose: [1]}}',
])
def test_other_tags_are_refused_with_file_and_line(tmp_path, tag):
    made, path = tmp_path / 'made', tmp_path / 'hostile.yml'
    path.write_text(f'a: 1\nb:\n  - c: {tag.format(made)}\n')
    with pytest.raises(YamlError, match=re.escape(f'{path}, line 3: ')) as error:
        load_config(str(path))
    assert '\n' not in str(error.value) and not made.exists()


def test_a_refusal_names_the_tag():
    with pytest.raises(YamlError, match=r'the tag !!python/name:os.system is refused.*like !COCO'):
        load_yaml('!!python/name:os.system ""')


def test_constructors_that_others_have_added_are_not_called():
    yaml.add_constructor('!foreign', lambda loader, node: pytest.fail('called'))
    with pytest.raises(YamlError, match='the tag !foreign is refused'):
        load_yaml('!foreign {}')


@pytest.mark.parametrize('text, message', [
    ('a: [1', '<unicode string>, line 1: '),
    ('a: 1\nb: !GIoULoss {unheard: 1}', r'line 2: !GIoULoss cannot be built'),
    ('a: 1\nb: !ResNet {depth: 3}', r'line 2: !ResNet cannot be built'),  # fails an assertion
    ('a: 1\nb: 2020-13-45', r'line 2: !!timestamp cannot be built: month must be'),
    ('a: 1\nb: !!int x', r'line 2: !!int cannot be built'),
    ('\x00', 'YAML: .*not allowed'),
    ('[' * 5000, 'YAML: it is nested too deeply'),
])
def test_what_is_no_yaml_says_so_on_one_line(text, message):
    with pytest.raises(YamlError, match=message) as error:
        load_yaml(text)
    assert '\n' not in str(error.value)


def test_aliases_are_read_as_long_as_they_stand_for_few_values():
    text = 'a0: &a0 {x: 1}\n' + '\n'.join(
        f'a{k}: &a{k} {{left: *a{k - 1}, right: *a{k - 1}}}' for k in range(1, 30))
    assert load_yaml(text[:text.index('a5:')])['a4']['left']['right']['left']['right'] == {'x': 1}
    for hostile in (text, 'a: &a [*a]', 'a: &a {b: [*a]}',
                    'a0: &a0 {x: 1}\n' + '\n'.join(
                        f'a{k}: &a{k} {{<<: [*a{k - 1}, *a{k - 1}]}}' for k in range(1, 30))):
        with pytest.raises(YamlError, match='line 1: with every alias .* more than 1,000,000'):
            load_yaml(hostile)


def test_every_reader_of_ppdet_is_mended():
    folder = pathlib.Path(ppdet.__file__).parent
    found = [path.relative_to(folder.parent).with_suffix('') for path in folder.rglob('*.py')
             if re.search(r'yaml\.\w*load\(', path.read_text(encoding='utf-8'))]
    names = {'.'.join(path.parts).replace('.__init__', '') for path in found}
    assert names == set(yaml_files.READERS)
    for name in names:
        assert importlib.import_module(name).yaml.load is load_yaml


@pytest.mark.parametrize('module, name', [
    ('ppdet.modeling.necks.custom_pan', 'BasicBlock'),
    ('ppdet.modeling.necks.custom_pan', 'CSPStage'),
    ('ppdet.modeling.backbones.vision_transformer', 'nn.LayerNorm'),
    ('ppdet.modeling.backbones.trans_encoder', 'gelu'),
    ('ppdet.modeling.reid.resnet_embedding', 'ResNet50'),
    ('ppdet.optimizer.adamw', 'layerwise_lr_decay'),
])
def test_layers_and_functions_of_ppdet_are_found_by_name(module, name):
    assert find_layer(module, name).__name__ == name.split('.')[-1]


@pytest.mark.parametrize('name', [
    '__import__("os").mkdir("x")', 'os', 'os.system', 'print', 'nn', 'nn.functional.relu',
    'paddle.load', 'np.load', '__builtins__', 'nn.__loader__', 'lambda: 1', 'Nothing', '', None])
def test_other_names_in_a_config_are_refused(name):
    for module in CALLERS:
        with pytest.raises(ValueError, match='expects the name of a layer'):
            find_layer(module, name)


def test_every_evaluation_in_ppdet_is_mended():
    folder = pathlib.Path(ppdet.__file__).parent
    found = {'.'.join(path.relative_to(folder.parent).with_suffix('').parts)
             for path in folder.rglob('*.py')
             if re.search(r'(?<![\w.])(eval|exec)\(', path.read_text(encoding='utf-8'))}
    # Its exec is for class activation maps, of a tool that is not here.
    assert found - {'ppdet.utils.cam_utils'} == set(CALLERS)
