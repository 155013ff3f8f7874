# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Draws the charts as SVG; lines and bars differ by dashes and hatches, not by colour alone."""
import io
import math

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from . import operating_points as points
from .fonts import text_style

__all__ = ['training', 'precision_recall', 'by_score', 'free_response', 'image_decisions',
           'classes', 'kinds', 'box_sizes', 'speed']

# From light to dark, so that the order survives greyscale.
COLORS = ('#9a9a9a', '#3b7dd8', '#b3400f', '#1b1b1b', '#6b8e23', '#7d3c98')
LINES = (':', '--', '-', '-.', (0, (6, 1, 1, 1, 1, 1)), (0, (1, 3)))
MARKERS = 'os^Dv*'
HATCHES = ('', '//', '..', 'xx', '\\\\', 'oo')
STRIDES = (8, 16, 32, 64, 128)  # of the levels of an FPN, in pixels


def _drawn(draw):
    """Decorator that turns a function returning a figure into one returning its SVG."""
    def svg(*arguments):
        buffer = io.BytesIO()
        # With a salt and no date, the same values give the same file.
        with matplotlib.rc_context({**text_style(10), 'axes.grid': True, 'grid.alpha': 0.3,
                                    'axes.axisbelow': True, 'hatch.linewidth': 0.6,
                                    'svg.hashsalt': 'report'}):
            draw(*arguments).savefig(buffer, format='svg', metadata={'Date': None})
        return buffer.getvalue().decode('utf-8')
    svg.__doc__ = draw.__doc__
    return svg


def _style(number, **options):
    # Earlier lines have gaps, so they are drawn above.
    return {'color': COLORS[number % len(COLORS)], 'linestyle': LINES[number % len(LINES)],
            'linewidth': 1.8, 'zorder': 3 - 0.1 * number, **options}


def _bars(panel, labels, series):
    """Grouped bars: for each label one bar per series (title, values)."""
    width = 0.8 / len(series)
    for number, (title, values) in enumerate(series):
        places = np.arange(len(labels)) + (number - (len(series) - 1) / 2) * width
        panel.bar(places, [math.nan if value is None else value for value in values], width,
                  label=title, color=COLORS[number % len(COLORS)],
                  hatch=HATCHES[number % len(HATCHES)], edgecolor='white', linewidth=0.5)
    slanted = max(map(len, labels)) * len(labels) > 80
    panel.set_xticks(np.arange(len(labels)), labels, rotation=25 if slanted else 0,
                     ha='right' if slanted else 'center')
    panel.grid(axis='x', visible=False)
    highest = max((value or 0 for _, values in series for value in values), default=0)
    panel.set_ylim(0, None if highest > 0 else 1)
    # Inside the panel it would cover bars.
    panel.figure.legend(loc='outside upper left', ncols=len(series))


def _panels_by_threshold(words, *labels):
    """Two panels side by side, of what the labels name against the threshold."""
    panels = Figure(figsize=(8.5, 3.6), layout='constrained').subplots(1, 2, sharex=True)
    for panel, label in zip(panels, labels):
        panel.set(xlabel=words['threshold'], ylabel=label, xlim=(0, 1), ylim=(0, 1.02))
    return panels


@_drawn
def training(curves, words):
    """Every loss term and AP against the step.

    Args:
        curves (list of tuple): title of the model and, of each of its runs, ``read_curves``.
        words (dict): text of the report.

    Returns:
        str: SVG.
    """
    names = sorted({name for _, runs in curves for run in runs for name in run},
                   key=lambda name: (name not in ('mAP', 'AP50'), name != 'loss', name))
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(3.6 * columns, 2.6 * rows + 0.5), layout='constrained')
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for name, panel in zip(names, panels):  # names first: the panels left over are hidden
        for number, (title, runs) in enumerate(curves):
            for run in runs:
                curve = run.get(name, {})
                panel.plot(sorted(curve), [curve[step] for step in sorted(curve)],
                           **_style(number, linewidth=1.3), label=title)
        panel.set_title(name, fontsize=10)
        panel.set_xlabel(words['step'], fontsize=8)
    for panel in panels:
        panel.set_axis_off()
    known = {}
    for panel in figure.axes:
        known.update(dict(zip(*panel.get_legend_handles_labels()[::-1])))
    figure.legend(known.values(), known.keys(), loc='outside upper center', ncols=len(known))
    return figure


@_drawn
def precision_recall(models, words):
    """Mean precision over the classes against recall; models: ``models`` of the content."""
    figure = Figure(figsize=(6, 4), layout='constrained')
    panel = figure.subplots()
    for number, model in enumerate(models):
        curve = model['precision_recall']
        panel.plot(curve['recall'], curve['precision'], label=model['drawn'], **_style(number))
    panel.set(xlabel=words['recall'], ylabel=words['precision'], xlim=(0, 1), ylim=(0, 1.02))
    panel.legend()
    return figure


def _mean_rates(model):
    """tuple of array: recall and false alarms per image at every threshold, mean over the seeds."""
    recall = np.mean([a.test.found.sum(axis=0) / a.test.objects.sum() for a in model.analyses],
                     axis=0)
    false = np.mean([a.test.false.sum(axis=0) / a.test.images for a in model.analyses], axis=0)
    return recall, false


@_drawn
def by_score(models, words):
    """Recall and precision against the threshold; models: list of Model."""
    left, right = _panels_by_threshold(words, words['recall'], words['precision'])
    for number, model in enumerate(models):
        counts = [a.test for a in model.analyses]
        found = np.sum([c.found.sum(axis=0) for c in counts], axis=0)
        total = found + np.sum([c.false.sum(axis=0) for c in counts], axis=0)
        style = _style(number, label=model.drawn)
        left.plot(points.GRID, _mean_rates(model)[0], **style)
        # With very few detections precision is meaningless.
        right.plot(points.GRID[total >= 5], found[total >= 5] / total[total >= 5], **style)
        for panel in (left, right):
            panel.axvline(model.first.threshold, **_style(number, linewidth=0.8))
    left.legend()
    return left.figure


@_drawn
def free_response(models, words):
    """Recall against false alarms per image (FROC), the chosen thresholds marked."""
    figure = Figure(figsize=(6, 4), layout='constrained')
    panel = figure.subplots()
    for number, model in enumerate(models):
        recall, false = _mean_rates(model)
        panel.plot(false, recall, label=model.drawn, **_style(number))
        for a in model.analyses:
            found = points.outcome(a.test, a.threshold)
            panel.plot(max(found['false_alarms'], 0.05), found['recall'], linestyle='',
                       color=COLORS[number % len(COLORS)], marker=MARKERS[number % len(MARKERS)],
                       markeredgecolor='black')
    panel.set_xscale('log')
    ticks = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)
    panel.set(xlabel=words['false_alarms'], ylabel=words['recall'], xlim=(0.05, 5), ylim=(0, 1.02),
              xticks=ticks, xticklabels=map(str, ticks))
    panel.minorticks_off()
    panel.legend()
    return figure


@_drawn
def image_decisions(models, words):
    """Escape and overkill against the threshold, of models judged on sound and defective images."""
    left, right = _panels_by_threshold(words, words['escape'], words['overkill'])
    for number, model in enumerate(models):
        scores = model.first.test_scores
        escapes, overkills = points.image_sweep(scores)
        style = _style(number, label=model.drawn)
        left.plot(points.GRID, escapes / scores.defective.sum(), **style)
        right.plot(points.GRID, overkills / (~scores.defective).sum(), **style)
    left.legend()
    return left.figure


@_drawn
def classes(models, labels, words):
    """AP of every class; models: ``models`` of the content, labels: of the classes."""
    figure = Figure(figsize=(8.5, 3.6), layout='constrained')
    panel = figure.subplots()
    _bars(panel, labels, [(model['drawn'], [
        value['AP']['mean'] and 100 * value['AP']['mean'] for value in model['classes'].values()])
        for model in models])
    panel.set_ylabel(f'AP, {words["percent"]}')
    return figure


@_drawn
def kinds(models, labels, words):
    """How many mistakes of each kind; labels: of the kinds."""
    figure = Figure(figsize=(8.5, 3.6), layout='constrained')
    panel = figure.subplots()
    _bars(panel, labels, [(model['drawn'], list(model['mistakes'].values())) for model in models])
    panel.set_ylabel(words['boxes'])
    return figure


@_drawn
def box_sizes(data, labels, words):
    """Sides of the boxes of every set, and the strides of the levels; labels: of the sets."""
    figure = Figure(figsize=(6.5, 3.4), layout='constrained')
    panel = figure.subplots()
    largest = max((side for each in data.values() for side in each['sides']), default=100)
    edges = np.geomspace(4, max(largest, 128) * 1.05, 25)
    for number, (each, label) in enumerate(zip(data.values(), labels)):
        if each['sides']:
            shares = np.full(len(each['sides']), 100 / len(each['sides']))
            panel.hist(np.clip(each['sides'], 4, None), edges, weights=shares, histtype='step',
                       label=label, **_style(number))
    for stride in STRIDES:
        panel.axvline(stride, color='black', linewidth=0.8, alpha=0.5)
    panel.set_xscale('log', base=2)
    ticks = [4, *STRIDES, 256, 512, 1024]
    ticks = [tick for tick in ticks if tick <= edges[-1]]
    panel.set(xlabel=words['side'], ylabel=words['share_of_boxes'], xticks=ticks,
              xticklabels=map(str, ticks))
    panel.minorticks_off()
    panel.legend()
    return figure


@_drawn
def speed(models, words):
    """mAP against the time of an image; models: those whose time was measured."""
    figure = Figure(figsize=(5.5, 3.6), layout='constrained')
    panel = figure.subplots()
    for number, model in enumerate(models):
        panel.plot(model['cost']['milliseconds'], 100 * model['accuracy']['mAP']['mean'],
                   linestyle='', markersize=9, color=COLORS[number % len(COLORS)],
                   marker=MARKERS[number % len(MARKERS)], label=model['drawn'])
    panel.set(xlabel=words['milliseconds'], ylabel=f'mAP, {words["percent"]}')
    panel.set_xlim(left=0)
    panel.margins(y=0.3)
    panel.legend()
    return figure
