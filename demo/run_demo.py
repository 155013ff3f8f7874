# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Trains a teacher, a student and the student distilled by MGD, compares the three and exports the
last one.

Without --source it uses synthetic steel, drawn by a program; results on it say nothing about real
steel. Every step is a command of tools/ that can be repeated by hand: each log begins with it.
"""
import argparse
import json
import os
import re
import shutil
import sys
import time
from collections import namedtuple

from PIL import Image, ImageDraw

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tools'))

import checkout  # noqa: E402

from ppdet_ext.utils.command_line import run_tool  # noqa: E402
from ppdet_ext.utils.commands import run_logged  # noqa: E402

Model = namedtuple('Model', ['key', 'title', 'config', 'slim_config', 'fraction'])
Model.__doc__ = 'One of the compared models; ``fraction`` is its measured share of the whole time.'

TEACHER = Model('teacher', 'teacher', 'configs/lite/gfl_lite2_neu_det.yml', None, 0.33)
STUDENT = Model('student', 'student', 'configs/lite/gfl_lite0_neu_det.yml', None, 0.20)
DISTILLED = Model('distilled', 'student + MGD', STUDENT.config,
                  'configs/slim/distill/gfl_lite2_neu_det_mgd_distill.yml', 0.33)
MODELS = (TEACHER, STUDENT, DISTILLED)
# Share of the whole time of each other step: data, testing and drawing by model, export.
SHORT_STEP = 0.01
REPORT = 0.06

# Few steps: a shorter warm-up than the configs have.
WARMUP_STEPS = 50
LOG_STEPS = 50
DRAW_THRESHOLD = 0.4

METRICS = ('mAP', 'AP50', 'AP_small', 'AP_medium', 'AP_large')
TRAINING_LINE = re.compile(r'Epoch: \[(\d+)\] \[ *(\d+)/(\d+)\].* loss: ([\d.]+|nan)')


class Clock:
    """Prints lines with the elapsed time and an estimate of the remaining time."""

    def __init__(self):
        self.start = time.monotonic()
        self.done = 0.0

    def say(self, text, fraction=0.0):
        """Prints a line; ``fraction`` is the share of the work done since the last finish()."""
        passed = time.monotonic() - self.start
        done = self.done + fraction
        left = f', about {minutes(passed / done - passed)} left' if done else ''
        print(f'[{minutes(passed)}{left}] {text}', flush=True)

    def finish(self, fraction):
        """Adds a share of the whole work to what is done."""
        self.done += fraction


def minutes(seconds):
    return f'{int(seconds) // 60}:{int(seconds) % 60:02d}'


class Demo:
    """The steps of the demo; everything it writes goes below ``output``.

    Args:
        output (str): folder of data, weights, logs and pictures.
        source (str or None): NEU-DET, archive or folder; None for synthetic steel.
        images_per_class (int): synthetic images of each class.
        epochs (int): of each of the three trainings.
    """

    def __init__(self, output, source, images_per_class, epochs):
        self.output = output
        self.source = source
        self.images_per_class = images_per_class
        self.epochs = epochs
        self.data = os.path.join(output, 'data')
        self.pictures = os.path.join(output, 'pictures')
        self.clock = Clock()

    def run(self):
        self.prepare_data()
        for model in MODELS:
            self.train(model)
        results = {model.key: self.evaluate(model) for model in MODELS}
        shutil.rmtree(self.pictures, ignore_errors=True)
        images = self.choose_images()
        for model in MODELS:
            self.draw(model, images)
        self.draw_sheet()
        self.write_report()
        self.show_table(results, self.export(images))

    def prepare_data(self):
        if self.source:
            self.clock.say(f'preparing {self.source}')
            command = ['tools/prepare_neu_det.py', '--source', self.source]
        else:
            self.clock.say('drawing synthetic steel')
            command = ['tools/make_synthetic_steel.py', '--images-per-class',
                       str(self.images_per_class)]
        self.execute('data', [*command, '--output', self.data, '--overwrite'])
        self.clock.finish(SHORT_STEP)
        counts = {split: len(self.annotations(split)['images']) for split in ('train', 'test')}
        self.clock.say(f'{counts["train"]} images to train with, {counts["test"]} to test')

    def train(self, model):
        schedulers = [{'name': 'CosineDecay', 'max_epochs': self.epochs},
                      {'name': 'LinearWarmup', 'start_factor': 0.01, 'steps': WARMUP_STEPS}]
        command = ['tools/train.py', '-c', model.config]
        if model.slim_config:
            command += ['--slim_config', model.slim_config]
        command += ['--use_vdl=True', '--vdl_log_dir', os.path.join(self.folder(model), 'vdl'),
                    '-o', f'TrainDataset.dataset_dir={self.data}', f'epoch={self.epochs}',
                    f'LearningRate.schedulers={json.dumps(schedulers)}',
                    f'save_dir={self.output}', f'snapshot_epoch={self.epochs}',
                    f'log_iter={LOG_STEPS}', 'seed=0']
        if model.slim_config:
            command.append(f'teacher_weights={self.weights(TEACHER)}')
        self.clock.say(f'training the {model.title}')
        self.execute(f'train_{model.key}', command, lambda line: self.show_training(model, line))
        self.clock.finish(model.fraction)

    def show_training(self, model, line):
        match = TRAINING_LINE.search(line)
        if match:
            epoch, step, steps = (int(number) for number in match.groups()[:3])
            fraction = model.fraction * (epoch + step / steps) / self.epochs
            self.clock.say(f'{model.title}: epoch {epoch + 1} of {self.epochs}, '
                           f'step {step} of {steps}, loss {match.group(4)}', fraction)

    def evaluate(self, model):
        """dict: the metrics of tools/eval.py on the test split."""
        self.clock.say(f'testing the {model.title}')
        folder = os.path.join(self.folder(model), 'test')
        os.makedirs(folder, exist_ok=True)
        self.execute(f'evaluate_{model.key}', [
            'tools/eval.py', '-c', model.config, '--output_eval', folder, '--measure_cost', '-o',
            f'weights={self.weights(model)}', f'EvalDataset.dataset_dir={self.data}',
            'EvalDataset.anno_path=annotations/test.json'])
        self.clock.finish(SHORT_STEP)
        with open(os.path.join(folder, 'metrics.json'), encoding='utf-8') as f:
            return json.load(f)

    def choose_images(self):
        """str: a folder of images to draw on: from demo/, or from the real test split."""
        if not self.source:
            return os.path.join(ROOT, 'demo')
        folder = os.path.join(self.pictures, 'test_images')
        os.makedirs(folder)
        content = self.annotations('test')
        one_of_each_class = {a['category_id']: a['image_id'] for a in content['annotations']}
        for image in content['images']:
            if image['id'] in one_of_each_class.values():
                shutil.copy(os.path.join(self.data, 'images', image['file_name']), folder)
        return folder

    def draw(self, model, images):
        self.clock.say(f'drawing what the {model.title} detects')
        self.execute(f'draw_{model.key}', [
            'tools/infer.py', '-c', model.config, '--infer_dir', images,
            '--output_dir', os.path.join(self.pictures, model.key),
            '--draw_threshold', str(DRAW_THRESHOLD), '--save_results', 'True', '-o',
            f'weights={self.weights(model)}', f'TestDataset.dataset_dir={self.data}',
            'TestDataset.anno_path=annotations/test.json'])
        self.clock.finish(SHORT_STEP)

    def draw_sheet(self):
        folders = {model.title: os.path.join(self.pictures, model.key) for model in MODELS}
        sheet = contact_sheet(folders, self.data_name())
        sheet.save(os.path.join(self.pictures, 'comparison.png'))

    def write_report(self):
        self.clock.say('writing the report')
        runs = [word for model in MODELS for word in (f'--{model.key}', self.folder(model))]
        self.execute('report', ['tools/report.py', *runs, '--output',
                                os.path.join(self.output, 'report')])
        self.clock.finish(REPORT)

    def export(self, images):
        """float: milliseconds per image of the distilled student in ONNX Runtime, one thread."""
        self.clock.say(f'exporting the {DISTILLED.title} and running what was exported')
        folder = os.path.join(self.output, 'exported')
        self.execute('export', [
            'tools/export_model.py', '-c', DISTILLED.config, '--format', 'onnx', '--infer_dir',
            images, '--output_dir', folder, '-o', f'weights={self.weights(DISTILLED)}',
            f'TestDataset.dataset_dir={self.data}', 'TestDataset.anno_path=annotations/test.json'])
        model = os.path.join(folder, stem(DISTILLED.config))
        speed = os.path.join(folder, 'speed.json')
        self.execute('run_exported', [
            '-m', 'deploy', '--model_dir', model, '--image_dir', images, '--threshold',
            str(DRAW_THRESHOLD), '--output_dir', os.path.join(self.pictures, 'exported')])
        self.execute('time_exported', [
            '-m', 'deploy.benchmark', '--model_dir', model, '--image_dir', images, '--cpu_threads',
            '1', '--repeats', '20', '--output', speed])
        self.clock.finish(SHORT_STEP)
        with open(speed, encoding='utf-8') as f:
            by_runtime = {row['runtime']: row for row in json.load(f)['measurements']}
        return by_runtime['onnxruntime']['whole']['median']

    def show_table(self, results, exported):
        parameters = {model.key: count_parameters(self.weights(model)) for model in MODELS}
        milliseconds = {model.key: self.cost(model)['milliseconds'] for model in MODELS}
        rows = comparison(parameters, milliseconds, exported, results)
        text = f'{self.describe()}\n\n{markdown_table(rows)}\n'
        with open(os.path.join(self.pictures, 'comparison.md'), 'w', encoding='utf-8') as f:
            f.write(text)
        with open(os.path.join(self.pictures, 'comparison.json'), 'w', encoding='utf-8') as f:
            json.dump({'data': self.data_name(), 'epochs': self.epochs, 'parameters': parameters,
                       'milliseconds': {**milliseconds, 'exported': exported},
                       'results': results}, f, indent=1)
        self.clock.say('done')
        print(f'\n{text}\nTable, drawn detections and comparison.png: {self.pictures}\n'
              f'Report, to open in a browser: {os.path.join(self.output, "report", "report.html")}'
              f'\nExported student, for the computer of the line: '
              f'{os.path.join(self.output, "exported")}')

    def describe(self):
        count = len(self.annotations('test')['images'])
        return (f'{self.data_name()}; {count} test images. Every model was trained once, from '
                f'ImageNet weights,\nepochs: {self.epochs}, seed: 0. So short a training shows how '
                'it is done, not what is attainable; small\ndifferences are chance. AP in percent; '
                '- where there is no such defect. ms: per image, in\nPaddle as trained, and '
                'exported, in ONNX Runtime with one thread.')

    def data_name(self):
        return f'NEU-DET of {self.source}' if self.source else 'Synthetic steel, drawn by a program'

    def cost(self, model):
        """dict: time, FLOPs and memory measured by tools/eval.py."""
        with open(os.path.join(self.folder(model), 'test', 'cost.json'), encoding='utf-8') as f:
            return json.load(f)

    def folder(self, model):
        return os.path.join(self.output, stem(model.slim_config or model.config))

    def weights(self, model):
        return os.path.join(self.folder(model), 'model_final.pdparams')

    def annotations(self, split):
        path = os.path.join(self.data, 'annotations', f'{split}.json')
        with open(path, encoding='utf-8') as f:
            return json.load(f)

    def execute(self, name, arguments, show=lambda line: None):
        """Runs a Python command with a log of its own, as ``run_logged`` does."""
        folder = os.path.join(self.output, 'logs')
        os.makedirs(folder, exist_ok=True)
        run_logged([sys.executable, *arguments], os.path.join(folder, f'{name}.log'), show=show,
                   cwd=ROOT)


def stem(path):
    """str: the name of a file without its suffix."""
    return os.path.splitext(os.path.basename(path))[0]


def count_parameters(weights):
    """int: the trained numbers in a .pdparams, without the statistics of batch norm."""
    checkout.load()  # not earlier, or Paddle would take memory during every training
    from ppdet_ext.safe_io.safe_pickle import load_state

    arrays = load_state(weights, return_numpy=True)
    return sum(array.size for name, array in arrays.items()
               if not name.endswith(('._mean', '._variance')))


def comparison(parameters, milliseconds, exported, results):
    """list of list of str: the table, its head first; the gain is that of the distillation."""
    rows = [['', *(model.title for model in MODELS), 'gain by MGD'],
            ['parameters', *(f'{parameters[model.key]:,}' for model in MODELS), ''],
            ['ms, Paddle', *(f'{milliseconds[model.key]:.1f}' for model in MODELS), ''],
            ['ms, exported', '', '', f'{exported:.1f}', '']]
    for name in METRICS:
        rows.append(metric_row(name.replace('_', ' '), [results[m.key][name] for m in MODELS]))
    for name in results[TEACHER.key]['classes']:
        values = [results[model.key]['classes'][name]['AP'] for model in MODELS]
        rows.append(metric_row(f'AP {name}', values))
    return rows


def metric_row(name, values):
    teacher, student, distilled = values
    gain = '-' if None in (student, distilled) else f'{100 * (distilled - student):+.1f}'
    return [name, *('-' if value is None else f'{100 * value:.1f}' for value in values), gain]


def markdown_table(rows):
    """str: a Markdown table that can be read as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [' | '.join(cell.ljust(width) if column == 0 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))) for row in rows]
    rule = '|'.join('-' * (width + 2) if column == 0 else '-' * (width + 1) + ':'
                    for column, width in enumerate(widths))
    return '\n'.join([f'| {lines[0]} |', f'|{rule}|', *(f'| {line} |' for line in lines[1:])])


def contact_sheet(folders, heading):
    """Puts the drawn images side by side: one row per image, one column per model.

    Args:
        folders (dict of str to str): title of the model to folder of its drawn images.
        heading (str): what the images are.

    Returns:
        PIL.Image: the sheet.
    """
    names = sorted(name for name in os.listdir(next(iter(folders.values())))
                   if name.endswith('.jpg'))
    tile, caption = 300, 20
    size = tile * len(folders), caption + (tile + caption) * len(names)
    sheet = Image.new('RGB', size, 'white')
    pen = ImageDraw.Draw(sheet)
    pen.text((4, 4), heading, fill='black')
    for row, name in enumerate(names):
        for column, (title, folder) in enumerate(folders.items()):
            left, top = tile * column, caption + (tile + caption) * row
            pen.text((left + 4, top + 4), f'{title}: {name}', fill='black')
            with Image.open(os.path.join(folder, name)) as image:
                sheet.paste(image.resize((tile, tile)), (left, top + caption))
    return sheet


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--source', help='NEU-DET, archive or folder (default: synthetic steel)')
    parser.add_argument('--images-per-class', type=int, default=300,
                        help='synthetic images of each class (default: 300)')
    parser.add_argument('--epochs', type=int, default=3, help='of each training (default: 3)')
    parser.add_argument('--output', default=os.path.join(ROOT, 'output', 'demo'),
                        help='folder of all results (default: output/demo)')
    return parser.parse_args(argv)


def main(argv):
    args = parse_args(argv)
    source = args.source and os.path.abspath(args.source)
    Demo(os.path.abspath(args.output), source, args.images_per_class, args.epochs).run()
    return 0


if __name__ == '__main__':
    run_tool(main)
