# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Writes a report: report.html, which is self-contained, report.md, report.json and pictures."""
import base64
import datetime
import os
import re
from importlib.metadata import PackageNotFoundError, version

import jinja2
from terminaltables import GithubFlavoredMarkdownTable

from ..utils.files import write_json, write_text
from .content import analyse, report_content
from .runs import evaluate_all
from .sections import (
    Chart,
    Code,
    Items,
    Note,
    Picture,
    Source,
    Table,
    Text,
    make_sections,
    thresholds_name,
)
from .words import WORDS

__all__ = ['write_report']

# An underscore within a word is one in Markdown too.
MARKS = re.compile(r'[\\`*<>\[\]|&~]|(?<!\w)_|_(?!\w)')
TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'templates')


def write_report(runs, files, dataset_dir, settings, output, tools, language='en', pictures=4,
                 measure=False):
    """Writes the report of some runs.

    Args:
        runs (list of Run): of all models, in the order of the report.
        files (dict of str to str): annotation files of ``validation`` and ``test``, where given.
        dataset_dir (str|None): the data set, where given.
        settings (Settings): rule of the thresholds, and what wrong decisions cost.
        output (str): folder of the report.
        tools (str): folder of the tools, for evaluations that are missing.
        language (str): ``en`` or ``cn``.
        pictures (int): images to show for each reason.
        measure (bool): have time, FLOPs and memory measured.

    Returns:
        str: the verdict.

    Raises:
        ValueError, FileNotFoundError, ChildProcessError: as ``runs.evaluate_all``.
    """
    os.makedirs(output, exist_ok=True)
    words = WORDS[language]
    evaluations = evaluate_all(runs, files, dataset_dir, output, tools, measure)
    models = analyse(runs, evaluations, settings, words)
    content = report_content(models, evaluations, settings)
    for model in models if content['validated'] else ():
        run, truth = model.first.run, model.first.evaluation.truth
        write_json(os.path.join(output, thresholds_name(model)), {
            'threshold': model.first.threshold,
            'classes': dict(zip(truth.names, model.first.thresholds)),
            'rule': content['rule'], 'weights': run.weights,
            'chosen_on': content['data']['validation']['path']})
    sections = make_sections(Source(content, models, words, output, pictures))
    write_json(os.path.join(output, 'report.json'), content)
    write_text(os.path.join(output, 'report.html'), _html(sections, content, words))
    _write_markdown(sections, content, words, output)
    return sections[0].blocks[0].text


def _title(content, words):
    plain = not any(model['role'] == 'distilled' for model in content['models'])
    return words['title_plain' if plain else 'title']


def _footer(words):
    try:
        own = version('ppdet_ext')
    except PackageNotFoundError:
        own = ''
    return words['footer'].format(version=own, date=datetime.date.today().isoformat())


def _html(sections, content, words):
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True,
                                     trim_blocks=True, lstrip_blocks=True)
    environment.filters['base64'] = lambda data: base64.b64encode(data).decode('ascii')
    environment.filters['kind'] = lambda block: type(block).__name__
    environment.filters['shade'] = _shade
    return environment.get_template('report.html').render(
        title=_title(content, words), sections=sections, words=words,
        synthetic=content['synthetic'], footer=_footer(words))


def _shade(table):
    """list of list: of each cell of a table its text and how dark it is, 0 to 1."""
    numbers = [[int(cell) if table.shaded else 0 for cell in row[1:]] for row in table.rows]
    top = max((max(row, default=0) for row in numbers), default=0) or 1
    return [[row[0], list(zip(row[1:], (number / top for number in own)))]
            for row, own in zip(table.rows, numbers)]


def _write_markdown(sections, content, words, output):
    """The same blocks as Markdown, charts and pictures as files beside it."""
    folder = os.path.join(output, 'pictures')
    os.makedirs(folder, exist_ok=True)
    lines = [f'# {_title(content, words)}', '']
    if content['synthetic']:
        lines += [f'**{words["synthetic"]}**', '']
    for section in sections:
        lines += [f'## {section.title}', '']
        for block in section.blocks:
            lines += [MARKDOWN[type(block)](block, folder), '']
    write_text(os.path.join(output, 'report.md'), '\n'.join([*lines, _footer(words), '']))


def _plain(text):
    """str: a text, such as a class name, with characters special to Markdown and HTML escaped."""
    return MARKS.sub(r'\\\g<0>', text)


def _markdown_table(block, _):
    rows = [list(map(_plain, row)) for row in [block.head, *block.rows]]
    return f'{_plain(block.caption)}\n\n{GithubFlavoredMarkdownTable(rows).table}'


def _markdown_chart(block, folder):
    write_text(os.path.join(folder, f'{block.name}.svg'), block.svg)
    return f'![{_plain(block.caption)}](pictures/{block.name}.svg)'


def _markdown_picture(block, folder):
    with open(os.path.join(folder, f'{block.name}.jpg'), 'wb') as file:
        file.write(block.jpeg)
    caption = _plain(block.caption)
    return f'![{caption}](pictures/{block.name}.jpg)\n\n{caption}'


MARKDOWN = {
    Text: lambda block, _: _plain(block.text),
    Note: lambda block, _: f'**{_plain(block.text)}**',
    Items: lambda block, _: '\n'.join(f'- {_plain(item)}' for item in block.items),
    Code: lambda block, _: (f'{_plain(block.title)}:\n\n' if block.title else '')
    + f'```bash\n{block.text}\n```',
    Table: _markdown_table,
    Chart: _markdown_chart,
    Picture: _markdown_picture,
}
