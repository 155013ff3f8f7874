# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A comparison of detectors and distillations: many trainings over seeds and schedules.

What a comparison leaves in its folder::

    sets/validation.json         the annotations of a set that is evaluated
    MGD_12e/seed0/               a run: best_model.pdparams, logs, run.json ...
    MGD_12e/seed0/validation/    its metrics on a set: metrics.json, bbox.json
    MGD_12e/slim.yml             the distillation with the changes of the comparison
    lite.json, lite.md, lite_schedule.png   of the comparison lite.yml

Several comparisons may share a folder, and the runs of the same name in it.
"""
import datetime
import functools
import json
import os
from typing import NamedTuple, Optional

import yaml

from ..config.load import load_run_config
from ..config.yaml_file import read_yaml, yaml_files
from ..data.coco_file import read_sound_coco
from ..safe_io.safe_yaml import repeated_keys
from ..slim import prepare_reader, read_slim_config
from ..utils.options import FOLDER_NAME, TEXT, Kind, check_options, integer, list_of
from ..utils.quiet import quiet
from ..utils.steps import Step, check_finished, run_steps
from ..utils.suggest import did_you_mean
from .comparison_results import metrics_line, write_results

__all__ = ['Comparison', 'Entry', 'read_comparison', 'make_steps', 'run_comparison']

FILES = list_of('annotation files', TEXT)
SETS = Kind('names of letters, digits and " _.,()+-", each with a list of annotation files',
            lambda value: isinstance(value, dict) and bool(value) and all(
                FOLDER_NAME.fits(name) and FILES.fits(files)
                for name, files in value.items()))
KEYS = {'dataset_dir': TEXT, 'sets': SETS,
        'runs': Kind('a list of methods', lambda value: isinstance(value, list) and bool(value))}
SEEDS = list_of('seeds', integer(0, 2**32 - 1))
ENTRY_KEYS = {
    'method': FOLDER_NAME,
    'epochs': integer(1),
    'seeds': Kind('a list of integers from 0 to 4294967295, each once', lambda value: (
        SEEDS.fits(value) and len(set(value)) == len(value))),
    'config': TEXT, 'slim_config': TEXT,
    'slim_changes': Kind('a mapping of dotted keys to values',
                         lambda value: isinstance(value, dict)),
    'teacher': TEXT, 'baseline': TEXT, 'options': list_of('"key=value"', TEXT),
    'settings_tried': integer(1),
}
OWN_OPTIONS = {'epoch': 'epochs', 'seed': 'seeds'}  # of the tools, and the key that sets them
# What schedulers state in epochs, and the fewest that a shorter schedule keeps.
LENGTHS = {'max_epochs': 1, 'epochs': 1, 'last_plateau_epochs': 0}
NEEDED = ('method', 'epochs', 'seeds', 'config')


class Entry(NamedTuple):
    """A line of the tables: one method with one schedule, trained with one or more seeds.

    Attributes:
        method (str): its name in the tables.
        epochs (int): of the schedule.
        seeds (list of int): of its runs.
        config (str): the detector's YAML.
        slim_config (str or None): YAML of the distillation.
        slim_changes (dict or None): values that replace those of the slim YAML, by dotted keys
            (``distill_losses.0.temp``).
        teacher (str or None): name of the entry whose first run teaches.
        baseline (str or None): method, with the same schedule, that differences are taken to.
        options (list of str): ``key=value`` for the training and the evaluation.
        settings_tried (int or None): how many settings of the method were tried before this one
            was chosen, itself included; shown in the tables.
    """
    method: str
    epochs: int
    seeds: list
    config: str
    slim_config: Optional[str] = None
    slim_changes: Optional[dict] = None
    teacher: Optional[str] = None
    baseline: Optional[str] = None
    options: tuple = ()
    settings_tried: Optional[int] = None

    @property
    def name(self):
        """str: of its folder, and of the teacher that others name."""
        return f'{self.method}_{self.epochs}e'.replace(' ', '_')


class Comparison(NamedTuple):
    """What is compared.

    Attributes:
        name (str): of the files with its tables.
        dataset_dir (str): the data set.
        sets (dict of str to list of str): names of the sets to evaluate on, and the
            annotation files in ``dataset_dir`` whose images each has.
        entries (list of Entry): the lines of the tables.
    """
    name: str
    dataset_dir: str
    sets: dict
    entries: list


def read_comparison(path):
    """Reads and checks the YAML of a comparison.

    Args:
        path (str): the YAML, with ``dataset_dir``, ``sets`` and ``runs``.

    Returns:
        Comparison: what it says.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a key is missing, unknown or set twice, has no effect, or names an entry that
            does not exist.
    """
    content = read_yaml(path)
    for repeated in repeated_keys(path):
        raise ValueError(f'{repeated}; remove one of the two')
    check_options(path, content, KEYS, KEYS)
    entries = [_entry(f'{path}, runs[{number}]', run)
               for number, run in enumerate(content['runs'])]
    names = []
    for entry in entries:
        if entry.name in names:
            raise ValueError(f'{path}: {entry.name} appears twice; give one of the two another '
                             f'method')
        if entry.teacher and entry.teacher not in names:
            raise ValueError(f'{path}: {entry.name} has the teacher "{entry.teacher}", which is '
                             f'not above it{did_you_mean(entry.teacher, names)}; above it are '
                             f'{", ".join(names) or "no runs"}')
        names.append(entry.name)
    schedules = {(entry.method, entry.epochs) for entry in entries}
    for entry in entries:
        if entry.baseline and (entry.baseline, entry.epochs) not in schedules:
            known = [method for method, epochs in schedules if epochs == entry.epochs]
            raise ValueError(f'{path}: {entry.name} has the baseline "{entry.baseline}", of which '
                             f'no run has {entry.epochs} epochs'
                             f'{did_you_mean(entry.baseline, known)}')
    name = os.path.splitext(os.path.basename(path))[0]
    return Comparison(name, content['dataset_dir'], content['sets'], entries)


def _entry(where, run):
    check_options(where, run, ENTRY_KEYS, NEEDED)
    entry = Entry(**run)
    for key in ('slim_changes', 'teacher'):
        if getattr(entry, key) and not entry.slim_config:
            raise ValueError(f'{where}: {key} has no effect without slim_config; give that too, or '
                             f'delete it')
    for option in entry.options:
        key = option.partition('=')[0]
        if key in OWN_OPTIONS:
            raise ValueError(f'{where}.options sets {key}, which the tables would not show; write '
                             f'{OWN_OPTIONS[key]} of the entry instead')
    return entry


def make_steps(comparison, output):
    """Plans the runs, without writing anything.

    Args:
        comparison (Comparison): what is compared.
        output (str): folder of the comparison.

    Returns:
        list of Step: one for each entry and seed, in the order of the comparison.

    Raises:
        FileNotFoundError: a set's file, or a YAML, does not exist.
        ValueError: one of them is invalid.
    """
    sets = {name: _set_file(comparison, name, output) for name in comparison.sets}
    steps = {}
    for entry in comparison.entries:
        teacher = steps[entry.teacher][0] if entry.teacher else None
        try:
            steps[entry.name] = _steps(comparison, entry, teacher, sets, output)
        except ValueError as error:
            raise ValueError(f'{entry.name}: {error}') from error
    return sum(steps.values(), [])


def _set_file(comparison, name, output):
    """tuple of str: path and text of a set's annotation file; its ids count over all images."""
    images, annotations, classes = [], [], {}
    for file in comparison.sets[name]:
        content = read_sound_coco(os.path.join(comparison.dataset_dir, file))
        classes[file] = {category['id']: category['name'] for category in content.categories}
        if classes[file] != classes[comparison.sets[name][0]]:
            raise ValueError(f'sets.{name}: the categories of its files differ: '
                             f'{"; ".join(f"{file} has {of}" for file, of in classes.items())}; '
                             f'give files with the same ids and names')
        ids = {image['id']: len(images) + place for place, image in enumerate(content.images)}
        images += [{**image, 'id': ids[image['id']]} for image in content.images]
        annotations += [{**box, 'image_id': ids[box['image_id']], 'id': len(annotations) + place}
                        for place, box in enumerate(content.annotations, start=1)]
    pooled = {'info': content.info, 'images': images, 'annotations': annotations,
              'categories': content.categories}
    return os.path.join(output, 'sets', f'{name}.json'), json.dumps(pooled, ensure_ascii=False)


def _steps(comparison, entry, teacher, sets, output):
    """list of Step: the runs of an entry, one for each seed."""
    slim_content = _slim_content(entry) if entry.slim_config else None
    own_slim = read_slim_config(entry.slim_config, slim_content) if slim_content else None
    if entry.teacher and not own_slim:
        raise ValueError(f'{entry.slim_config} is built by PaddleDetection itself, which reads the '
                         f'teacher from pretrain_weights there; set that, and delete "teacher"')
    schedule = _schedule(entry, own_slim)
    copies = [_slim_copy(entry, slim_content, output)] if entry.slim_changes else []
    slim_config = copies[0][0] if copies else entry.slim_config
    slim = ['--slim_config', slim_config] if slim_config else []
    weights = [f'teacher_weights={_best_model(teacher.folder)}'] if teacher else []
    datasets = [f'{section}.dataset_dir={comparison.dataset_dir}'
                for section in ('TrainDataset', 'EvalDataset')]
    configs = [file for path in (entry.config, entry.slim_config) if path
               for file in yaml_files(path)]
    steps = []
    for seed in entry.seeds:
        folder = os.path.join(output, entry.name, f'seed{seed}')
        train = ('train', '-c', entry.config, *slim, '--eval', '-r', 'auto', '-o', f'seed={seed}',
                 *weights, *schedule, *datasets, *entry.options,
                 f'save_dir={os.path.dirname(folder)}', f'filename={os.path.basename(folder)}')
        evaluations = [
            ('eval', '-c', entry.config, '--output_eval', os.path.join(folder, name), '-o',
             *datasets, f'EvalDataset.anno_path={os.path.abspath(path)}', *entry.options,
             f'weights={_best_model(folder)}') for name, (path, _) in sets.items()]
        steps.append(Step(
            f'{entry.method}, {entry.epochs} epochs, seed {seed}', folder, (train, *evaluations),
            tuple(configs), os.path.join(folder, list(sets)[-1], 'metrics.json'), resumes=True,
            requires=(teacher, ) if teacher else (), written=(*copies, *sets.values())))
    return steps


def _best_model(folder):
    return os.path.join(folder, 'best_model.pdparams')


def _schedule(entry, slim):
    """list of str: options that stretch the schedule of the YAMLs to the epochs of the entry."""
    prepare = [functools.partial(prepare_reader, slim)] if slim else []  # checks the changes
    with quiet():  # each training says itself what it does to its reader
        cfg = load_run_config(entry.config, None, slim, prepare)
    # PaddleDetection's own methods take over the epochs of the teacher's YAML as well.
    if cfg.epoch == entry.epochs and (slim or not entry.slim_config):
        return []
    factor = entry.epochs / cfg.epoch
    schedulers = []
    for written in cfg.LearningRate['schedulers']:
        if not isinstance(written, dict):  # -o can only express a mapping with a name
            name = type(written).__name__
            raise ValueError(f'the learning-rate schedule {name} is written with a YAML tag; write '
                             f'it as "name: {name}"')
        scheduler = dict(written)
        for key, least in LENGTHS.items():
            if scheduler.get(key):
                scheduler[key] = max(least, round(factor * scheduler[key]))
        if 'milestones' in scheduler:
            scheduler['milestones'] = [round(factor * epoch) for epoch in scheduler['milestones']]
        schedulers.append(scheduler)
    return [f'epoch={entry.epochs}', f'LearningRate.schedulers={json.dumps(schedulers)}']


def _slim_content(entry):
    """dict: the content of the slim YAML, with the entry's changes."""
    content = read_yaml(entry.slim_config)
    for key, value in (entry.slim_changes or {}).items():
        *parents, last = [int(part) if part.isdigit() else part for part in key.split('.')]
        place = content
        try:
            for parent in parents:
                place = place[parent]
            place[last] = value
        except (LookupError, TypeError) as error:
            raise ValueError(f'slim_changes has "{key}", which does not exist in '
                             f'{entry.slim_config}') from error
    return content


def _slim_copy(entry, content, output):
    """tuple of str: path and text of a slim YAML with the changed content."""
    path = os.path.join(output, entry.name, 'slim.yml')
    folder = os.path.dirname(entry.slim_config)
    bases = [os.path.relpath(os.path.join(folder, base), os.path.dirname(path))
             for base in content['_BASE_']]
    return path, yaml.safe_dump({**content, '_BASE_': bases}, sort_keys=False, allow_unicode=True)


def run_comparison(comparison, output, tools, jobs):
    """Runs the unfinished steps and prints their progress; tables are written after every run.

    Args:
        comparison (Comparison): what is compared.
        output (str): folder of the comparison.
        tools (str): folder of the tools.
        jobs (int): runs side by side.

    Returns:
        str: the tables.

    Raises:
        ValueError: something was started with other settings.
        ChildProcessError: a tool failed.
    """
    steps = make_steps(comparison, output)
    check_finished(steps)
    finished = sum(step.finished for step in steps)
    _say(f'{finished} of {len(steps)} runs are finished')

    def begin(step):
        again = ', continues' if step.begun else ''
        _say(f'{step.title}{again}, logs in {step.folder}')

    def end(step):
        metrics = metrics_line(os.path.dirname(step.result))
        _say(f'    {step.title}: {metrics}; took '
             f'{datetime.timedelta(seconds=round(step.seconds))}; '
             f'{sum(other.finished for other in steps)} of {len(steps)} runs are finished')
        write_results(comparison, output)

    run_steps(steps, tools, jobs, begin, end)
    return write_results(comparison, output)


def _say(text):
    print(f'{datetime.datetime.now():%Y-%m-%d %H:%M} {text}', flush=True)
