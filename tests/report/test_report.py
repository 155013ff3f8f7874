# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Whole reports: figures by hand, the page, and what is said where little is known."""
import json
import pathlib
import re
import string
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import four_images as four
import pytest
from tool_runs import imported, refusal

from ppdet_ext.metrics import evaluate_boxes
from ppdet_ext.report import fonts
from ppdet_ext.report.content import Model, _baseline
from ppdet_ext.report.sections import _epochs_text, _signed
from ppdet_ext.report.words import WORDS

CHINESE = ['划痕', '斑块']
BETTER = [*four.DETECTIONS, four.detection(1, 1, 100, 0.95)]  # the second scratch as well


def report(folder, *arguments, **kwargs):
    """The report's JSON, HTML and Markdown."""
    output = folder / 'report'
    assert imported('report').main([*map(str, arguments), '--output', str(output),
                                    '--pictures', '1']) == 0
    return [json.loads((output / 'report.json').read_text(encoding='utf-8')),
            *((output / f'report.{kind}').read_text(encoding='utf-8') for kind in ('html', 'md'))]


DISTILLATION = ('--slim_config', 'distill.yml')


@pytest.fixture(scope='module')
def compared(tmp_path_factory):
    """Teacher, student and distilled student, two seeds of each but the first, in Chinese."""
    folder = tmp_path_factory.mktemp('compared')
    truth = four.content(names=CHINESE)
    four.write_run(folder / 'teacher' / 'seed0', BETTER, truth=truth)
    for seed in (0, 1):
        four.write_run(folder / 'student' / f'seed{seed}', four.DETECTIONS, seed, truth=truth)
        four.write_run(folder / 'MGD' / f'seed{seed}', BETTER, seed, truth=truth,
                       train=DISTILLATION)
    return folder, report(folder, '--teacher', folder / 'teacher', '--student', folder / 'student',
                          '--distilled', folder / 'MGD', '--language', 'cn', '--false_alarms', 0.5)


def test_figures_by_hand(compared):
    content = compared[1][0]
    teacher, student, distilled = content['models']
    assert student['seeds'] == [0, 1] and teacher['seeds'] == [0]
    assert student['cost']['parameters'] == 50
    # At most two false alarms: 0.7 and 0.5; the boxes with 0.9, 0.8 and 0.6 are found.
    assert student['threshold']['by_seed'] == [0.4001, 0.4001]
    assert student['at_threshold']['recall'] == {'mean': 0.6, 'deviation': 0, 'by_seed': [0.6, 0.6]}
    assert student['at_threshold']['false_alarms']['mean'] == 0.5
    assert student['threshold']['by_class'] == {'划痕': 0.5001, '斑块': 0}
    # The distilled one finds one box more, at the same two false alarms.
    assert distilled['at_threshold']['recall']['mean'] == 0.8
    gain = content['gains'][0]
    assert gain['recall']['mean'] == pytest.approx(0.2)
    assert gain['classes'] == {'划痕': pytest.approx(1 - 67 / 101), '斑块': 0}
    assert gain['recall']['half_width'] == pytest.approx(0) and gain['recall']['pairs'] == 2
    assert student['mistakes'] == {'place': 0, 'class': 1, 'double': 1, 'background': 0, 'both': 0,
                                   'missed': 1}
    decision = content['image_decisions'][1]
    assert decision['threshold']['escape'] == 0 and decision['threshold']['overkill'] == 0
    assert decision['cheapest']['threshold'] == 0.3001
    assert decision['cheapest']['overkill_interval'] == pytest.approx([0, 0.7934507])


def test_thresholds_are_a_file_for_inference(compared):
    folder, (_, html, _) = compared
    thresholds = json.loads((folder / 'report' / 'thresholds_distilled_MGD_seed0.json').read_text(
        encoding='utf-8'))
    assert thresholds['threshold'] == 0.4001 and set(thresholds['classes']) == set(CHINESE)
    assert thresholds['chosen_on'].endswith('seed0_validation.json')
    assert '--draw_threshold 0.4001' in html and 'thresholds_distilled_MGD_seed0.json' in html


class Page(HTMLParser):
    """Collects what somebody who does not see the page has of it."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.tags, self.sources, self.images = [], [], [], [], []
        self.links, self.ids = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        self.ids += filter(None, [attributes.get('id')])
        self.sources += [attributes[name] for name in ('src', 'href') if name in attributes]
        if tag not in ('meta', 'img', 'br'):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_can_be_heard(compared):
    page = Page(compared[1][1])
    assert page.open == []
    assert all(source.startswith(('data:image/', '#')) for source in page.sources)
    assert {source[1:] for source in page.sources if source[0] == '#'} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    kinds = [tag for tag, _ in page.tags]
    assert 'script' not in kinds and dict(page.tags)['html'] == {'lang': 'zh-CN'}
    assert [tag for tag in kinds if re.fullmatch('h[1-6]', tag)] == ['h1'] + 13 * ['h2']
    assert all(attributes.get('alt') for tag, attributes in page.tags if tag == 'img')
    assert all('scope' in attributes for tag, attributes in page.tags if tag == 'th')
    assert kinds.count('table') == kinds.count('caption') > 10


def test_markdown_has_the_same_tables_and_its_pictures_are_there(compared):
    folder, (_, html, markdown) = compared
    assert markdown.startswith('# 蒸馏有没有用？')
    shown = re.findall(r'\]\((pictures/[^)]+)\)', markdown)
    assert len(shown) == html.count('<img ') and len(set(shown)) == len(shown)
    assert all((folder / 'report' / name).stat().st_size > 1000 for name in shown)
    assert markdown.count('\n|--') == html.count('<table')


def test_the_baseline_is_the_student_with_the_same_config_and_schedule():
    def model(role, config, epochs=None, recorded=None):
        training = SimpleNamespace(config=config, options={'epoch': epochs} if epochs else {})
        run = SimpleNamespace(training=training, record={'epochs': recorded})
        return Model(role, '', '', '', [SimpleNamespace(run=run)])

    small, other, longer, unknown = students = [
        model('student', 'small.yml', '24'), model('student', 'other.yml', '12'),
        model('student', 'other.yml', recorded=24), model('student', None, '24')]
    distilled = model('distilled', './other.yml', '24')
    assert _baseline(distilled, students) is longer
    assert _baseline(model('distilled', 'other.yml', '48'), students) is other
    assert _baseline(distilled, [small, unknown]) is unknown
    assert _baseline(distilled, [small, distilled]) is None


@pytest.mark.parametrize('epochs, text', [
    ((12, 12), ''),
    ((24, 12), 'The distilled student was trained for 24 epochs, the student for 12: part of the '),
    ((None, 12), 'It is not recorded whether both were trained for the same number of epochs'),
])
def test_the_verdict_says_where_the_schedules_differ(epochs, text):
    gain = {'model': 'distilled student', 'to': 'student', 'epochs': epochs}
    assert text in _epochs_text(WORDS['en'], gain)
    assert bool(text) == bool(_epochs_text(WORDS['cn'], gain))


def test_class_names_without_a_font_are_numbered(monkeypatch):
    assert fonts.class_labels(['crazing', 'patches']) == ['crazing', 'patches']
    monkeypatch.setattr(fonts, '_characters', lambda: set(map(ord, string.printable)))
    assert fonts.class_labels(CHINESE) == ['C1', 'C2']


def test_nothing_detected_in_one_image(tmp_path):
    truth = four.content(four.BOXES[:1], images=1)
    run = four.write_run(tmp_path / 'nano' / 'seed0', [], truth=truth)
    content, html, _ = report(tmp_path, '--model', run, '--miss', 0.02)
    model, = content['models']
    assert model['accuracy']['mAP']['mean'] == 0
    assert model['classes']['patch']['AP']['mean'] is None  # a class without boxes
    assert not model['threshold']['chosen'] and model['at_threshold']['recall']['mean'] == 0
    assert 'no threshold meets the rule' in html and 'Overkill cannot be measured' in html
    assert 'model: for scratch, no threshold meets the rule' in html
    assert content['image_decisions'][0]['threshold']['escape'] == 1
    assert content['gains'] == [] and WORDS['en']['title_plain'] in html


def test_images_without_any_box(tmp_path):
    run = four.write_run(tmp_path / 'nano' / 'seed0', [four.detection(0, 1, 0, 0.6)],
                         truth=four.content([]))
    content, html, _ = report(tmp_path, '--model', run)
    assert content['models'][0]['accuracy']['mAP']['mean'] is None
    assert content['image_decisions'][0]['threshold']['overkill'] == 0.25
    assert 'Escape cannot be measured' in html and 'was not judged' in html


def test_images_with_crowds_only(tmp_path):
    truth = four.content(four.BOXES[:1])
    truth['annotations'][0]['iscrowd'] = 1
    run = four.write_run(tmp_path / 'nano' / 'seed0', four.DETECTIONS, truth=truth)
    content, html, _ = report(tmp_path, '--model', run)
    assert content['models'][0]['accuracy']['mAP']['mean'] is None and 'was not judged' in html
    assert content['data']['test']['without_boxes'] == 3


def test_names_that_mean_something_to_html_markdown_or_charts(tmp_path):
    names = ['<b>$\\dent$</b>', '[a|b*](http://c)_']
    run = four.write_run(tmp_path / 'nano' / 'seed0', four.DETECTIONS,
                         truth=four.content(names=names), train=(
                             '-o', 'class_names=[a, b]', 'epoch=2', 'TrainReader.batch_size=2'))
    content, html, markdown = report(tmp_path, '--model', run)
    assert set(content['models'][0]['classes']) == set(names)
    assert names[0] not in html and '&lt;b&gt;$\\dent$&lt;/b&gt;' in html
    assert r'\<b\>$\\dent$\</b\>' in markdown and r'\[a\|b\*\](http://c)\_' in markdown
    # What the training was given and the detector needs is given again.
    assert "--draw_threshold 0.4001 -o 'class_names=[a, b]' weights=" in markdown


def test_one_seed_is_no_claim_and_synthetic_data_says_so(tmp_path):
    truth = four.content(info={'description': 'Synthetic steel', 'base_classes': ['scratch'],
                               'novel_classes': ['patch']})
    runs = [four.write_run(tmp_path / name / 'seed0', records, truth=truth, sets=('test', ),
                           train=train)
            for name, records, train in (('student', four.DETECTIONS, ()),
                                         ('DKAN', BETTER, DISTILLATION))]
    content, html, markdown = report(tmp_path, '--student', runs[0], '--distilled', runs[1])
    assert content['synthetic'] and WORDS['en']['synthetic'] in html
    assert f'**{WORDS["en"]["synthetic"]}**' in markdown
    assert 'No claim: the distilled student differs from the student by +' in html
    assert 'scratch (base)' in html and 'patch (novel)' in html and 'base classes, AP50' in html
    # Without validation images nothing is chosen.
    assert WORDS['en']['operating_none'] in html and content['budgets'] == []
    assert not list((tmp_path / 'report').glob('thresholds*'))


def test_figures_of_other_detections(tmp_path, monkeypatch, capsys):
    run = four.write_run(tmp_path / 'nano' / 'seed0', four.DETECTIONS)
    path = tmp_path / 'nano' / 'seed0_test.json'
    four.write_json(tmp_path / 'nano' / 'seed0' / 'test' / 'metrics.json',
                    evaluate_boxes(str(path), BETTER))
    line = refusal('report', ['--model', run, '--output', tmp_path / 'report'], monkeypatch, capsys)
    assert 'metrics.json says mAP' in line and 'not of one evaluation' in line


@pytest.mark.parametrize('arguments, message', [
    ([], 'name the runs, either by'),
    (['--auto', 'a', '--model', 'b'], 'name the runs, either by'),
    (['--model', 'a', '--miss', '2'], 'argument --miss: expected a number from 0 to 1, got "2"'),
    (['--model', 'a', '--cost_of_escape', '-1'], 'expected a number of at least 0, got "-1"'),
    (['--model', 'a', '--miss', '0.1', '--false_alarms', '1'], 'not allowed with argument'),
])
def test_arguments_that_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        imported('report').parse_args([*arguments, '--output', 'x'])
    assert message in capsys.readouterr().err


def test_a_difference_that_rounds_to_nothing_has_no_minus():
    assert [_signed(value) for value in (-0.0004, 0.0004, -0.0006, None)] == [
        '+0.0', '+0.0', '-0.1', '-']


def test_both_languages_say_the_same():
    english, chinese = WORDS['en'], WORDS['cn']
    assert set(english) == set(chinese)

    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert [key for key in english if fields(english[key]) != fields(chinese[key])] == []


def test_it_needs_no_paddle():
    """Its modules, imported from a package that imports nothing by itself."""
    code = ('import sys, types\n'
            'package = types.ModuleType("ppdet_ext")\n'
            'package.__path__ = ["ppdet_ext"]\n'
            'sys.modules["ppdet_ext"] = package\n'
            'import ppdet_ext.report.page\n'
            'print(sorted({"paddle", "ppdet", "visualdl"} & set(sys.modules)))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                          cwd=pathlib.Path(__file__).parents[2])
    assert done.stdout == '[]\n', done.stderr
