# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Results of an incremental few-shot experiment, as in the tables of the DKAN paper.

AP_B, AP_N and AP_All are the mean over the base, the novel and all classes, fractions between 0 and
1; forgetting is AP_B of the base detector minus AP_B after the novel classes were learned.
"""
import glob
import itertools
import os
import re
import statistics
from typing import NamedTuple, Optional

from matplotlib.figure import Figure
from terminaltables import AsciiTable, GithubFlavoredMarkdownTable

from ..utils.files import read_json, write_json, write_text
from ..utils.paired import difference

__all__ = ['Result', 'difference_table', 'metrics_line', 'read_results', 'table', 'write_results']

# Headings and the keys of metrics.json.
PARTS = {'AP_B': 'base', 'AP_N': 'novel', 'AP_All': 'all', 'forgetting': 'forgetting'}
METRICS = {'AP50': 'IoU 0.5', 'AP': 'IoU 0.5:0.95'}
RUN_FOLDER = re.compile(r'(\d+)shot_seed(\d+)$')


class Result(NamedTuple):
    """``metrics.json`` of a run, or of the base detector, whose shots and seed are None."""
    method: str
    shots: Optional[int]
    seed: Optional[int]
    metrics: dict

    def metric(self, part, name):
        """float or None: ``AP`` or ``AP50`` of ``base``, ``novel``, ``all`` or ``forgetting``."""
        return self.metrics['few_shot'].get(part, {}).get(name)


def read_results(output):
    """Reads the results of the finished runs of all methods from the folder of an experiment.

    Returns:
        tuple: Result of the base detector, and list of Result of the runs, by shots, method and
        seed.

    Raises:
        ValueError: a ``metrics.json`` without metrics of base and novel classes.
    """
    base = Result('base detector', None, None,
                  _read_metrics(os.path.join(output, 'base', 'metrics.json')))
    results = []
    for path in glob.glob(os.path.join(glob.escape(output), '*', '*', 'metrics.json')):
        folder = os.path.dirname(path)
        match = RUN_FOLDER.match(os.path.basename(folder))
        if match:
            results.append(Result(os.path.basename(os.path.dirname(folder)),
                                  *map(int, match.groups()), _read_metrics(path)))
    return base, sorted(results, key=lambda r: (r.shots, r.method, r.seed))


def write_results(output, source):
    """Writes ``results.json``, ``table.md`` and ``results.png`` of all runs that are finished.

    Args:
        output (str): folder of the experiment.
        source (str): what was evaluated.

    Returns:
        str: the table, for a terminal.
    """
    base, results = read_results(output)
    write_json(os.path.join(output, 'results.json'), {
        'source': source, 'base_detector': _content(base),
        'runs': [{'method': r.method, 'shots': r.shots, 'seed': r.seed, **_content(r)}
                 for r in results]})
    text = (f'{source}: mean ± standard deviation over the seeds; of differences by seed, mean ± '
            f'half of the 95 % confidence interval')
    write_text(os.path.join(output, 'table.md'),
               '\n\n'.join([text, *_tables(base, results, GithubFlavoredMarkdownTable)]) + '\n')
    _draw(base, results, os.path.join(output, 'results.png'))
    return '\n'.join([text, *_tables(base, results, AsciiTable)])


def metrics_line(path):
    """str: the metrics of a ``metrics.json`` at IoU 0.5, on one line."""
    result = Result('', None, None, _read_metrics(path))
    metrics = {head: result.metric(part, 'AP50') for head, part in PARTS.items()}
    return ', '.join(f'{head} {value:.3f}' for head, value in metrics.items()
                     if value is not None) + ' at IoU 0.5'


def table(base, results, name):
    """Rows of the table: the base detector, then every method and number of shots.

    Args:
        base (Result): of the base detector.
        results (list of Result): of the runs.
        name (str): ``AP50`` or ``AP``.

    Returns:
        list of list of str: the heading and the rows; '-' for a missing value.
    """
    # "All" classes of the base detector would be others than in the rows below.
    rows = [['method', 'shots', 'seeds', *PARTS],
            [base.method, '-', '-', _text([base.metric('base', name)]), *'---']]
    for (shots, method), runs in _groups(results).items():
        cells = [_text([run.metric(part, name) for run in runs]) for part in PARTS.values()]
        rows.append([method, str(shots), str(len(runs)), *cells])
    return rows


def difference_table(results, name):
    """Rows of the differences between each two methods, with the same number of shots.

    Args:
        results (list of Result): of the runs.
        name (str): ``AP50`` or ``AP``.

    Returns:
        list of list of str: the heading and the rows: mean of the differences by seed, with half
        the width of its 95 % confidence interval where there are several seeds.
    """
    rows = [['difference', 'shots', 'seeds', *PARTS]]
    groups = _groups(results)
    for (shots, first), (others, second) in itertools.combinations(groups, 2):
        if shots != others:
            continue
        runs, baseline = ({run.seed: run for run in groups[shots, method]}
                          for method in (first, second))
        common = runs.keys() & baseline.keys()
        if common:
            rows.append([f'{first} minus {second}', str(shots), str(len(common)), *(
                _difference_text(*({seed: by_seed[seed].metric(part, name) for seed in common}
                                   for by_seed in (runs, baseline)))
                for part in PARTS.values())])
    return rows


def _difference_text(values, baseline):
    if None in [*values.values(), *baseline.values()]:
        return '-'
    mean, half_width = difference(values, baseline)
    return f'{mean:+.3f}' if half_width is None else f'{mean:+.3f} ± {half_width:.3f}'


def _tables(base, results, kind):
    """Yields title and tables of each metric, in turn."""
    for name, title in METRICS.items():
        yield title
        for rows in (table(base, results, name), difference_table(results, name)):
            if len(rows) > 1:
                content = kind(rows)
                content.justify_columns = {column: 'right' for column in range(1, 3 + len(PARTS))}
                yield content.table


def _groups(results):
    """dict: (shots, method) to the results of its seeds."""
    groups = {}
    for result in results:
        groups.setdefault((result.shots, result.method), []).append(result)
    return groups


def _statistics(values):
    """tuple of float: mean and sample deviation, 0 for a single value; None without a value."""
    if None in values:
        return None
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def _text(values):
    found = _statistics(values)
    if found is None:
        return '-'
    return f'{found[0]:.3f} ± {found[1]:.3f}' if len(values) > 1 else f'{found[0]:.3f}'


def _content(result):
    return {**result.metrics['few_shot'], 'classes': result.metrics['classes']}


def _read_metrics(path):
    metrics = read_json(path)
    if 'few_shot' not in metrics:
        raise ValueError(f'{path} has no metrics of base and novel classes; was its set made by '
                         f'tools/make_few_shot.py?')
    return metrics


def _draw(base, results, path):
    """Draws the APs at IoU 0.5 by shots; bars are deviations, the dashed line is the base."""
    figure = Figure(figsize=(12, 4), layout='constrained')
    heads = [head for head in PARTS if head != 'forgetting']
    shots = sorted({result.shots for result in results})
    methods = list(dict.fromkeys(result.method for result in results))
    panels = figure.subplots(1, len(heads), sharey=True)
    for panel, head in zip(panels, heads):
        for number, method in enumerate(methods):
            # Side by side, as methods are often nearly equal.
            shift = 0.1 * (number - (len(methods) - 1) / 2)
            points = _points(results, method, PARTS[head], shots)
            panel.errorbar([place + shift for place, _, _ in points],
                           [mean for _, mean, _ in points],
                           yerr=[deviation for _, _, deviation in points], marker='o', capsize=3,
                           label=method)
        panel.set(title=head, xlabel='shots', xticks=range(len(shots)), xticklabels=shots,
                  xlim=(-0.5, len(shots) - 0.5))
        panel.grid(axis='y', alpha=0.3)
    panels[0].axhline(base.metric('base', 'AP50') or 0, color='grey', linestyle='--',
                      label=base.method)
    panels[0].set_ylabel('AP at IoU 0.5')
    panels[0].autoscale(axis='y')
    panels[0].set_ylim(bottom=0)
    figure.legend(*panels[0].get_legend_handles_labels(), loc='outside right upper')
    figure.savefig(path)


def _points(results, method, part, shots):
    """list of tuple: place on the axis, mean and deviation of the shots that have results."""
    groups = _groups(results)
    found = {place: _statistics([run.metric(part, 'AP50') for run in groups[number, method]])
             for place, number in enumerate(shots) if (number, method) in groups}
    return [(place, *point) for place, point in found.items() if point]
