# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Computes every value of a report, as in report.json."""
import os
import statistics
from typing import NamedTuple, Optional

import numpy as np

from ..safe_io.safe_pickle import load_state
from ..utils.paired import difference
from ..utils.progress import progress
from . import operating_points as points
from .fonts import can_draw
from .matching import match, read_truth
from .mistakes import confusion_matrix, image_results, mistakes
from .precision import RECALLS, average_precision, precision_curves
from .uncertainty import interval, resample, resampled_precision, resampled_recall

__all__ = ['BUDGETS', 'Settings', 'Analysis', 'Model', 'analyse', 'report_content']

BUDGETS = (0.2, 0.5, 1, 2)  # false alarms per image
FALLBACK = 0.5  # threshold where none can be chosen
AP_METRICS = ('mAP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large')
COMPARED = ('mAP', 'AP50', 'recall')
TOLERANCE = 1e-4  # of AP computed here and in metrics.json


class Settings(NamedTuple):
    """Settings of a report: the rule for the threshold, and what wrong decisions cost."""
    rule: points.Rule
    cost_of_escape: float = 10.0
    cost_of_overkill: float = 1.0


class Analysis(NamedTuple):
    """The analysis of one run.

    Attributes:
        run (Run): the run.
        evaluation (Evaluation): of the test images.
        matches (Matches): of its detections.
        test, validation (Sweep): counts by threshold; validation is None without such images.
        threshold (float): for all classes.
        thresholds (list of float): by class.
        kept (bool): whether a threshold for all classes that meets the rule could be chosen.
        not_kept (list of str): the classes for which no threshold meets it.
        results (list of ImageResult): test images at the threshold.
        test_scores, validation_scores (ImageScores): for decisions on images.
        resampled (dict): metrics of samples of the test images.
    """
    run: tuple
    evaluation: tuple
    matches: tuple
    test: tuple
    validation: Optional[tuple]
    threshold: float
    thresholds: list
    kept: bool
    not_kept: list
    results: list
    test_scores: tuple
    validation_scores: Optional[tuple]
    resampled: dict


class Model(NamedTuple):
    """Runs that differ by seed only.

    Attributes:
        role, label (str): as of its runs.
        title (str): what the report calls it.
        drawn (str): what charts call it, where the fonts of this machine do not have the title.
        analyses (list of Analysis): of its runs.
    """
    role: str
    label: str
    title: str
    drawn: str
    analyses: list

    @property
    def first(self):
        """Analysis: of the first seed, where one has to stand for all."""
        return self.analyses[0]


def analyse(runs, evaluations, settings, titles):
    """Analyses runs.

    Args:
        runs (list of Run): in the order of the report.
        evaluations (dict): as ``runs.evaluate_all`` returns it.
        settings (Settings): of the report.
        titles (dict of str to str): title of each role.

    Returns:
        list of Model: one for each role and label.

    Raises:
        ValueError: a ``metrics.json`` does not belong to its ``bbox.json``.
    """
    images = len(next(iter(evaluations['test'].values())).truth.file_names)
    weights = resample(images)
    groups = {}
    for run in progress(runs, 'analysing', 'run'):
        sets = {name: by_run[run.key] for name, by_run in evaluations.items()}
        groups.setdefault((run.role, run.label), []).append(
            _analyse_run(run, sets, settings, weights))
    roles = [role for role, _ in groups]
    models = []
    for (role, label), analyses in groups.items():
        title = titles[role] + (f' {label}' if roles.count(role) > 1 else '')
        drawn = title if can_draw(title) else f'{role} {len(models) + 1}'
        models.append(Model(role, label, title, drawn, analyses))
    return models


def _analyse_run(run, sets, settings, weights):
    evaluation = sets['test']
    truth = evaluation.truth
    matches = match(truth, evaluation.detections)
    _check_metrics(evaluation, matches)
    validation = validation_scores = chosen = None
    threshold, closest = FALLBACK, points.closest(settings.rule)
    by_class = [FALLBACK] * len(truth.names)
    if 'validation' in sets:
        other = sets['validation']
        validation = points.sweep(match(other.truth, other.detections))
        validation_scores = points.image_scores(other.truth, other.detections)
        chosen = points.choose(validation, settings.rule)
        if validation.objects.sum():
            threshold = closest if chosen is None else chosen
        by_class = points.choose_by_class(validation, settings.rule, threshold)
    thresholds = [closest if own is None else own for own in by_class]
    not_kept = [name for name, own in zip(truth.names, by_class) if own is None]
    results = image_results(truth, matches, threshold)
    resampled = {**resampled_precision(matches, weights),
                 'recall': resampled_recall(results, weights)}
    return Analysis(run, evaluation, matches, points.sweep(matches), validation, threshold,
                    thresholds, chosen is not None, not_kept, results,
                    points.image_scores(truth, evaluation.detections), validation_scores, resampled)


def _check_metrics(evaluation, matches):
    """Refuses metrics that do not belong to the detections: the two files may differ in age."""
    precision = average_precision(matches)
    computed = float(np.nanmean(precision)) if not np.isnan(precision).all() else None
    kept = evaluation.metrics.get('mAP')
    if (computed is None) != (kept is None) or (
            computed is not None and abs(computed - kept) > TOLERANCE):
        raise ValueError(f'{evaluation.folder}: metrics.json says mAP {kept}, bbox.json gives '
                         f'{computed} on {evaluation.truth.path}: they are not of one evaluation; '
                         f'evaluate again with tools/eval.py')


def report_content(models, evaluations, settings):
    """Puts all values together.

    Args:
        models (list of Model): analysed.
        evaluations (dict): as ``runs.evaluate_all`` returns it.
        settings (Settings): of the report.

    Returns:
        dict: what report.json holds; shares from 0 to 1, None where there is nothing to measure.
    """
    truth = models[0].first.evaluation.truth
    gains = [_gain(model, _baseline(model, models)) for model in models
             if model.role == 'distilled' and _baseline(model, models)]
    return {
        # What the data set says of itself, or of the one that a few-shot set was made of.
        'synthetic': any('synthetic' in str(truth.info.get(key)).lower()
                         for key in ('description', 'source')),
        'rule': {key: value for key, value in settings.rule._asdict().items() if value is not None},
        'costs': {'escape': settings.cost_of_escape, 'overkill': settings.cost_of_overkill},
        'validated': 'validation' in evaluations,
        'base_classes': truth.info.get('base_classes'),
        'data': _data(evaluations, models),
        'models': [_model_content(model, truth) for model in models],
        'budgets': [{'budget': budget, 'models': [_at_budget(model, budget) for model in models]}
                    for budget in BUDGETS] if 'validation' in evaluations else [],
        'image_decisions': _image_decisions(models, settings),
        'gains': gains,
    }


def _mean(values):
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None


def _summary(values):
    varies = len(values) > 1 and None not in values
    return {'mean': _mean(values), 'deviation': statistics.stdev(values) if varies else None,
            'by_seed': values}


def _data(evaluations, models):
    """dict: of each set its images, boxes by class and sizes without crowds, and sound images."""
    truths = {name: next(iter(by_run.values())).truth for name, by_run in evaluations.items()}
    folder = os.path.dirname(truths['test'].path)
    record = models[0].first.run.record
    train = record.get('annotations') or os.path.join(folder, 'train.json')
    if os.path.isfile(train):
        truths = {'train': read_truth(train), **truths}
    return {name: {
        'path': truth.path, 'images': len(truth.file_names), 'boxes': int((~truth.crowd).sum()),
        'without_boxes': len(truth.file_names) - len(set(truth.images.tolist())),
        'by_class': dict(zip(truth.names, np.bincount(
            truth.classes[~truth.crowd], minlength=len(truth.names)).tolist())),
        'sides': np.sqrt(truth.boxes[~truth.crowd, 2:].prod(axis=1)).round(2).tolist(),
    } for name, truth in truths.items()}


def _model_content(model, truth):
    first = model.first
    outcomes = [points.outcome(a.test, a.threshold) for a in model.analyses]
    by_class = [points.outcome(a.test, a.thresholds) for a in model.analyses]
    metrics = [a.evaluation.metrics for a in model.analyses]
    kinds = [mistakes(truth, a.matches, a.results) for a in model.analyses]
    return {
        'title': model.title, 'drawn': model.drawn, 'role': model.role, 'label': model.label,
        'seeds': [a.run.seed for a in model.analyses],
        'runs': [_run_record(a) for a in model.analyses],
        'cost': _cost(first),
        'accuracy': {name: _summary([m.get(name) for m in metrics]) for name in AP_METRICS},
        'classes': {name: {metric: _summary([m['classes'][name][metric] for m in metrics])
                           for metric in ('AP', 'AP50')} for name in truth.names},
        'few_shot': {group: {metric: _summary([m['few_shot'][group][metric] for m in metrics])
                             for metric in ('AP', 'AP50')}
                     for group in metrics[0].get('few_shot', {})
                     if all(group in m.get('few_shot', {}) for m in metrics)},
        'precision_recall': {
            'recall': RECALLS.tolist(),
            'precision': np.nan_to_num(np.mean([np.nanmean(precision_curves(a.matches), axis=0)
                                                for a in model.analyses], axis=0)).tolist()
            if first.test.objects.sum() else []},
        'threshold': {'chosen': first.kept, 'by_seed': [a.threshold for a in model.analyses],
                      'by_class': dict(zip(truth.names, first.thresholds)),
                      'not_kept': first.not_kept},
        'at_threshold': _outcomes(outcomes, truth.names),
        'at_class_thresholds': _outcomes(by_class, truth.names),
        'confusion': confusion_matrix(truth, first.matches, first.results).tolist(),
        'mistakes': {kind: _mean([count[kind] for count in kinds]) for kind in kinds[0]},
        'bootstrap': {name: interval(np.mean([a.resampled[name] for a in model.analyses], axis=0))
                      for name in COMPARED if first.test.objects.sum()},
    }


def _outcomes(outcomes, names):
    return {
        **{key: _summary([outcome[key] for outcome in outcomes])
           for key in ('recall', 'false_alarms', 'precision')},
        'classes': {name: {'recall': _mean([o['recall_by_class'][k] for o in outcomes]),
                           'false_alarms': _mean([o['false_alarms_by_class'][k]
                                                  for o in outcomes])}
                    for k, name in enumerate(names)}}


def _run_record(analysis):
    run = analysis.run
    return {'folder': run.folder, 'weights': run.weights, 'seed': run.seed,
            'config': run.training and run.training.config,
            'slim_config': run.training and run.training.slim_config,
            'commands': [[command.tool, *command.arguments] for command in run.commands],
            'evaluation': analysis.evaluation.folder,
            **{key: run.record.get(key) for key in ('date', 'versions', 'machine', 'seconds')}}


def _cost(analysis):
    """dict: size of the weights, and what the evaluation measured."""
    weights = analysis.run.weights
    arrays = load_state(weights, return_numpy=True)
    parameters = sum(int(np.size(array)) for name, array in arrays.items()
                     if not name.endswith(('._mean', '._variance')))
    return {'parameters': parameters, 'megabytes': os.path.getsize(weights) / 1e6,
            **{key: analysis.evaluation.cost.get(key) for key in (
                'flops', 'milliseconds', 'milliseconds_95', 'memory_megabytes', 'machine',
                'input')}}


def _at_budget(model, budget):
    """dict: thresholds chosen on the validation images, what they bring on the test images."""
    chosen = [points.choose(a.validation, points.Rule(false_alarms=budget))
              for a in model.analyses]
    if None in chosen:
        return None
    outcomes = [points.outcome(a.test, threshold) for a, threshold in zip(model.analyses, chosen)]
    return {'thresholds': chosen, 'recall': _summary([o['recall'] for o in outcomes]),
            'false_alarms': _summary([o['false_alarms'] for o in outcomes])}


def _image_decisions(models, settings):
    """list of dict: of each model, decisions at its threshold and at the cheapest one."""
    decisions = []
    for model in models:
        first, costs = model.first, settings[1:]
        scores = first.validation_scores
        judged = scores is not None and scores.defective.any() and not scores.defective.all()
        cheapest = points.cheapest(scores, *costs) if judged else None
        decisions.append({
            'threshold': _decide(first.test_scores, first.threshold, costs),
            'class_thresholds': _decide(first.test_scores, first.thresholds, costs),
            'cheapest': _decide(first.test_scores, cheapest, costs) if judged else None})
    return decisions


def _decide(scores, thresholds, costs):
    counts = points.image_decisions(scores, thresholds)
    defective, sound = counts['defective'], counts['sound']
    return {**counts, 'threshold': thresholds,
            'escape': counts['escapes'] / defective if defective else None,
            'escape_interval': points.wilson(counts['escapes'], defective),
            'overkill': counts['overkills'] / sound if sound else None,
            'overkill_interval': points.wilson(counts['overkills'], sound),
            'cost': costs[0] * counts['escapes'] + costs[1] * counts['overkills']}


def _baseline(model, models):
    """Model or None: the student alone of the same config, if possible for as many epochs."""
    own, epochs = _config(model), _epochs(model)
    students = [other for other in models if other.role == 'student'
                and (_config(other) == own or None in (_config(other), own))]
    return max(students, default=None,
               key=lambda other: (_config(other) == own, _epochs(other) == epochs))


def _config(model):
    """str or None: path of the YAML it was trained with, where that was recorded."""
    training = model.first.run.training
    return os.path.abspath(training.config) if training and training.config else None


def _epochs(model):
    """int or None: how long it was trained, where that was recorded."""
    run = model.first.run
    epochs = run.record.get('epochs') or (run.training and run.training.options.get('epoch'))
    return epochs and int(epochs)


def _gain(model, baseline):
    """dict: differences of a model to another, by seed and over resampled test images."""
    names = model.first.evaluation.truth.names
    gain = {'model': model.title, 'to': baseline.title,
            'epochs': [_epochs(each) for each in (model, baseline)]}
    seeds = {a.run.seed for a in model.analyses} & {a.run.seed for a in baseline.analyses}
    model, baseline = (each._replace(analyses=[a for a in each.analyses if a.run.seed in seeds])
                       for each in (model, baseline))
    gain['classes'] = {name: _class_gain(model, baseline, name) for name in names}
    for name in COMPARED:
        values, others = (_by_seed(each, name) for each in (model, baseline))
        mean = half = sampled = None
        if seeds and None not in (*values.values(), *others.values()):
            mean, half = difference(values, others)
            one, other = (np.mean([a.resampled[name] for a in each.analyses], axis=0)
                          for each in (model, baseline))
            sampled = interval(one - other)
        gain[name] = {'mean': mean, 'half_width': half, 'pairs': len(seeds), 'bootstrap': sampled}
    return gain


def _class_gain(model, baseline, name):
    values = [_mean([a.evaluation.metrics['classes'][name]['AP'] for a in each.analyses])
              for each in (model, baseline)]
    return None if None in values else values[0] - values[1]


def _by_seed(model, name):
    if name == 'recall':
        return {a.run.seed: points.outcome(a.test, a.threshold)['recall'] for a in model.analyses}
    return {a.run.seed: a.evaluation.metrics.get(name) for a in model.analyses}
