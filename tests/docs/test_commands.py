# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The commands of the documentation name files and flags that exist."""
import importlib.util
import pathlib
import re
import shlex

import pytest
import yaml
from pages import FOLDERS, commands, text_of

ROOT = pathlib.Path(__file__).parents[2]
TRANSLATED = (('README.md', 'README_cn.md'),
              ('docs/getting_started.md', 'docs/getting_started_cn.md'),
              ('docs/methods.md', 'docs/methods_cn.md'), ('docs/mgd.md', 'docs/mgd_cn.md'),
              ('docs/tskd.md', 'docs/tskd_cn.md'), ('docs/dkan.md', 'docs/dkan_cn.md'),
              ('docs/unlabelled.md', 'docs/unlabelled_cn.md'),
              ('docs/training.md', 'docs/training_cn.md'),
              ('docs/pretrained_backbones.md', 'docs/pretrained_backbones_cn.md'),
              ('docs/several_processes.md', 'docs/several_processes_cn.md'),
              ('docs/visualdl.md', 'docs/visualdl_cn.md'),
              ('docs/comparison.md', 'docs/comparison_cn.md'),
              ('docs/report.md', 'docs/report_cn.md'),
              ('docs/own_data.md', 'docs/own_data_cn.md'),
              ('docs/export.md', 'docs/export_cn.md'),
              ('docs/adding_a_method.md', 'docs/adding_a_method_cn.md'),
              ('data/README.md', 'data/README_cn.md'),
              ('notebooks/README.md', 'notebooks/README_cn.md'))
WITHOUT_TOOLS = ('docs/visualdl.md', 'docs/visualdl_cn.md', 'notebooks/README.md',
                 'notebooks/README_cn.md')
WITH_TOOLS = (*(page for pages in TRANSLATED for page in pages if page not in WITHOUT_TOOLS),
              'docs/results/cost.md', 'docs/results/lite.md', 'docs/results/methods.md')


def tool_commands(page):
    """list of tuple: tool and arguments of every command of tools/ on the page."""
    words = [shlex.split(line) for line in commands(page)]
    return [(tool, line[line.index(tool) + 1:]) for line in words
            for tool in line if tool.startswith('tools/')]


def yaml_of(page):
    """list: the content of every YAML on the page."""
    return [yaml.safe_load(text)
            for text in re.findall(r'^```yaml\n(.*?)^```', text_of(page), re.DOTALL | re.MULTILINE)]


def parse(tool, arguments):
    spec = importlib.util.spec_from_file_location(pathlib.Path(tool).stem, ROOT / tool)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.parse_args(arguments)


@pytest.mark.parametrize('page', WITH_TOOLS)
def test_tools_take_the_flags_and_find_the_files(page):
    found = tool_commands(page)
    assert found
    shown = re.findall(r'^`([^`\n]+)`:$', text_of(page), re.MULTILINE)
    outputs = [flags[flags.index('--output') + 1] for tool, flags in found
               if tool.endswith('make_few_shot.py') and '--output' in flags]
    for tool, arguments in found:
        flags = vars(parse(tool, arguments))
        named = [flags.get(name) for name in ('config', 'base_config', 'slim_config', 'infer_img')]
        for path in sum((each if isinstance(each, list) else [each] for each in named if each), []):
            # What lies in data/ is written by an earlier command of the page;
            # tests/docs/test_examples.py runs make_few_shot and builds what it writes.
            made = path.startswith('data/') or any(path.startswith(output) for output in outputs)
            assert path in shown or made or any(ROOT.glob(path)), f'{page}: {path}'


@pytest.mark.parametrize('page, translation', TRANSLATED)
def test_both_languages_show_the_same_commands(page, translation):
    assert commands(page)
    assert commands(page) == commands(translation)


@pytest.mark.parametrize('page, translation', TRANSLATED)
def test_both_languages_show_the_same_yaml(page, translation):
    assert yaml_of(page) == yaml_of(translation)


def test_links_lead_to_files():
    pages = [page for folder in FOLDERS for page in (ROOT / folder).glob('*.md')]
    links = [(page, target) for page in pages
             for target in re.findall(r'\]\((?!http|#)([^)#]+)', text_of(page))]
    assert links
    assert [(page, target) for page, target in links
            if not page.parent.joinpath(target).exists()] == []
