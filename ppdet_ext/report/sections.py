# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The sections of a report: values, charts, pictures and text about them.

A section is made of blocks, which page.py writes as HTML and Markdown.
"""
import os
import shlex
from typing import NamedTuple

from ..utils.progress import progress
from . import charts, pictures
from .curves import read_curves
from .fonts import can_draw, class_labels
from .mistakes import KINDS
from .uncertainty import RESAMPLES
from .words import WORDS

__all__ = ['Text', 'Note', 'Items', 'Table', 'Chart', 'Picture', 'Code', 'Section', 'Source',
           'make_sections', 'thresholds_name']

# Options without effect in inference.
OF_TRAINING = ('Train', 'Eval', 'LearningRate', 'OptimizerBuilder', 'Unlabelled', 'epoch', 'seed',
               'snapshot_epoch', 'filename', 'save_dir', 'log_iter', 'worker_num', 'use_vdl', 'vdl',
               'pretrain_weights', 'teacher_weights', 'check_teacher', 'use_ema', 'weights')
TEACHER_MARGIN = 0.01  # of mAP; a teacher with a smaller lead has little to teach


class Text(NamedTuple):
    """A paragraph."""
    text: str


class Note(NamedTuple):
    """A paragraph that must not be overlooked."""
    text: str


class Items(NamedTuple):
    """A list of paragraphs."""
    items: list


class Table(NamedTuple):
    """A table: caption, head, rows of text, each with its name in the first cell, and whether
    numbers are shaded by value."""
    caption: str
    head: list
    rows: list
    shaded: bool = False


class Chart(NamedTuple):
    """An SVG: its caption, the name of its file, its text."""
    caption: str
    name: str
    svg: str


class Picture(NamedTuple):
    """A JPEG: its caption, the name of its file, its bytes."""
    caption: str
    name: str
    jpeg: bytes


class Code(NamedTuple):
    """Lines of a shell, and, where they are long, the title under which they are folded away."""
    text: str
    title: str = ''


class Section(NamedTuple):
    """A part of the report: its anchor, its title and its blocks."""
    name: str
    title: str
    blocks: list


class Source(NamedTuple):
    """What the sections are made of.

    Attributes:
        content (dict): as ``content.report_content`` computes it.
        models (list of Model): analysed.
        words (dict): text of the language.
        output (str): folder of the report.
        pictures (int): images for each reason.
    """
    content: dict
    models: list
    words: dict
    output: str
    pictures: int

    @property
    def truth(self):
        """Truth: of the test images."""
        return self.models[0].first.evaluation.truth

    @property
    def main(self):
        """int: the position of the model that would go to the line."""
        roles = [model.role for model in self.models]
        return next(roles.index(role) for role in ('distilled', 'student', 'model', 'teacher')
                    if role in roles)


def make_sections(source):
    """list of Section: in the order of the report."""
    makers = {'verdict': _verdict, 'run': _runs, 'data': _data, 'training': _training,
              'accuracy': _accuracy, 'operating': _operating, 'images': _images,
              'confusion': _confusion, 'kinds': _kinds, 'pictures': _pictures, 'cost': _cost,
              'sure': _sure, 'next': _next}
    return [Section(name, source.words[f'section_{name}'], list(make(source)))
            for name, make in progress(makers.items(), 'drawing', 'section')]


def thresholds_name(model):
    """str: name of the file with the thresholds of a model."""
    return f'thresholds_{model.role}_{model.first.run.name}.json'


def _percent(value):
    return '-' if value is None else f'{100 * value:.1f}'


def _spread(summary, form=_percent):
    """str: mean and standard deviation."""
    text = form(summary['mean'])
    return text if summary['deviation'] is None else f'{text} ± {form(summary["deviation"])}'


def _rate(value):
    return '-' if value is None else f'{value:.2f}'


def _threshold(value):
    return '-' if value is None else f'{value:.4f}'.rstrip('0').rstrip('.')


def _signed(value):
    # Not "-0.0", which looks like a loss.
    return '-' if value is None else f'{round(100 * value, 1) + 0.0:+.1f}'


def _rule(source):
    (name, value), = source.content['rule'].items()
    text = f'{value:g}' if name == 'false_alarms' else f'{100 * value:g} %'
    return source.words[f'rule_{name}'].format(value=text)


def _verdict(source):
    words, models = source.words, source.content['models']
    yield Note(_verdict_text(source))
    rows = [[m['title'], f'{m["cost"]["parameters"]:,}', f'{m["cost"]["megabytes"]:.1f}',
             _measured(m, 'milliseconds'), _spread(m['accuracy']['mAP']),
             _spread(m['accuracy']['AP50']), _spread(m['at_threshold']['recall']),
             _spread(m['at_threshold']['false_alarms'], _rate)] for m in models]
    yield Table(words['verdict_table'],
                [words[key] for key in ('model_column', 'parameters', 'file', 'ms')]
                + ['mAP', 'AP50', words['recall'], words['false_alarms']], rows)
    yield Text(words['verdict_note'].format(rule=_rule(source)) if source.content['validated'] else
               words['verdict_unvalidated'].format(
                   threshold=_threshold(models[0]['threshold']['by_seed'][0])))
    measured = [m['cost'] for m in models if m['cost']['milliseconds']]
    if measured:
        yield Text(words['machine'].format(**measured[0]))
    yield from _not_kept(source)
    if source.content['gains']:
        yield _gains_table(source)


def _measured(model, key, divisor=1):
    value = model['cost'][key]
    return '-' if value is None else f'{value / divisor:.1f}'


def _verdict_text(source):
    words, gains = source.words, source.content['gains']
    if gains:
        return ' '.join(_gain_text(words, gain) + _epochs_text(words, gain) for gain in gains)
    model = source.content['models'][source.main]
    found = model['at_threshold']
    roles = {m['role'] for m in source.content['models']}
    missing = '' if roles == {'model'} else ' ' + words['verdict_missing']
    if not sum(source.content['data']['test']['by_class'].values()):
        return words['verdict_plain_nothing'].format(model=model['title'])
    return words['verdict_plain'].format(
        model=model['title'], ap=_percent(model['accuracy']['mAP']['mean']),
        recall=f'{_percent(found["recall"]["mean"])} %',
        false_alarms=_rate(found['false_alarms']['mean'])) + missing


def _gain_text(words, gain):
    found = gain['mAP']
    mean, half = found['mean'], found['half_width']
    if mean is None:
        return words['verdict_none'].format(**gain)
    values = {'model': gain['model'], 'to': gain['to'], 'difference': _signed(mean),
              'pairs': found['pairs']}
    if half is None:
        return words['verdict_one'].format(**values)
    kind = 'gain' if mean > half else 'loss' if mean < -half else 'open'
    return words[f'verdict_{kind}'].format(low=_signed(mean - half), high=_signed(mean + half),
                                           **values)


def _epochs_text(words, gain):
    own, other = gain['epochs']
    if own is None or other is None:
        return ' ' + words['verdict_epochs_unknown']
    return '' if own == other else ' ' + words['verdict_epochs'].format(own=own, other=other,
                                                                        **gain)


def _gains_table(source):
    words, names = source.words, {'mAP': 'mAP', 'AP50': 'AP50', 'recall': source.words['recall']}
    head = [words['model_column']]
    for title in names.values():
        head += [words['difference_by_seed'].format(metric=title),
                 words['bootstrap'].format(metric=title)]
    rows = []
    for gain in source.content['gains']:
        row = [gain['model']]
        for name in names:
            half = gain[name]['half_width']
            row += [_signed(gain[name]['mean']) + ('' if half is None else f' ± {100 * half:.1f}'),
                    _interval(gain[name]['bootstrap'], _signed)]
        rows.append(row)
    return Table(words['gains_table'], head, rows)


def _interval(values, form=_percent):
    return '-' if values is None else f'{form(values[0])} … {form(values[1])}'


def _runs(source):
    words = source.words
    unknown, rows = words['unknown'], []
    runs = [(model['title'], run) for model in source.content['models'] for run in model['runs']]
    for title, run in runs:
        versions = run['versions'] or {}
        seconds = run['seconds']
        rows.append([title, str(run['seed']), run['folder'], run['config'] or unknown,
                     run['slim_config'] or '-', run['date'] or unknown,
                     f'{seconds / 3600:.1f}' if seconds else unknown,
                     ', '.join(f'{name} {value}' for name, value in versions.items()) or unknown])
    yield Table(words['runs_table'], [words[key] for key in (
        'model_column', 'seeds', 'folder', 'config', 'slim_config', 'date', 'hours', 'versions')],
        rows)
    data = source.content['data']
    yield Text(words['test_set'].format(
        path=data['test']['path'],
        validation=data.get('validation', {}).get('path', words['no_validation'])))
    for _, run in runs:
        if run['commands']:
            yield Code('\n'.join(f'python tools/{tool}.py {shlex.join(arguments)}'
                                 for tool, *arguments in run['commands']),
                       words['commands'].format(folder=run['folder']))


def _data(source):
    words, data = source.words, source.content['data']
    names = source.truth.names
    yield Table(words['data_table'], ['', *(words[name] for name in data)], [
        *([words[key], *(str(each[key]) for each in data.values())]
          for key in ('images', 'without_boxes', 'boxes')),
        *([words['boxes_of'].format(name=name),
           *(str(each['by_class'].get(name, 0)) for each in data.values())] for name in names)])
    labels = class_labels(names)
    if labels != names:
        yield Text(words['class_numbers'].format(
            numbers=', '.join(f'{label} = {name}' for label, name in zip(labels, names))))
    if any(each['sides'] for each in data.values()):
        yield Chart(words['sizes_chart'], 'box_sizes', charts.box_sizes(
            data, [_chart_words(source)[name] for name in data], _chart_words(source)))
        yield Text(words['sizes_note'])
    evaluation = source.models[0].first.evaluation
    if evaluation.images:
        yield Picture(words['samples'], 'samples', pictures.draw_samples(evaluation, labels))


def _chart_words(source):
    """dict: text of charts, in English if this machine has no Chinese font."""
    return source.words if can_draw(source.words['title']) else WORDS['en']


def _training(source):
    words = source.words
    curves = [(model.drawn, [read_curves(a.run) for a in model.analyses])
              for model in source.models]
    curves = [(title, runs) for title, runs in curves if any(runs)]
    if not curves:
        yield Text(words['training_none'])
        return
    yield Chart(words['training_chart'], 'training', charts.training(curves, _chart_words(source)))
    yield Text(words['training_note'])


def _accuracy(source):
    words, models, truth = source.words, source.content['models'], source.truth
    titles = [model['title'] for model in models]
    boxes = source.content['data']['test']['by_class']
    if not sum(boxes.values()):
        yield Text(words['no_boxes'])
        return
    yield Table(words['accuracy_table'], ['', *titles], [
        [name.replace('_', ' '), *(_spread(model['accuracy'][name]) for model in models)]
        for name in models[0]['accuracy']])
    if all(model['few_shot'] for model in models):
        yield Table(words['few_shot_table'], ['', *titles], [
            [f'{words.get(group, group)}{words["comma"]}{metric}',
             *(_spread(model['few_shot'][group][metric]) if group in model['few_shot'] else '-'
               for model in models)]
            for group in dict.fromkeys(group for m in models for group in m['few_shot'])
            for metric in ('AP', 'AP50')])
    gains = source.content['gains']
    heads = [words['gain_of'].format(**gain) for gain in gains]
    yield Table(words['classes_table'], [words['class'], words['objects'], *titles, *heads], [
        [_class_name(source, name), str(boxes[name]),
         *(_spread(model['classes'][name]['AP']) for model in models),
         *(_signed(gain['classes'][name]) for gain in gains)] for name in truth.names])
    yield Chart(words['classes_chart'], 'classes', charts.classes(
        models, class_labels(truth.names), _chart_words(source)))
    yield Chart(words['precision_recall_chart'], 'precision_recall',
                charts.precision_recall(models, _chart_words(source)))


def _class_name(source, name):
    base = source.content['base_classes']
    if not base:
        return name
    return source.words['base_class' if name in base else 'novel_class'].format(name=name)


def _operating(source):
    words, models = source.words, source.content['models']
    titles = [model['title'] for model in models]
    if not sum(source.content['data']['test']['by_class'].values()):
        yield Text(words['no_boxes'])
        return
    if source.content['validated']:
        yield Text(words['operating_note'])
        yield Table(words['budgets_table'], [words['budget'], *titles], [
            [f'{entry["budget"]:g}', *map(_budget_cell, entry['models'])]
            for entry in source.content['budgets']])
    else:
        yield Note(words['operating_none'])
    yield from _not_kept(source)
    yield Chart(words['froc_chart'], 'free_response',
                charts.free_response(source.models, _chart_words(source)))
    yield Chart(words['score_chart'], 'by_score',
                charts.by_score(source.models, _chart_words(source)))
    if source.content['validated']:
        yield from _chosen(source)


def _not_kept(source):
    for model in source.content['models'] if source.content['validated'] else ():
        if not model['threshold']['chosen']:
            yield Note(source.words['not_kept'].format(
                model=model['title'], threshold=_threshold(model['threshold']['by_seed'][0])))
        classes = model['threshold']['not_kept']
        if classes:
            yield Note(source.words['not_kept_classes'].format(
                model=model['title'], classes=source.words['comma'].join(classes),
                threshold=_threshold(model['threshold']['by_class'][classes[0]])))


def _budget_cell(found):
    if found is None:
        return '-'
    return (f'{_spread(found["recall"])} ({_threshold(found["thresholds"][0])}; '
            f'{_rate(found["false_alarms"]["mean"])})')


def _chosen(source):
    words, main = source.words, source.content['models'][source.main]
    rows = []
    for model in source.content['models']:
        for key, kind in (('at_threshold', 'one_threshold'),
                          ('at_class_thresholds', 'class_thresholds')):
            found = model[key]
            rows.append([f'{model["title"]}{words["comma"]}{words[kind]}', _spread(found['recall']),
                         _spread(found['precision']), _spread(found['false_alarms'], _rate)])
    yield Table(words['chosen_table'].format(rule=_rule(source)),
                ['', *(words[key] for key in ('recall', 'precision', 'false_alarms'))], rows)
    yield Table(words['by_class_table'].format(model=main['title']),
                [words[key] for key in ('class', 'threshold', 'recall', 'false_alarms')], [
                    [_class_name(source, name), _threshold(main['threshold']['by_class'][name]),
                     _percent(main['at_class_thresholds']['classes'][name]['recall']),
                     _rate(main['at_class_thresholds']['classes'][name]['false_alarms'])]
                    for name in source.truth.names])
    rule, = source.content['rule']
    yield Text(words['by_class_note'].format(own=words[f'own_{rule}']))
    command = _infer_command(source)
    if command:
        yield Text(words['infer_note'])
        yield Code(command)


def _infer_command(source):
    model = source.models[source.main]
    run = model.first.run
    if run.training is None or not run.training.config:
        return None
    common = f'python tools/infer.py -c {shlex.quote(run.training.config)} --infer_dir FOLDER'
    options = {key: value for key, value in run.training.options.items()
               if not key.startswith(OF_TRAINING)}
    weights = '-o ' + shlex.join(f'{key}={value}' for key, value in (
        *options.items(), ('weights', run.weights)))
    path = shlex.quote(os.path.join(source.output, thresholds_name(model)))
    return (f'{common} --draw_threshold {_threshold(model.first.threshold)} {weights}\n'
            f'{common} --thresholds {path} {weights}')


def _images(source):
    words, decisions = source.words, source.content['image_decisions']
    counts = decisions[0]['threshold']
    yield Text(words['images_note'].format(defective=counts['defective'], sound=counts['sound']))
    if not counts['sound']:
        yield Note(words['images_no_sound'])
    if not counts['defective']:
        yield Note(words['images_no_defective'])
    rows = []
    for model, decision in zip(source.content['models'], decisions):
        for key, kind in (('threshold', 'by_rule'), ('class_thresholds', 'by_rule_classes'),
                          ('cheapest', 'by_cost')):
            found = decision[key]
            if found:
                title = f'{model["title"]}{words["comma"]}{words[kind]}'
                threshold = found['threshold']
                rows.append([title, '' if isinstance(threshold, list) else _threshold(threshold),
                             _share(found, 'escape'), _share(found, 'overkill'),
                             f'{found["cost"]:g}' if counts['sound'] else '-'])
    yield Table(words['images_table'], [words[key] for key in (
        'chosen_at', 'threshold', 'escape', 'overkill', 'cost_column')], rows)
    if not (counts['sound'] and counts['defective']):
        return
    yield Text(words['cost_note'].format(
        **{key: f'{value:g}' for key, value in source.content['costs'].items()}))
    if decisions[0]['cheapest'] is None:
        yield Text(words['images_no_cost'])
    yield Chart(words['images_chart'], 'image_decisions',
                charts.image_decisions(source.models, _chart_words(source)))


def _share(found, name):
    if found[name] is None:
        return '-'
    counted, whole = {'escape': ('escapes', 'defective'), 'overkill': ('overkills', 'sound')}[name]
    low, high = found[f'{name}_interval']
    return (f'{_percent(found[name])} % ({_percent(low)} … {_percent(high)}), '
            f'{found[counted]} / {found[whole]}')


def _confusion(source):
    words = source.words
    yield Text(words['confusion_note'])
    names = [*source.truth.names, words['background']]
    for model in source.content['models']:
        yield Table(words['confusion_table'].format(model=model['title']), ['', *names],
                    [[name, *map(str, row)] for name, row in zip(names, model['confusion'])], True)


def _kinds(source):
    words, models = source.words, source.content['models']
    yield Text(words['kinds_note'])
    yield Table(words['kinds_table'], [words['kind'], *(model['title'] for model in models)], [
        [words[f'kind_{kind}'], *(f'{model["mistakes"][kind]:g}' for model in models)]
        for kind in KINDS])
    drawn = _chart_words(source)
    yield Chart(words['kinds_chart'], 'kinds', charts.kinds(
        models, [drawn[f'kind_{kind}'] for kind in KINDS], drawn))


def _pictures(source):
    words, truth = source.words, source.truth
    if not source.models[0].first.evaluation.images:
        yield Text(words['pictures_none'])
        return
    choices = pictures.choose_images(source.models, source.pictures)
    yield Text(words['pictures_note'] if choices else words['pictures_nothing'])
    labels = class_labels(truth.names)
    plain = '_plain' if len(source.models) == 1 else ''
    for number, (reason, position) in enumerate(choices):
        reason_text = words.get(f'reason_{reason}{plain}', words[f'reason_{reason}'])
        counts = words['separator'].join(words['picture_counts'].format(
            model=model.title, found=len(result.hit), false=len(result.false),
            missed=len(result.missed))
            for model in source.models for result in [model.first.results[position]])
        caption = words['picture_alt'].format(reason=reason_text, file=truth.file_names[position],
                                              models=counts)
        yield Picture(caption, f'{number:02}_{reason}', pictures.draw_image(
            source.models, position, labels, _chart_words(source)['truth']))


def _cost(source):
    words, models = source.words, source.content['models']
    yield Table(words['cost_table'], [words[key] for key in (
        'model_column', 'parameters', 'file', 'flops', 'ms', 'ms_95', 'memory')], [
            [model['title'], f'{model["cost"]["parameters"]:,}', _measured(model, 'megabytes'),
             _measured(model, 'flops', 1e9), _measured(model, 'milliseconds'),
             _measured(model, 'milliseconds_95'), _measured(model, 'memory_megabytes')]
            for model in models])
    measured = [model for model in models if model['cost']['milliseconds']]
    if not measured:
        yield Text(words['cost_none'])
        return
    yield Text(words['machine'].format(**measured[0]['cost']) + ' ' + words['cost_details'])
    if all(model['accuracy']['mAP']['mean'] is not None for model in measured):
        yield Chart(words['speed_chart'], 'speed', charts.speed(measured, _chart_words(source)))


def _sure(source):
    words, models = source.words, source.content['models']
    yield Text(words['sure_seeds'].format(seeds='; '.join(
        f'{model["title"]} {", ".join(map(str, model["seeds"]))}' for model in models)))
    if min(len(model['seeds']) for model in models if model['role'] != 'teacher' or len(
            models) == 1) < 2:
        yield Text(words['sure_one'])
    if not models[0]['bootstrap']:
        return
    yield Text(words['sure_bootstrap'].format(resamples=RESAMPLES,
                                              images=source.content['data']['test']['images']))
    yield Table(words['sure_table'], [words['model_column'], 'mAP', 'AP50', words['recall']], [
        [model['title'], *map(_interval, model['bootstrap'].values())] for model in models])
    if source.content['gains']:
        yield _gains_table(source)


def _next(source):
    words, content = source.words, source.content
    yield Items(list(_advice(words, content, content['models'][source.main])))


def _advice(words, content, main):
    by_role = {model['role']: model for model in reversed(content['models'])}
    if 'teacher' in by_role and 'student' in by_role:
        teacher, student = (by_role[role]['accuracy']['mAP']['mean']
                            for role in ('teacher', 'student'))
        if None not in (teacher, student):
            kind = 'good' if teacher - student > TEACHER_MARGIN else 'weak'
            yield words[f'next_teacher_{kind}'].format(
                teacher=_percent(teacher), student=_percent(student),
                difference=_signed(teacher - student))
    if any(len(by_role[role]['seeds']) < 3 for role in ('student', 'distilled') if role in by_role):
        yield words['next_seeds']
    if 'distilled' in by_role:
        yield words['next_terms']
        yield words['next_longer']
    kind = max(main['mistakes'], key=main['mistakes'].get)
    if main['mistakes'][kind]:
        yield words['next_kind'].format(
            model=main['title'], kind=words[f'kind_{kind}'], count=f'{main["mistakes"][kind]:g}',
            advice=words[f'advice_{kind}'])
    if not content['image_decisions'][0]['threshold']['sound']:
        yield words['next_sound']
    if not content['validated']:
        yield words['next_validation']


