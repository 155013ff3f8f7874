# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Links of the documentation lead to files and headings that exist."""
import re
from pathlib import Path

import pytest
from pages import FOLDERS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for folder in FOLDERS for page in sorted((ROOT / folder).glob('*.md'))]


def text(page):
    """A page without its code blocks, in which "#" begins a comment."""
    return re.sub(r'```.*?```', '', page.read_text(encoding='utf-8'), flags=re.DOTALL)


def anchors(page):
    """The headings of a page as the code hosts name them in an address."""
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
            for heading in re.findall(r'^#+ (.*)$', text(page), flags=re.MULTILINE)}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for path, anchor in re.findall(r'\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)', text(page)):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f'{path}#{anchor}'
