# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The commands that the documentation shows."""
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ('.', 'configs', 'data', 'demo', 'docs', 'docs/results', 'notebooks')


def text_of(page):
    return (ROOT / page).read_text(encoding='utf-8')


def commands(page):
    """The lines of the page's shell blocks, without their comments."""
    blocks = re.findall(r'^```bash\n(.*?)^```', text_of(page), re.MULTILINE | re.DOTALL)
    return [re.sub(r'\s+#.*', '', line) for block in blocks for line in block.splitlines()]


def all_commands():
    """set of str: the commands of all pages, in blocks and within sentences."""
    pages = [path.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).glob('*.md')]
    within = {command for page in pages
              for command in re.findall(r'`((?:python|pip) [^`\n]+)`', text_of(page))}
    return within.union(*map(commands, pages))
