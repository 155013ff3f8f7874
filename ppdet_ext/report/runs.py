# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Finds trained runs and their evaluations, and makes missing ones with tools/eval.py.

A run is a folder with weights, as written by tools/train.py: ``best_model.pdparams``, or
``model_final.pdparams`` if nothing was evaluated in training. Its training command is in
``train_command.json``, or in ``run.json`` if tools/run_comparison.py trained it.
"""
import argparse
import contextlib
import os
import re
import sys
from typing import NamedTuple, Optional

from ..safe_io.safe_pickle import load_state
from ..utils.commands import run_logged
from ..utils.files import read_json, sha256
from ..utils.fingerprint import fingerprint
from ..utils.run_records import read_record, record_path
from .matching import Detections, Truth, make_detections, read_truth

__all__ = ['SETS', 'Command', 'Evaluation', 'Run', 'find_runs', 'find_roles', 'evaluate_all']

SETS = {'validation': 'val.json', 'test': 'test.json'}  # and their files in annotations/
TRAINING = 'train.json'  # beside them
NO_IMAGES = {  # what to do where a file has none
    'validation': 'give others with --validation FILE, or leave it out',
    'test': 'give others with --test FILE: val.json, without a choice of thresholds, or those that '
            'tools/prepare_data.py --split new draws, after training on its train.json'}
WEIGHTS = ('best_model.pdparams', 'model_final.pdparams')
SEED = re.compile(r'[_-]?seed(\d+)$')


class Command(NamedTuple):
    """A command of tools/: what it ran and with which files and options (``key=value``)."""
    tool: str
    arguments: list
    config: Optional[str]
    slim_config: Optional[str]
    output_eval: Optional[str]
    options: dict


class Run(NamedTuple):
    """A trained model.

    Attributes:
        role (str): teacher, student, distilled or model.
        label (str): runs of one role and label differ only by seed.
        seed (int): of the training; 0 where it is not known.
        folder (str): its files.
        weights (str): path of its weights.
        commands (list of Command): that made it, as far as they were recorded.
        record (dict): ``date``, ``versions``, ``machine``, ``seconds`` ..., as far as known.
    """
    role: str
    label: str
    seed: int
    folder: str
    weights: str
    commands: list
    record: dict

    @property
    def name(self):
        """str: label and seed."""
        return f'{self.label}_seed{self.seed}'

    @property
    def key(self):
        """str: role and name, which no two runs share."""
        return f'{self.role}_{self.name}'

    @property
    def training(self):
        """Command or None: that trained it."""
        return next((command for command in self.commands if command.tool == 'train'), None)


class Evaluation(NamedTuple):
    """What a run detected in a set of images.

    Attributes:
        folder (str): of its files.
        truth (Truth): the images.
        detections (Detections): in them.
        metrics (dict): ``metrics.json``.
        images (str or None): folder of the images.
        cost (dict): ``cost.json``, where the evaluation measured it.
        image_maximum (int or None): value that is white in images of 16 bits per channel.
    """
    folder: str
    truth: Truth
    detections: Detections
    metrics: dict
    images: Optional[str]
    cost: dict
    image_maximum: Optional[int] = None


def find_runs(role, folders):
    """Finds the runs of a role.

    Args:
        role (str): teacher, student, distilled or model.
        folders (list of str): runs, or folders of runs.

    Returns:
        list of Run: the finished ones.

    Raises:
        FileNotFoundError: a folder does not exist, or holds no finished run.
        ValueError: two runs have the same label and seed, or one of role ``distilled`` was trained
            without a distillation.
    """
    runs = []
    for folder in folders:
        if not os.path.isdir(folder):
            raise FileNotFoundError(f'--{role}: {folder} is not a folder; give one of a run, as '
                                    f'tools/train.py leaves it')
        inside = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        found = [_read_run(role, path) for path in ([folder] if _weights(folder) else inside)
                 if _weights(path)]
        if not any(found):
            raise FileNotFoundError(f'--{role}: {folder} holds no finished run; expected '
                                    f'{WEIGHTS[0]} or {WEIGHTS[1]} in it or in its folders')
        runs += filter(None, found)
    for run in runs:
        if role == 'distilled' and run.training and not run.training.slim_config:
            raise ValueError(f'--distilled: {run.folder} was trained without --slim_config, so it '
                             f'is not a distilled run; give it with --student or --model')
        twins = [other.folder for other in runs if other.name == run.name]
        if len(twins) > 1:
            raise ValueError(f'{" and ".join(twins[:2])} are both {run.name}: name the folders of '
                             f'different models differently, and runs of one model by their seeds')
    return runs


def _weights(folder):
    paths = [os.path.join(folder, name) for name in WEIGHTS]
    return next((path for path in paths if os.path.isfile(path)), None)


def _read_run(role, folder):
    """Run or None: None of one that tools/run_comparison.py has not finished."""
    record = {}
    for path in (record_path(folder, 'train'), os.path.join(folder, 'run.json')):
        if os.path.isfile(path):
            record.update(read_json(path))
    if record.get('seconds', 0) is None:
        print(f'{folder} is left out: it is not finished', flush=True)
        return None
    folder = os.path.normpath(folder)
    commands = [_parse(*words) for words in record.get('commands', ())]
    parent, name = os.path.split(os.path.abspath(folder))
    found = SEED.search(name)
    label = SEED.sub('', name) or os.path.basename(parent)
    run = Run(role, label, int(found.group(1)) if found else 0, folder, _weights(folder), commands,
              record)
    seed = record.get('seed', run.training.options.get('seed') if run.training else None)
    return run._replace(seed=int(seed)) if str(seed).isdigit() else run


def _parse(tool, *words):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument('-c', '--config')
    parser.add_argument('-o', '--opt', nargs='*', action='extend', default=[])
    parser.add_argument('--slim_config')
    parser.add_argument('--output_eval')
    known, _ = parser.parse_known_args(list(words))
    options = dict(option.partition('=')[::2] for option in known.opt)
    return Command(tool, list(words), known.config, known.slim_config, known.output_eval, options)


def find_roles(folder):
    """Finds the runs below a folder, and the role of each.

    Runs trained with ``--slim_config`` are distilled. The weights that they learned from identify
    the teacher; other runs with the same config are students. A line names each of the rest.

    Returns:
        dict of str to list of str: role to folders of runs.

    Raises:
        ValueError: there is no distilled run, or no finished one.
    """
    paths = sorted(path for path, _, _ in os.walk(folder) if _weights(path))
    runs = list(filter(None, (_read_run('model', path) for path in paths)))
    distilled = [run for run in runs if run.training and run.training.slim_config]
    if not distilled:
        raise ValueError(f'--auto: no run below {folder} was distilled, as far as '
                         f'train_command.json and run.json say; name the runs with --teacher, '
                         f'--student, --distilled, or --model')
    teachers = {_ending(os.path.dirname(_teacher_weights(run))) for run in distilled}
    configs = {run.training.config for run in distilled}
    roles = {'teacher': [], 'student': [], 'distilled': []}
    for run in runs:
        if run in distilled:
            roles['distilled'].append(run.folder)
        elif _ending(os.path.abspath(run.folder)) in teachers:
            roles['teacher'].append(run.folder)
        elif run.training and run.training.config in configs:
            roles['student'].append(run.folder)
        else:
            print(f'{run.folder} is left out: as far as was recorded, it is neither the teacher of '
                  f'a distilled run nor has it the config of one', flush=True)
    return roles


def _teacher_weights(run):
    """str: path of the weights it learned from; nothing if neither record nor options say so."""
    return run.record.get('teacher_weights') or run.training.options.get('teacher_weights', '')


def _ending(path):
    """tuple: the last two parts, which do not change when a folder of runs is moved."""
    return tuple(os.path.normpath(path).split(os.sep)[-2:])


def evaluate_all(runs, files, dataset_dir, output, tools, measure=False):
    """Reads the evaluations of all runs, and runs those that are missing.

    Args:
        runs (list of Run): all that are compared.
        files (dict of str to str): annotation file of ``validation`` and ``test``, where given.
        dataset_dir (str or None): the data set, where given.
        output (str): folder for missing evaluations.
        tools (str): folder of the tools.
        measure (bool): have the cost of the test evaluation measured, of one run a model.

    Returns:
        dict of str to dict: of ``validation``, where there are such images, and ``test``, the
        Evaluation of each run by its key.

    Raises:
        ValueError: the runs were or would be evaluated on different images, or not on those given;
            some of them are training images; or there are none.
        FileNotFoundError: an evaluation is missing and cannot be made.
        ChildProcessError: making it failed.
    """
    # All sets are checked before the first evaluation, which takes a while.
    known = {run.key: _find_evaluations(run, output) for run in runs}
    truths = {name: _truth_of_set(runs, name, files.get(name), dataset_dir, known)
              for name in SETS}
    for name, truth in truths.items():
        if truth:
            _check_not_trained_on(runs, name, truth, name in files)
    if _overlap(truths['validation'], truths['test'], files):
        truths['validation'] = None
    return {name: _evaluate_set(runs, name, truth, dataset_dir, output, tools, known,
                                measure and name == 'test')
            for name, truth in truths.items() if truth}


def _check_not_trained_on(runs, name, truth, named):
    """Refuses training images if the user gave them, or if not all runs have learned some.

    Where all have, in a default set, a warning is enough: the comparison is fair.

    Raises:
        ValueError: there are such images.
    """
    beside = os.path.join(os.path.dirname(truth.path), TRAINING)
    files = dict.fromkeys(filter(None, (_training_file(run, beside) for run in runs)))
    shared = {path: _shared_images(truth, read_truth(path)) for path in files}
    for path, images in shared.items():
        if not images:
            continue
        text = (f'{len(images)} of the {len(truth.file_names)} {name} images of {truth.path}, '
                f'first {images[0]}, are training images of {path} too, on which a detector does '
                f'better than on the line')
        if named or not all(shared.values()):
            raise ValueError(f'{text}; give --{name} others')
        print(f'{text}: take them out of one of the two', flush=True)


def _training_file(run, beside):
    """str or None: annotations of the images that a run has learned, as far as they are known."""
    paths = run.record.get('annotations'), beside
    return next((os.path.realpath(path) for path in paths
                 if path and path.endswith('.json') and os.path.isfile(path)), None)


def _shared_images(truth, training):
    """list of str: names of images that are in both.

    In another data set an image of the same name may be another one, unless it has the same size
    and boxes.
    """
    folders = [os.path.dirname(os.path.realpath(file.path)) for file in (truth, training)]
    names = set(truth.file_names) & set(training.file_names)
    if os.path.commonpath(folders) not in folders:
        names = {name for name, _ in set(_labels(truth)) & set(_labels(training))}
    return sorted(names)


def _labels(truth):
    """Yields file name and size and boxes of each image with a box."""
    boxes = {}
    for image, kind, box in zip(truth.images, truth.classes, truth.boxes.tolist()):
        boxes.setdefault(image, []).append((truth.names[kind], *box))
    for image, found in boxes.items():
        yield truth.file_names[image], (truth.sizes[image], tuple(sorted(found)))


def _overlap(validation, test, files):
    """bool: whether validation images, found by default, are test images too.

    A threshold that is chosen and reported on the same images looks better than it is.

    Raises:
        ValueError: the user gave them.
    """
    shared = sorted(set(validation.file_names) & set(test.file_names)) if validation else []
    if not shared:
        return False
    text = (f'{len(shared)} of the {len(test.file_names)} test images of {test.path}, first '
            f'{shared[0]}, are validation images of {validation.path} too')
    if 'validation' in files:
        raise ValueError(f'{text}: thresholds that are chosen and reported on the same images look '
                         f'better than they are; give --validation others, or leave it out')
    print(f'{text}: no threshold is chosen; give others with --validation FILE', flush=True)
    return True


def _truth_of_set(runs, name, annotations, dataset_dir, known):
    """Truth or None: the images of a set, which are the same for all runs."""
    found = [(run, _annotations(run, name, known, dataset_dir, annotations)) for run in runs]
    paths = [(run, path) for run, path in found if path]
    if not annotations and not paths:
        if name == 'test':
            raise FileNotFoundError('no test images: give their annotation file (COCO) with --test '
                                    'FILE, or the data set with --dataset_dir FOLDER; '
                                    'tools/prepare_data.py makes one of VOC')
        return None
    truth = read_truth(annotations or paths[0][1])
    for run, path in paths:
        own = truth if os.path.realpath(path) == os.path.realpath(truth.path) else read_truth(path)
        if own is not truth and not _same(own, truth):
            other = next((r.folder for r, p in paths if p == truth.path), f'--{name}')
            kind = 'images and boxes' if own.names == truth.names else (
                f'classes, {", ".join(own.names)} and {", ".join(truth.names)}')
            raise ValueError(f'{run.folder} {"was" if name in known[run.key] else "would be"} '
                             f'evaluated on {path}, {other} on {truth.path}: not the same {kind}; '
                             f'evaluate both on one set, with --dataset_dir FOLDER or --{name} '
                             f'FILE, or give another --output, which holds no evaluations yet')
    if not truth.file_names:
        if annotations or name == 'test':
            raise ValueError(f'{truth.path} has no images; {NO_IMAGES[name]}')
        return None
    if not dataset_dir and any(path is None and name not in known[run.key] for run, path in found):
        _check_one_data_set(runs, truth)
    return truth


def _annotations(run, name, known, dataset_dir, given):
    """str or None: the annotation file of a run's evaluation, or else of its data set.

    A file that was ``given`` for all runs replaces the latter.
    """
    paths = [_known_annotations(run, name, known[run.key].get(name))]
    data = dataset_dir or _dataset_dir(run)
    if data and not given:
        paths.append(os.path.join(data, 'annotations', SETS[name]))
    return next((path for path in paths if path and os.path.isfile(path)), None)


def _check_one_data_set(runs, truth):
    """Refuses to look for the images of one file in the data sets of several runs."""
    folders = {os.path.realpath(folder): run for run in runs
               if (folder := _dataset_dir(run)) and os.path.isdir(folder)}
    if len(folders) > 1:
        (one, first), (other, second), *_ = folders.items()
        raise ValueError(f'the images of {truth.path} would be looked for in {one} for '
                         f'{first.folder} and in {other} for {second.folder}; give their data set '
                         f'with --dataset_dir FOLDER')


def _evaluate_set(runs, name, truth, dataset_dir, output, tools, known, measure):
    evaluations, measured = {}, set()
    for run in runs:
        first = measure and (run.role, run.label) not in measured
        measured.add((run.role, run.label))
        folder = known[run.key].get(name)
        if folder is None or (first and not os.path.isfile(os.path.join(folder, 'cost.json'))):
            folder = os.path.join(output, 'evaluations', run.key, name)
            _make(run, name, truth, dataset_dir, folder, tools, first)
        evaluations[run.key] = _read(run, folder, truth, dataset_dir)
    return evaluations


def _find_evaluations(run, output):
    """dict of str to str: by set, the folder of an evaluation of the weights as they are now."""
    complete = [(name, folder) for name in SETS for folder in (
        os.path.join(output, 'evaluations', run.key, name), os.path.join(run.folder, name))
        if _is_complete(folder)]
    own = fingerprint(load_state(run.weights, return_numpy=True)) if complete else None
    # Of two the last counts, that in the folder of the run. Older ones have no fingerprint.
    return {name: folder for name, folder in complete
            if read_json(os.path.join(folder, 'metrics.json')).get('fingerprint', own) == own}


def _is_complete(folder):
    """bool: whether a folder holds an evaluation, of all images as far as that was recorded."""
    detections, metrics = (os.path.join(folder, name) for name in ('bbox.json', 'metrics.json'))
    if not os.path.isfile(detections) or not os.path.isfile(metrics):
        return False
    known = read_json(metrics)
    images = known.get('images', 0)
    # --save_prediction_only replaces the detections alone. Older metrics say nothing about them.
    return (known.get('bbox_sha256') in (None, sha256(detections))
            and read_record(folder, 'eval').get('evaluated_images', images) >= images)


def _known_annotations(run, name, folder):
    """str or None: the annotation file of an evaluation that is there."""
    if folder is None:
        return None
    record = read_record(folder, 'eval')
    if record:
        return record.get('annotations')
    for command in run.commands:
        if command.output_eval and os.path.basename(os.path.normpath(command.output_eval)) == name:
            path = command.options.get('EvalDataset.anno_path', '')
            return os.path.join(command.options.get('EvalDataset.dataset_dir', ''), path)
    return None


def _dataset_dir(run):
    options = run.training.options if run.training else {}
    return options.get('EvalDataset.dataset_dir') or run.record.get('dataset_dir')


def _same(truth, other):
    return (truth.file_names == other.file_names and truth.names == other.names
            and truth.boxes.tolist() == other.boxes.tolist()
            and truth.classes.tolist() == other.classes.tolist()
            and truth.images.tolist() == other.images.tolist())


def _make(run, name, truth, dataset_dir, folder, tools, measure):
    if run.training is None or not run.training.config:
        raise FileNotFoundError(
            f'{run.folder} has no evaluation of all {name} images, and its config is not recorded: '
            f'run tools/eval.py -c CONFIG --output_eval {os.path.join(run.folder, name)} -o '
            f'EvalDataset.anno_path={os.path.abspath(truth.path)} EvalDataset.allow_empty=true '
            f'weights={run.weights}')
    os.makedirs(folder, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):  # of a training that was here before
        os.remove(os.path.join(folder, 'cost.json'))
    options = {**run.training.options, 'weights': os.path.abspath(run.weights),
               'EvalDataset.anno_path': os.path.abspath(truth.path),
               # Otherwise PaddleDetection skips sound images, and no false alarm is seen there.
               'EvalDataset.allow_empty': 'true'}
    options.pop('filename', None)
    data = dataset_dir or _dataset_dir(run)
    if data:
        options['EvalDataset.dataset_dir'] = os.path.abspath(data)
    command = [sys.executable, os.path.join(tools, 'eval.py'), '-c', run.training.config,
               '--output_eval', folder, *(['--measure_cost'] if measure else []), '-o',
               *(f'{key}={value}' for key, value in options.items())]
    log = os.path.join(folder, 'eval.log')
    print(f'evaluating {run.folder} on the {name} images, log in {log}', flush=True)
    try:
        run_logged(command, log)
    except ChildProcessError as error:
        raise ChildProcessError(f'the evaluation of {run.folder} failed: {error}') from error


def _read(run, folder, truth, dataset_dir):
    path = os.path.join(folder, 'bbox.json')
    detections = make_detections(read_json(path), truth, path)
    record = read_record(folder, 'eval')
    data = dataset_dir or _dataset_dir(run)
    images = record.get('images') or (os.path.join(data, 'images') if data else None)
    cost = os.path.join(folder, 'cost.json')
    return Evaluation(folder, truth, detections, read_json(os.path.join(folder, 'metrics.json')),
                      images if images and os.path.isdir(images) else None,
                      read_json(cost) if os.path.isfile(cost) else {},
                      record.get('image_maximum'))
