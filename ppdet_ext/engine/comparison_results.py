# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Tables and chart of a comparison: means over seeds, and differences by seed to a baseline."""
import itertools
import os
import statistics
from typing import NamedTuple

from matplotlib.figure import Figure
from terminaltables import AsciiTable, GithubFlavoredMarkdownTable

from ..utils.files import read_json, write_json, write_text
from ..utils.paired import difference

__all__ = ['Run', 'metrics_line', 'read_runs', 'write_results']

METRICS = ('mAP', 'AP50')


class Run(NamedTuple):
    """A finished run.

    Attributes:
        entry (Entry): what was trained.
        seed (int): of the training.
        seconds (float): the time that training and evaluation took.
        sets (dict): ``metrics.json`` of every set.
    """
    entry: tuple
    seed: int
    seconds: float
    sets: dict


def read_runs(comparison, output):
    """list of Run: those that are finished, in the order of the comparison."""
    runs = []
    for entry in comparison.entries:
        for seed in entry.seeds:
            folder = os.path.join(output, entry.name, f'seed{seed}')
            record = os.path.join(folder, 'run.json')
            seconds = read_json(record).get('seconds') if os.path.isfile(record) else None
            if seconds is not None:
                runs.append(Run(entry, seed, seconds, {
                    name: read_json(os.path.join(folder, name, 'metrics.json'))
                    for name in comparison.sets}))
    return runs


def write_results(comparison, output):
    """Writes ``<name>.json``, ``<name>.md`` and, of several schedules, ``<name>_schedule.png``.

    Args:
        comparison (Comparison): what is compared.
        output (str): folder of the comparison.

    Returns:
        str: the tables, for a terminal.
    """
    runs = read_runs(comparison, output)
    path = os.path.join(output, comparison.name)
    write_json(f'{path}.json', {'runs': [
        {'method': run.entry.method, 'epochs': run.entry.epochs, 'seed': run.seed,
         'seconds': run.seconds, 'sets': run.sets} for run in runs]})
    write_text(f'{path}.md',
               '\n\n'.join(_tables(comparison, runs, GithubFlavoredMarkdownTable)) + '\n')
    curves = _curves(comparison, runs)
    if curves:
        _draw(curves, list(comparison.sets)[-1], f'{path}_schedule.png')
    return '\n'.join(_tables(comparison, runs, AsciiTable))


def metrics_line(folder):
    """str: mAP and AP50 of the set whose evaluation lies in a folder."""
    metrics = read_json(os.path.join(folder, 'metrics.json'))
    return ', '.join(f'{name} {_percent(metrics[name])}' for name in METRICS
                     ) + f' on {os.path.basename(folder)}'


def _tables(comparison, runs, kind):
    """Yields titles and tables: the methods on each set, and the classes of the last set."""
    tried = any(entry.settings_tried for entry in comparison.entries)
    for name in comparison.sets:
        rows = [['method', 'epochs', 'seeds', *METRICS,
                 *(f'{metric}, difference by seed' for metric in METRICS), 'to',
                 *['settings tried'] * tried]]
        rows += [_row(entry, name, runs) + [str(entry.settings_tried or '-')] * tried
                 for entry in comparison.entries if _of(entry, runs)]
        yield f'{name}: mean ± standard deviation over the seeds; differences with their 95 % ' \
              'interval'
        yield _aligned(kind, rows)
    classes = next((list(run.sets[name]['classes']) for run in runs), [])
    rows = [['method', 'epochs', *classes]]
    for entry in comparison.entries:
        found = _of(entry, runs)
        if found:
            rows.append([entry.method, str(entry.epochs), *(
                _mean([run.sets[name]['classes'][each]['AP'] for run in found])
                for each in classes)])
    yield f'{name}: AP by class'
    yield _aligned(kind, rows)


def _aligned(kind, rows):
    table = kind(rows)
    table.justify_columns = {column: 'right' for column in range(1, len(rows[0]))}
    return table.table


def _of(entry, runs):
    return [run for run in runs if run.entry == entry]


def _by_seed(entry, set_name, metric, runs):
    return {run.seed: run.sets[set_name][metric] for run in _of(entry, runs)}


def _row(entry, set_name, runs):
    values = {metric: _by_seed(entry, set_name, metric, runs) for metric in METRICS}
    cells = [entry.method, str(entry.epochs), str(len(values[METRICS[0]]))]
    cells += [_mean(list(values[metric].values())) for metric in METRICS]
    baseline = next((run.entry for run in runs if run.entry.method == entry.baseline
                     and run.entry.epochs == entry.epochs), None)
    if baseline is None:
        return [*cells, '', '', '']
    differences = [difference(values[metric], _by_seed(baseline, set_name, metric, runs))
                   for metric in METRICS]
    return [*cells, *map(_difference_text, differences), entry.baseline]


def _difference_text(found):
    if found is None:
        return ''
    mean, half = found
    return f'{100 * mean:+.1f}' + ('' if half is None else f' ± {100 * half:.1f}')


def _mean(values):
    if None in values:
        return '-'
    mean = _percent(statistics.mean(values))
    return f'{mean} ± {100 * statistics.stdev(values):.1f}' if len(values) > 1 else mean


def _percent(fraction):
    return '-' if fraction is None else f'{100 * fraction:.1f}'


def _curves(comparison, runs):
    """dict of str to dict: mAP of the last set by epochs, of methods with several schedules.

    Only the first seed of each schedule counts, since longer schedules have only that one.
    """
    set_name, curves = list(comparison.sets)[-1], {}
    for run in runs:
        value = run.sets[set_name]['mAP']
        if run.seed == run.entry.seeds[0] and value is not None:
            curves.setdefault(run.entry.method, {})[run.entry.epochs] = value
    return {method: points for method, points in curves.items() if len(points) > 1}


def _draw(curves, set_name, path):
    figure = Figure(figsize=(6.4, 4), layout='constrained')
    panel = figure.subplots()
    ticks = sorted({epochs for points in curves.values() for epochs in points})
    markers, lines = itertools.cycle('osD^v*'), itertools.cycle(('-', '--', '-.', ':'))
    for (method, points), marker, line in zip(curves.items(), markers, lines):
        epochs = sorted(points)
        panel.plot(epochs, [100 * points[number] for number in epochs], marker=marker,
                   linestyle=line, label=method)
    panel.set_xscale('log', base=2)
    panel.set(xlabel='epochs of the schedule', ylabel=f'mAP, {set_name}, first seed', xticks=ticks,
              xticklabels=ticks)
    panel.minorticks_off()
    panel.grid(alpha=0.3)
    panel.legend()
    figure.savefig(path, dpi=150)
