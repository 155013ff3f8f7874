# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The commands of the documentation name files and flags that exist."""
import pathlib
import re
import shlex

import pytest
import yaml
from pages import FOLDERS, commands, text_of
from tool_runs import imported

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [str(path.relative_to(ROOT)) for folder in FOLDERS
         for path in sorted((ROOT / folder).glob('*.md'))]
TRANSLATED = [(page, translation) for page in PAGES
              if (translation := page.replace('.md', '_cn.md')) in PAGES]
WITH_TOOLS = [page for page in PAGES if any('tools/' in line for line in commands(page))]


def tool_commands(page):
    """list of tuple: tool and arguments of every command of tools/ on the page."""
    words = [shlex.split(line) for line in commands(page)]
    return [(tool, line[line.index(tool) + 1:]) for line in words
            for tool in line if tool.startswith('tools/')]


def yaml_of(page):
    """list: the content of every YAML on the page."""
    return [yaml.safe_load(text)
            for text in re.findall(r'^```yaml\n(.*?)^```', text_of(page), re.DOTALL | re.MULTILINE)]


@pytest.mark.parametrize('page', WITH_TOOLS)
def test_tools_take_the_flags_and_find_the_files(page):
    found = tool_commands(page)
    assert found
    shown = re.findall(r'^`([^`\n]+)`:$', text_of(page), re.MULTILINE)
    outputs = [flags[flags.index('--output') + 1] for tool, flags in found
               if tool.endswith('make_few_shot.py') and '--output' in flags]
    for tool, arguments in found:
        flags = vars(imported(pathlib.Path(tool).stem).parse_args(arguments))
        named = [flags.get(name) for name in ('config', 'base_config', 'slim_config', 'infer_img')]
        for path in sum((each if isinstance(each, list) else [each] for each in named if each), []):
            # What lies in data/ is written by an earlier command of the page;
            # tests/docs/test_examples.py runs make_few_shot and builds what it writes.
            made = path.startswith('data/') or any(path.startswith(output) for output in outputs)
            assert path in shown or made or any(ROOT.glob(path)), f'{page}: {path}'


@pytest.mark.parametrize('page, translation', TRANSLATED)
def test_both_languages_show_the_same_commands(page, translation):
    assert commands(page) == commands(translation)


@pytest.mark.parametrize('page, translation', TRANSLATED)
def test_both_languages_show_the_same_yaml(page, translation):
    assert yaml_of(page) == yaml_of(translation)
