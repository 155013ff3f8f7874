# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The mAP of timed models, and a chart of mAP against time."""
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatter

from .accuracy import mean_average_precision

__all__ = ['add_accuracy', 'draw']

# Runtimes differ by marker and models by its filling, so that the chart can be read in grey.
MARKERS = 'osD^vP*X'
FILLINGS = ('black', 'white', '#9a9a9a')
THREADS = 1  # of what is drawn


def add_accuracy(results, runtimes, annotations, image_dir):
    """Adds ``map``, in percent, to every measurement.

    Args:
        results (dict): of :func:`deploy.benchmark.benchmark`; it is changed.
        runtimes (list of type): those that were measured.
        annotations (str): COCO annotations.
        image_dir (str): folder of their images.
    """
    by_name, known = {runtime.name: runtime for runtime in runtimes}, {}
    for row in results['measurements']:
        key = row['folder'], row['runtime'], row['precision']
        if key not in known:
            print('evaluating {}: {}, {}'.format(*key), flush=True)
            known[key] = mean_average_precision(row['folder'], by_name[row['runtime']],
                                                row['precision'], annotations, image_dir)
        row['map'] = round(known[key], 3)


def draw(results):
    """matplotlib.figure.Figure: mAP against milliseconds per image, with one thread.

    Args:
        results (dict): of :func:`deploy.benchmark.benchmark`, with ``map`` in every measurement.
    """
    rows = [row for row in results['measurements'] if row['threads'] == THREADS]
    kinds = dict.fromkeys(f'{row["runtime"]}, {row["precision"]}' for row in rows)
    markers = {kind: MARKERS[number % len(MARKERS)] for number, kind in enumerate(kinds)}
    fillings = {folder: FILLINGS[number % len(FILLINGS)]
                for number, folder in enumerate(results['models'])}
    figure = Figure(figsize=(7, 4.2), layout='constrained')
    panel = figure.subplots()
    for row in rows:
        panel.plot(row['whole']['median'], row['map'], linestyle='', markersize=9, color='black',
                   markerfacecolor=fillings[row['folder']],
                   marker=markers[f'{row["runtime"]}, {row["precision"]}'])
    panel.set(xscale='log', xlabel='milliseconds per image, one thread', ylabel='mAP, percent')
    panel.xaxis.set_major_formatter(LogFormatter())
    panel.xaxis.set_minor_formatter(LogFormatter())
    panel.grid(True, color='#dddddd')
    panel.margins(0.1, 0.2)
    handles = [_handle(marker, 'white', kind) for kind, marker in markers.items()]
    handles += [_handle('o', filling, results['models'][folder]['name'])
                for folder, filling in fillings.items()]
    figure.legend(handles=handles, loc='outside right upper')
    return figure


def _handle(marker, filling, label):
    return Line2D([], [], linestyle='', marker=marker, markersize=9, color='black',
                  markerfacecolor=filling, label=label)
