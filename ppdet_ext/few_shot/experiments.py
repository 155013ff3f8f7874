# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""An incremental few-shot experiment: base detector, expanded head, runs over shots and seeds.

The folder of the experiment then holds::

    base/training/               the base detector, where it had to be trained
    base/metrics.json            its metrics, from which forgetting is computed
    <method>/expanded.pdparams   where every run of a method starts
    <method>/5shot_seed1/        a run: model_final.pdparams, metrics.json, train.log ...
"""
import datetime
import glob
import os
import shlex
from collections import defaultdict
from contextlib import suppress
from typing import NamedTuple, Optional

from ..config.yaml_file import yaml_files
from ..data.coco_file import read_sound_coco
from ..utils.run_records import read_record
from ..utils.steps import Step, check_finished, run_steps
from ..utils.text import counted
from .results import metrics_line, write_results
from .set_files import annotation_path
from .sets import NEU_DET_SPLITS, ClassSplit

__all__ = ['Base', 'Method', 'Plan', 'Run', 'Sets', 'check_base_images', 'check_sets',
           'class_split', 'make_plan', 'run_plan', 'seconds_left']


class Sets(NamedTuple):
    """The few-shot sets, as ``tools/make_few_shot.py`` writes them.

    Attributes:
        folder (str): of the annotation files.
        dataset_dir (str): the data set with their images.
        eval_set (str): the set to evaluate on, ``test`` or ``val``.
    """
    folder: str
    dataset_dir: str
    eval_set: str

    def path(self, name):
        """str: the annotation file of a set."""
        return os.path.join(self.folder, f'{name}.json')

    def options(self, section, name):
        """list of str: ``-o`` options that make a set the one of ``TrainDataset`` ..."""
        path = annotation_path(self.folder, name, self.dataset_dir)
        return [f'{section}.dataset_dir={self.dataset_dir}', f'{section}.anno_path={path}']


class Base(NamedTuple):
    """The detector of the base classes.

    Attributes:
        config (str): its YAML.
        options (tuple of str): ``key=value`` for it.
        weights (str or None): its trained weights; None to train it.
    """
    config: str
    options: tuple
    weights: Optional[str]


class Method(NamedTuple):
    """A method that learns the novel classes.

    Attributes:
        name (str): in the table, and of the folder.
        config (str): the student's YAML.
        slim_config (str or None): YAML of the distillation.
        options (tuple of str): ``key=value`` for it.
        epochs (int): of a run.
    """
    name: str
    config: str
    slim_config: Optional[str]
    options: tuple
    epochs: int


class Run(NamedTuple):
    """The step that trains and evaluates a method on a number of shots with a seed."""
    shots: int
    seed: int
    step: Step


class Plan(NamedTuple):
    """Every step of a call, in order: preparation (list of Step), then runs (list of Run)."""
    preparation: list
    runs: list

    @property
    def steps(self):
        return [*self.preparation, *(run.step for run in self.runs)]


# Sets


def class_split(base_cfg, cfg):
    """ClassSplit: of the ``class_names`` of the base detector's and the student's configuration.

    Raises:
        ValueError: a configuration names no classes, or they do not begin with the base ones.
    """
    base, names = base_cfg.get('class_names'), cfg.get('class_names')
    if not base or not names:
        raise ValueError('class_names is missing in the config of the '
                         f'{"student" if base else "base detector"}; name its classes there')
    if list(names[:len(base)]) != list(base) or len(names) == len(base):
        raise ValueError(f'the base detector knows {", ".join(base)}; the class_names of the '
                         f'student have to be these and then novel ones, got {", ".join(names)}')
    return ClassSplit(tuple(base), tuple(names[len(base):]))


def check_sets(sets, classes, shots, seeds, train_base):
    """Makes sure that every set of an experiment is there and has the classes of its detectors.

    Args:
        sets (Sets): where they are.
        classes (ClassSplit): of the detectors.
        shots (iterable of int): numbers of boxes of a class.
        seeds (iterable of int): of the choice of boxes.
        train_base (bool): whether the base detector will be trained.

    Raises:
        FileNotFoundError: a set is missing; the message has the command that makes it.
        ValueError: the sets are of other classes.
    """
    names = [*(f'{number}shot_seed{seed}' for number in shots for seed in seeds),
             sets.eval_set, f'base_{sets.eval_set}', *(['base_train'] if train_base else [])]
    missing = [name for name in names if not os.path.isfile(sets.path(name))]
    if missing:
        command = shlex.join(_make_command(sets, classes, shots, seeds))
        raise FileNotFoundError(f'{sets.folder} lacks {", ".join(missing)}; make the sets with '
                                f'{command}, or name their folder with --sets')
    for name in names:
        try:
            info = read_sound_coco(sets.path(name)).info
        except ValueError as error:
            command = shlex.join(_make_command(sets, classes, shots, seeds))
            raise ValueError(f'{error}; make the sets again with {command} --overwrite') from error
        found = ClassSplit(*(tuple(info.get(key) or ()) for key in ('base_classes',
                                                                    'novel_classes')))
        if found != classes:
            raise ValueError(f'{sets.path(name)} is of {_words(found)}, but the configs of '
                             f'{_words(classes)}; give other configs, or other --sets')


def _make_command(sets, classes, shots, seeds):
    split = [number for number, split in NEU_DET_SPLITS.items() if split == classes]
    chosen = ['--split', *split] if split else ['--base', ','.join(classes.base), '--novel',
                                                ','.join(classes.novel)]
    authors = sets.folder.endswith('_authors')  # so make_few_shot calls the folder
    rule = _rule(sets.folder)
    command = ['python', 'tools/make_few_shot.py', '--dataset_dir', sets.dataset_dir, *chosen,
               *(['--authors_splits', 'NEU-DET-fewshot-splits.tar.gz'] if authors else []),
               *(['--unlabelled', rule] if rule else []), '--shots', *shots, '--seed', *seeds,
               '--output', sets.folder]
    return map(str, command)


def _rule(folder):
    """str or None: how the sets that a folder holds already treat objects without a label."""
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), '*.json'))):
        with suppress(ValueError):  # a damaged set says nothing, another may
            rule = read_sound_coco(path).info.get('unlabelled')
            if rule:
                return rule
    return None


def _words(classes):
    base, novel = (', '.join(names) or 'none' for names in classes)
    return f'base classes {base} and novel classes {novel}'


def check_base_images(weights, sets):
    """Refuses a base detector that has learned images of the set to evaluate on.

    Args:
        weights (str): its weights; beside them may be ``tools/train.py``'s record of the training.
        sets (Sets): the few-shot sets.

    Returns:
        str or None: the annotations it was trained on; None where there is no record.

    Raises:
        ValueError: some of their images are in the set to evaluate on.
    """
    record = read_record(os.path.dirname(weights), 'train')
    trained, folder = record.get('annotations'), record.get('dataset_dir')
    if trained and os.path.isfile(trained) and (
            os.path.realpath(folder) == os.path.realpath(sets.dataset_dir)):
        test = sets.path(sets.eval_set)
        seen, others = ({image['file_name'] for image in read_sound_coco(file).images}
                        for file in (trained, test))
        if seen & others:
            raise ValueError(f'{weights} was trained on {trained}, which has '
                             f'{counted(len(seen & others), "image")} of {test}, first '
                             f'{min(seen & others)}: a test on training images shows nothing. '
                             f'Train a base detector on {sets.path("base_train")} and name its '
                             f'weights with --base_weights')
    return trained


# Steps


def make_plan(output, sets, base, method, shots, seeds):
    """Plan: the steps of one method."""
    preparation = []
    if not base.weights:
        preparation.append(_base_training(output, sets, base))
        base = base._replace(weights=preparation[0].result)
    preparation += [_base_evaluation(output, sets, base), _expansion(output, base, method)]
    expanded = preparation[-1].result
    runs = [Run(number, seed, _run(output, sets, base, method, expanded, number, seed))
            for number in shots for seed in seeds]
    return Plan(preparation, runs)


def _base_training(output, sets, base):
    folder = os.path.join(output, 'base', 'training')
    inputs = [*yaml_files(base.config), sets.path('base_train')]
    chosen, evaluation, result = [], [], 'model_final.pdparams'
    if os.path.isfile(sets.path('base_val')):  # then the best epoch is chosen on it
        chosen, result = ['--eval'], 'best_model.pdparams'
        evaluation = sets.options('EvalDataset', 'base_val')
        inputs.append(sets.path('base_val'))
    command = ('train', '-c', base.config, *chosen, '-r', 'auto', '-o', 'seed=0', *base.options,
               *sets.options('TrainDataset', 'base_train'), *evaluation,
               f'save_dir={os.path.dirname(folder)}', f'filename={os.path.basename(folder)}')
    return Step('training of the base detector', folder, (command, ), tuple(inputs),
                os.path.join(folder, result), shared=True, resumes=True)


def _base_evaluation(output, sets, base):
    folder, name = os.path.join(output, 'base'), f'base_{sets.eval_set}'
    command = ('eval', '-c', base.config, '--output_eval', folder, '-o', *base.options,
               *sets.options('EvalDataset', name), f'weights={base.weights}')
    inputs = (*yaml_files(base.config), base.weights, sets.path(name))
    return Step('evaluation of the base detector', folder, (command, ), inputs,
                os.path.join(folder, 'metrics.json'), shared=True)


def _expansion(output, base, method):
    folder = os.path.join(output, method.name)
    result = os.path.join(folder, 'expanded.pdparams')
    base_options = ('--base_opt', *base.options) if base.options else ()
    options = ('-o', *method.options) if method.options else ()
    command = ('expand_head', '-c', method.config, '--base_config', base.config, *base_options,
               '--base_weights', base.weights, '--output', result, '--overwrite', *options)
    inputs = (*yaml_files(method.config), *yaml_files(base.config), base.weights)
    return Step(f'{method.name}, expansion of the head', folder, (command, ), inputs, result)


def _run(output, sets, base, method, expanded, shots, seed):
    save_dir, name = os.path.join(output, method.name), f'{shots}shot_seed{seed}'
    folder = os.path.join(save_dir, name)
    slim = ['--slim_config', method.slim_config] if method.slim_config else []
    teacher = [f'teacher_weights={base.weights}'] if method.slim_config else []
    # A run that was killed starts over, so that only the last epoch is needed.
    train = ('train', '-c', method.config, *slim, '-o', f'snapshot_epoch={method.epochs}',
             *teacher, *method.options, *sets.options('TrainDataset', name), f'seed={seed}',
             f'pretrain_weights={expanded}', f'save_dir={save_dir}', f'filename={name}')
    evaluate = ('eval', '-c', method.config, '--output_eval', folder, '-o', *method.options,
                *sets.options('EvalDataset', sets.eval_set),
                f'weights={os.path.join(folder, "model_final.pdparams")}',
                f'base_metrics={os.path.join(output, "base", "metrics.json")}',
                f'base_weights={base.weights}')
    configs = [file for path in (method.config, method.slim_config) if path
               for file in yaml_files(path)]
    inputs = (*configs, base.weights, sets.path(name), sets.path(sets.eval_set))
    return Step(f'{method.name}, {counted(shots, "shot")}, seed {seed}', folder,
                (train, evaluate), inputs, os.path.join(folder, 'metrics.json'))


# Running


def run_plan(plan, output, tools, source, overwrite=False, jobs=1):
    """Runs the unfinished steps and prints their progress; results are written after every run.

    Args:
        plan (Plan): what to run.
        output (str): folder of the experiment.
        tools (str): folder of the tools.
        source (str): what was evaluated, for the table.
        overwrite (bool): run again what was finished with other settings.
        jobs (int): runs side by side.

    Returns:
        str: the table.

    Raises:
        ValueError: something was finished with other settings.
        ChildProcessError: a tool failed.
    """
    check_finished(plan.steps, overwrite)
    places = {run.step: f'run {number} of {len(plan.runs)}: '
              for number, run in enumerate(plan.runs, start=1)}
    for step in plan.steps:
        if step.finished:
            _say(f'{places.get(step, "")}{step.title}: finished before')

    def begin(step):
        left = seconds_left(plan.runs) if step in places else None
        left = '' if left is None else f', about {_duration(left / jobs)} left'
        _say(f'{places.get(step, "")}{step.title}, logs in {step.folder}{left}')

    def end(step):
        if step in places:
            _say(f'    {places[step]}{metrics_line(step.result)}; took {_duration(step.seconds)}')
            write_results(output, source)

    run_steps(plan.preparation, tools, 1, begin)
    run_steps([run.step for run in plan.runs], tools, jobs, begin, end)
    return write_results(output, source)


def seconds_left(runs):
    """Estimates the time of the runs that are not finished from those that are.

    A run is expected to take as long as those with the same number of shots; without any, in
    proportion to those with the nearest number.

    Args:
        runs (iterable of Run): all runs.

    Returns:
        float or None: seconds; None where no run is finished.
    """
    taken = defaultdict(list)
    for run in runs:
        if run.step.finished:
            taken[run.shots].append(run.step.seconds)
    if not taken:
        return None
    left = 0.0
    for run in runs:
        if not run.step.finished:
            nearest = min(taken, key=lambda shots: abs(shots - run.shots))
            left += sum(taken[nearest]) / len(taken[nearest]) * run.shots / nearest
    return left


def _duration(seconds):
    return str(datetime.timedelta(seconds=round(seconds)))


def _say(text):
    print(text, flush=True)
