# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Bad input ends every tool with the line that docs/troubleshooting.md shows, and harms nothing.

The page's tables hold the messages, ``CASES`` what leads to them.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
from typing import Callable, NamedTuple

import numpy as np
import paddle
import pytest
import yaml
from noise_set import noise_set
from PIL import Image
from ppdet.core.workspace import create
from tiny import slim_yaml, student_yaml
from tiny_faster_rcnn import CLASSES, build_detector, faster_rcnn_yaml
from tool_runs import TOOLS, imported, refusal

from ppdet_ext.config.scope import isolated_config
from ppdet_ext.engine import cli

PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'troubleshooting.md'
TRANSLATION = PAGE.with_name('troubleshooting_cn.md')
ROW = re.compile(r'^\| ([^|`]+) \| `([^`]+)` \| ([^|]+) \|$', re.MULTILINE)

# What every tool is called with, beside the options of a case.
COMMANDS = {
    'train': '-c student.yml', 'eval': '-c student.yml',
    'infer': '-c student.yml --infer_img set/images/train_0.png',
    'distill': '-c student.yml --slim_config slim.yml',
    'expand_head': '-c few.yml --base_config base.yml --base_weights base.pdparams '
                   '--output expanded.pdparams',
    'make_few_shot': '--dataset_dir set --split 1 --shots 1 --output sets',
    'run_few_shot': '-c few.yml --base_config base.yml --base_weights base.pdparams '
                    '--name TFA --sets sets --shots 1 --output output/few',
    'prepare_neu_det': '', 'make_synthetic_steel': '',
    'benchmark_distill': '-c student.yml --slim_config slim.yml',
}


class Case(NamedTuple):
    """A name on the page, a key of COMMANDS, options, what is spoiled before, and the exit code."""
    name: str
    command: str
    options: str = ''
    spoil: Callable = lambda: None
    code: int = 1


def text(path, content=''):
    return lambda: pathlib.Path(path).write_text(content)


def removed(path):
    return lambda: pathlib.Path(path).unlink()


def cut(path):
    return lambda: pathlib.Path(path).write_bytes(pathlib.Path(path).read_bytes()[:-100])


def keys(path, **values):
    """Sets keys of a YAML; None removes them."""
    def spoil():
        content = {**yaml.safe_load(pathlib.Path(path).read_text()), **values}
        content = {key: value for key, value in content.items() if value is not None}
        pathlib.Path(path).write_text(yaml.safe_dump(content))
    return spoil


def annotations(change, part='train'):
    """Changes the dictionary of an annotation file."""
    def spoil():
        path = pathlib.Path(f'set/annotations/{part}.json')
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
    return spoil


def annotation(part='train', **values):
    """Changes the first annotation of a file."""
    return annotations(lambda content: content['annotations'][0].update(values), part)


def box(*numbers):
    return annotation(bbox=list(numbers))


def without(key, part='train'):
    """Removes a key of the first annotation."""
    return annotations(lambda content: content['annotations'][0].pop(key), part)


def voc_list(line, xml='<annotation/>'):
    """A training set in VOC's form, of one image."""
    def spoil():
        pathlib.Path('set/train.txt').write_text(line)
        pathlib.Path('set/a.xml').write_text(xml)
        keys('student.yml', TrainDataset={
            'name': 'VOCDataSet', 'dataset_dir': 'set', 'image_dir': '.',
            'anno_path': 'train.txt', 'label_list': 'label_list.txt'})()
    return spoil


VOC_SIZE = '<size><width>64</width><height>64</height></size>'


def voc_object(*corners):
    """An object of a VOC annotation."""
    tags = zip(('xmin', 'ymin', 'xmax', 'ymax'), corners)
    box = ''.join(f'<{tag}>{value}</{tag}>' for tag, value in tags)
    return f'<object><name>crazing</name><bndbox>{box}</bndbox></object>'


def image(pixels, form='PNG'):
    """Replaces an image by one of other pixels, under the same name."""
    return lambda: Image.fromarray(pixels).save('set/images/train_0.png', form)


def detection(**values):
    """A file of one detection that is changed."""
    sound = {'image_id': 1, 'category_id': 1, 'bbox': [1, 2, 3, 4], 'score': 0.5}
    return text('set/bbox.json', json.dumps([{**sound, **values}]))


def both(*spoils):
    return lambda: [spoil() for spoil in spoils]


def voc(*numbers):
    """A source in VOC's form of one image with one box."""
    def spoil():
        for folder in ('source/IMAGES', 'source/ANNOTATIONS'):
            pathlib.Path(folder).mkdir(parents=True)
        Image.fromarray(np.zeros([64, 64], 'uint8')).save('source/IMAGES/a_1.jpg')
        corners = ''.join(f'<{tag}>{number}</{tag}>' for tag, number
                          in zip(('xmin', 'ymin', 'xmax', 'ymax'), numbers))
        pathlib.Path('source/ANNOTATIONS/a_1.xml').write_text(
            '<annotation><filename>a_1.jpg</filename><size><width>64</width><height>64</height>'
            f'</size><object><name>patches</name><bndbox>{corners}</bndbox></object></annotation>')
    return spoil


def transforms(*entries):
    return keys('student.yml', TrainReader={'sample_transforms': list(entries)})


WEIGHTS = '-o weights=student.pdparams'
# They need a process of their own.
STARTS = ('package that is missing', 'port in use')
CASES = [
    # The command line
    Case('required flag that is missing', 'prepare_neu_det', code=2),
    Case('unknown flag', 'eval', '--batch 3', code=2),
    Case('-o without "="', 'train', '-o epoch 3', code=2),
    Case('-o with broken YAML', 'train', '-o class_names=[a', code=2),
    Case('flag with an invalid value', 'infer', '--draw_threshold high', code=2),
    Case('threshold in percent', 'infer', '--draw_threshold 50', code=2),
    Case('true or false misspelt', 'train', '--use_vdl maybe', code=2),
    Case('two configs', 'train', '-c student.yml -c teacher.yml', code=2),
    # The config
    Case('config that does not exist', 'train', '-c nowhere.yml'),
    Case('config is a folder', 'train', '-c set'),
    Case('YAML syntax error', 'train', '', text('student.yml', 'epoch: [1\nseed: 2\n')),
    Case('empty config', 'train', '', text('student.yml')),
    Case('config is a binary file', 'train', '-c student.pdparams'),
    Case('slim YAML given as config', 'train', '-c slim.yml'),
    Case('value that holds itself', 'train', '', text('student.yml', 'epoch: &x [*x]')),
    Case('_BASE_ that is not a list', 'train', '', keys('student.yml', _BASE_='runtime.yml')),
    Case('_BASE_ that does not exist', 'train', '', keys('student.yml', _BASE_=['nowhere.yml'])),
    Case('_BASE_ of itself', 'train', '', keys('student.yml', _BASE_=['student.yml'])),
    Case('_BASE_ forgotten', 'train', '', text('student.yml', 'architecture: RetinaNet\n')),
    Case('unknown key', 'train', '-o epochs=3'),
    Case('unknown list', 'train', '-o class_name=[a]'),
    Case('key without its section', 'train', '-o base_lr=0.5'),
    Case('-o for _BASE_', 'train', '-o _BASE_=[teacher.yml]'),
    Case('misspelt section', 'train', '', keys('student.yml', TrainReeder={'batch_size': 3})),
    Case('misspelt key of a section', 'train', '-o TrainReader.batchsize=3'),
    Case('epoch 0', 'train', '-o epoch=0'),
    Case('text in place of a number', 'train', '-o epoch=many'),
    Case('batch size 0', 'train', '-o TrainReader.batch_size=0'),
    Case('batch size is text', 'train', '-o TrainReader.batch_size=many'),
    Case('learning rate is text', 'train', '-o LearningRate.base_lr=high'),
    Case('-o for a whole section', 'train', '-o TrainReader=3'),
    Case('section that is empty', 'train', '-o LearningRate=null'),
    Case('section that is a list', 'train', '-o TrainDataset=[]'),
    Case('transforms that are not a list', 'train', '',
         keys('student.yml', TrainReader={'sample_transforms': {'Decode': {}}})),
    Case('no transforms', 'train', '', transforms()),
    Case('transforms that are names only', 'train', '', transforms('Decode')),
    Case('transform without options', 'train', '', transforms({'Decode': None})),
    Case('unknown transform', 'train', '', transforms({'Decod': {}})),
    Case('name that is not a transform', 'train', '', transforms({'os': {}})),
    Case('transform that lacks an option', 'train', '',
         transforms({'Decode': {}}, {'Resize': {'target_size': [64, 64]}})),
    Case('shuffle is not a flag', 'train', '-o TrainReader.shuffle=3'),
    Case('mosaic_epoch is text', 'train', '-o TrainReader.mosaic_epoch=x'),
    Case('path that is a number', 'train', '-o save_dir=3'),
    Case('path that is empty', 'train', '-o save_dir=null'),
    Case('path of the data set is a number', 'train', '-o TrainDataset.dataset_dir=3'),
    Case('worker_num is negative', 'train', '-o worker_num=-1'),
    Case('worker_num beyond reason', 'train', '-o worker_num=100000'),
    Case('class_names given as text', 'train', '-o class_names=scratch'),
    Case('class_names of another number', 'train', '-o class_names=[a,b]'),
    Case('ema_decay above 1', 'train', '-o ema_decay=3'),
    Case('unknown ema_decay_type', 'train', '-o ema_decay_type=linear'),
    Case('teacher_weights without a distillation', 'train', '-o teacher_weights=teacher.pdparams'),
    Case('unknown architecture', 'train', '-o architecture=RetinaNett'),
    Case('unknown metric', 'eval', f'{WEIGHTS} metric=COC'),
    Case('unknown optimizer', 'train', '-o OptimizerBuilder.optimizer.type=Adamm'),
    Case('optimizer that is empty', 'train', '-o OptimizerBuilder.optimizer=null'),
    Case('unknown option of the optimizer', 'train', '-o OptimizerBuilder.optimizer.momentu=0.9'),
    Case('option of the optimizer is text', 'train', '-o OptimizerBuilder.optimizer.epsilon=x'),
    Case('unknown regularizer', 'train',
         '-o OptimizerBuilder.regularizer={"type":"L3","factor":0.1}'),
    Case('clipping that is negative', 'train', '-o OptimizerBuilder.clip_grad_by_norm=-1'),
    Case('no scheduler', 'train', '-o LearningRate.schedulers=[]'),
    Case('unknown scheduler', 'train', '-o LearningRate.schedulers=[{"name":"sys"}]'),
    Case('decay without its warmup', 'train',
         '-o LearningRate.schedulers=[{"name":"CosineDecay"}]'),
    Case('network without a part', 'train', '-o RetinaNet.neck=null'),
    Case('GPU asked for without one', 'train', '-o use_gpu=true'),
    # The data set
    Case('data set that does not exist', 'train', '-o TrainDataset.dataset_dir=nowhere'),
    Case('annotation file that is empty', 'train', '', text('set/annotations/train.json')),
    Case('annotation file without images', 'train', '',
         annotations(lambda content: content.update(images=[]))),
    Case('annotation file without boxes', 'train', '',
         annotations(lambda content: content.update(annotations=[]))),
    Case('annotation file without boxes, in evaluation', 'eval', WEIGHTS,
         annotations(lambda content: content.update(annotations=[]), 'val')),
    Case('annotation file nested without end', 'train', '',
         text('set/annotations/train.json', '[' * 100000)),
    Case('annotation file is a list', 'eval', WEIGHTS, text('set/annotations/val.json', '[]')),
    Case('annotation file without "annotations"', 'train', '',
         annotations(lambda content: content.pop('annotations'))),
    Case('box of an unknown class', 'train', '',
         annotations(lambda content: content['annotations'][0].update(category_id=99))),
    Case('box is not a list of four numbers', 'train', '', box(1, 2)),
    Case('box of an infinite size', 'train', '', box(1, 2, 3, float('inf'))),
    Case('box with a negative size', 'eval', WEIGHTS, annotation('val', bbox=[8, 8, -2, 3])),
    Case('box entirely outside its image', 'train', '', box(64, 8, 9, 9)),
    Case('box of an image that is not listed', 'eval', WEIGHTS, annotation('val', image_id=99)),
    Case('annotation without area', 'eval', WEIGHTS, without('area', 'val')),
    Case('annotation without iscrowd', 'train', '', without('iscrowd')),
    Case('annotation id that occurs twice', 'eval', WEIGHTS, annotation('val', id=2)),
    Case('image without a width', 'train', '',
         annotations(lambda content: content['images'][0].pop('width'))),
    Case('class without a name', 'train', '',
         annotations(lambda content: content['categories'][0].update(name=None))),
    Case('all boxes of size zero', 'train', '', annotations(lambda content: [
        record.update(bbox=[8, 8, 0, 0]) for record in content['annotations']])),
    Case('image that does not exist', 'train', '', removed('set/images/train_0.png')),
    Case('file that is not an image, in training', 'train', '',
         text('set/images/train_0.png', 'x')),
    Case('file that is not an image, in evaluation', 'eval', WEIGHTS,
         text('set/images/val_0.png', 'x')),
    Case('image that is cut off, in training', 'train', '', cut('set/images/train_0.png')),
    Case('image that is cut off, in evaluation', 'eval', WEIGHTS, cut('set/images/val_0.png')),
    Case('num_classes of another data set', 'train', '-o num_classes=5 class_names=null'),
    Case('line of a VOC list without its XML file', 'train', '',
         voc_list('images/train_0.png a.xml\nimages/train_1.png\n')),
    Case('XML file that is broken', 'train', '',
         voc_list('images/train_0.png a.xml', '<annotation>\n<size>')),
    Case('XML file without size', 'train', '', voc_list('images/train_0.png a.xml')),
    Case('label list in another encoding', 'train', '', both(
        voc_list('images/train_0.png a.xml'),
        lambda: pathlib.Path('set/label_list.txt').write_bytes(b'\xb2\xe1\n'))),
    Case('classes in another order', 'train', '', annotations(
        lambda content: content['categories'].reverse())),
    Case('image of 16 bits', 'train', '', image(np.full([64, 64], 4080, 'uint16'))),
    Case('image of floating-point values', 'train', '',
         image(np.zeros([64, 64], 'float32'), 'TIFF')),
    Case('metric of another kind of data set', 'eval', f'{WEIGHTS} metric=VOC'),
    Case('VOC data set without a usable box', 'train', '',
         voc_list('images/train_0.png a.xml\n', f'<annotation>{VOC_SIZE}</annotation>')),
    Case('VOC box with its corners exchanged', 'train', '',
         voc_list('images/train_0.png a.xml\n', f'<annotation>{VOC_SIZE}\n'
                  f'{voc_object(40, 8, 8, 40)}</annotation>')),
    Case('VOC annotation of another size', 'train', '',
         voc_list('images/train_0.png a.xml\n', '<annotation>'
                  f'{VOC_SIZE.replace("64", "40")}{voc_object(8, 8, 20, 20)}</annotation>')),
    Case('images of several sizes in a batch', 'train', '', both(
        lambda: Image.new('RGB', (64, 50)).save('set/images/train_0.png'),
        annotations(lambda content: content['images'][0].update(height=50)),
        keys('student.yml', TrainReader={
            'batch_size': 2, 'sample_transforms': [{'Decode': {}}, {'Permute': {}}],
            'batch_transforms': []}))),
    Case('image size that the network cannot halve', 'train', '', keys('student.yml', TrainReader={
        'batch_size': 2, 'batch_transforms': [], 'sample_transforms': [
            {'Decode': {}}, {'Resize': {'target_size': [100, 75], 'keep_ratio': False}},
            {'Permute': {}}]})),
    Case('batch larger than the data set', 'train', '-o TrainReader.batch_size=99'),
    Case('box of size zero', 'prepare_neu_det', '--check --output set', box(8, 8, 0, 0)),
    Case('annotation without area, in the check', 'prepare_neu_det', '--check --output set',
         without('area')),
    Case('box outside its image', 'prepare_neu_det', '--check --output set',
         box(8, 8, 400, 8)),
    # Weights and checkpoints
    Case('weights that do not exist', 'eval', '-o weights=nowhere'),
    Case('no weights named', 'eval', '-o weights=null'),
    Case('weights cut off', 'eval', WEIGHTS, cut('student.pdparams')),
    Case('weights that are empty', 'eval', WEIGHTS, text('student.pdparams')),
    Case('weights that are text', 'infer', WEIGHTS, text('student.pdparams', 'not found')),
    Case('weights of another model', 'eval', '-o weights=base.pdparams'),
    Case('weights of another width', 'eval', '-o weights=teacher.pdparams'),
    Case('pretrained weights that do not exist', 'train', '-o pretrain_weights=nowhere'),
    Case('-r of nothing', 'train', '-r output/student/7'),
    Case('-r of another model', 'train', '-r output/student/model_final -c teacher.yml'),
    Case('-r of a distillation without it', 'distill', '-r output/student/model_final'),
    Case('-r of weights without their checkpoint', 'train', '-r student'),
    Case('-r of a checkpoint cut off', 'train', '-r output/student/model_final',
         cut('output/student/model_final.pdopt')),
    Case('-r of a finished run', 'train', '-r output/student/model_final'),
    # Distillation
    Case('slim YAML that does not exist', 'distill', '--slim_config nowhere.yml'),
    Case('slim YAML without "slim"', 'distill', '', keys('slim.yml', slim=None)),
    Case('unknown slim', 'distill', '', keys('slim.yml', slim='Destill')),
    Case('unknown slim_method', 'distill', '', keys('slim.yml', slim_method='MDG')),
    Case('slim_method is a list', 'distill', '', keys('slim.yml', slim_method=['MGD'])),
    Case('slim that lacks its section', 'distill', '',
         keys('slim.yml', slim='Pruner', slim_method=None)),
    Case('method of another detector', 'distill', '', keys('slim.yml', slim_method='LD')),
    Case('losses of two kinds', 'distill', '', keys(
        'slim.yml', slim_method='FGD', distill_loss='FGDFeatureLoss', distill_losses=[{}])),
    Case('section of the slim YAML is a number', 'distill', '', keys('slim.yml', TrainReader=3)),
    Case('unknown loss', 'distill', '', keys('slim.yml', distill_losses=[{'loss': 'MDGLoss'}])),
    Case('unknown key of a loss', 'distill', '',
         keys('slim.yml', distill_losses=[{'loss': 'MGDFeatureLoss', 'alpha': 1}])),
    Case('distill_losses is not a list', 'distill', '', keys('slim.yml', distill_losses=3)),
    Case('no loss', 'distill', '', keys('slim.yml', distill_losses=[])),
    Case('weight that is negative', 'distill', '',
         keys('slim.yml', distill_losses=[{'weight': -1}])),
    Case('option of a loss is negative', 'distill', '',
         keys('slim.yml', distill_losses=[{'alpha_mgd': -1}])),
    Case('slim YAML without a teacher', 'distill', '', keys('slim.yml', _BASE_=None)),
    Case("teacher's YAML that does not exist", 'distill', '',
         keys('slim.yml', _BASE_=['nowhere.yml'])),
    Case("teacher's weights that do not exist", 'distill', '-o teacher_weights=nowhere'),
    Case('teacher without weights', 'distill', '', keys('slim.yml', pretrain_weights=None)),
    Case("teacher's weights cut off", 'distill', '', cut('teacher.pdparams')),
    Case('teacher of other classes', 'distill', '', keys('teacher.yml', num_classes=5)),
    Case('unlabelled images without a distillation', 'train',
         '-o UnlabelledDataset.image_dir=set/images'),
    Case('folder of unlabelled images without any', 'distill',
         '-o UnlabelledDataset.image_dir=set/annotations'),
    Case('term that needs boxes of unlabelled images', 'distill',
         '-o UnlabelledDataset.image_dir=set/images',
         keys('slim.yml', distill_losses=[{'loss': 'TSKDFeatureLoss'}])),
    Case('benchmark of an unknown method', 'benchmark_distill', '',
         keys('slim.yml', slim_method='MDG')),
    Case('benchmark of no steps', 'benchmark_distill', '--steps 0', code=2),
    Case('benchmark of an empty batch', 'benchmark_distill', '--batch_size 0', code=2),
    Case('benchmark of a slim YAML twice', 'benchmark_distill', '--slim_config slim.yml slim.yml',
         code=2),
    Case("benchmark of PaddleDetection's own method", 'benchmark_distill', '',
         keys('slim.yml', slim_method='FGD')),
    Case('benchmark of a negative warm-up', 'benchmark_distill', '--warmup -1', code=2),
    Case('benchmark output under a file', 'benchmark_distill',
         '--steps 1 --warmup 0 --batch_size 2 --output student.yml/figures.json'),
    # Output
    Case('save_dir under a file', 'train', '-o save_dir=student.yml/output'),
    Case('evaluation output under a file', 'eval', f'--output_eval student.yml/x {WEIGHTS}'),
    Case('drawn images under a file', 'infer', f'--output_dir student.yml/x {WEIGHTS}'),
    Case('VisualDL folder under a file', 'train', '--use_vdl true --vdl_log_dir student.yml/x'),
    # Inference
    Case('no image given', 'infer', '--infer_img='),
    Case('image to detect on that does not exist', 'infer', '--infer_img nowhere.jpg'),
    Case('file to detect on that is not an image', 'infer', '--infer_img student.yml'),
    Case('image to detect on that is cut off', 'infer', WEIGHTS, cut('set/images/train_0.png')),
    Case('image to detect on without a suffix', 'infer', '--infer_img a',
         lambda: shutil.copy('set/images/train_0.png', 'a')),
    Case('image to detect on in the output folder', 'infer', '--output_dir set/images'),
    Case('folder to detect on is the output folder', 'infer',
         '--infer_img= --infer_dir set/images --output_dir ./set/../set/images'),
    Case('class names that are numbers', 'infer',
         '-o class_names=[1,2,3,4,5,6] TestDataset.dataset_dir=none'),
    Case('label list for inference that does not exist', 'infer',
         '-o TestDataset.anno_path=label_lst.txt'),
    Case('label list for inference in another encoding', 'infer',
         '-o TestDataset.anno_path=label_list.txt',
         lambda: pathlib.Path('set/label_list.txt').write_bytes(b'\xb2\xe1\n')),
    Case('annotation file for inference that is not JSON', 'infer', '',
         text('set/annotations/val.json', '{"categories": [{"id": 1} {}]}')),
    Case('categories for inference without names', 'infer', '',
         annotations(lambda content: content['categories'][0].pop('name'), 'val')),
    Case('folder without images', 'infer', '--infer_img= --infer_dir output'),
    Case('detections that are not there', 'eval', '--json_eval --output_eval nowhere'),
    Case('detections that are not a list', 'eval', '--json_eval --output_eval set',
         text('set/bbox.json', '{}')),
    Case('detection that is not a dictionary', 'eval', '--json_eval --output_eval set',
         text('set/bbox.json', '[3]')),
    Case('detection on another image', 'eval', '--json_eval --output_eval set',
         detection(image_id=99)),
    Case('detection of another class', 'eval', '--json_eval --output_eval set',
         detection(category_id=99)),
    Case('detection without a score', 'eval', '--json_eval --output_eval set',
         detection(score=None)),
    Case('detection with text in its box', 'eval', '--json_eval --output_eval set',
         detection(bbox=[1, 2, 3, 'wide'])),
    Case('detections that are not JSON', 'eval', '--json_eval --output_eval set',
         text('set/bbox.json', '[')),
    # Few shots
    Case('expanded head from weights of another model', 'expand_head',
         '--base_weights student.pdparams'),
    Case('expanded head of a detector without one', 'expand_head', '-c student.yml'),
    Case('expanded head over an existing file', 'expand_head', '--output teacher.pdparams'),
    Case('expanded head under a file', 'expand_head', '--output student.yml/x'),
    Case('method of expansion unknown', 'expand_head', '--method random', code=2),
    Case('few-shot sets of no data set', 'make_few_shot', '--dataset_dir nowhere'),
    Case('few-shot sets with too few boxes', 'make_few_shot', '--shots 99'),
    Case('few-shot sets of 0 shots', 'make_few_shot', '--shots 0'),
    Case('few-shot sets under a file', 'make_few_shot', '--output student.yml/sets'),
    Case('few-shot split unknown', 'make_few_shot', '--split 9', code=2),
    Case('few-shot run without its sets', 'run_few_shot', '--sets nowhere'),
    Case('few-shot run of weights that do not exist', 'run_few_shot', '--base_weights nowhere'),
    Case('few-shot run under a file', 'run_few_shot', '--output student.yml/few'),
    # Preparing data
    Case('source that does not exist', 'prepare_neu_det', '--source nowhere --output new'),
    Case('source that is not an archive', 'prepare_neu_det', '--source student.yml --output new'),
    Case('source that is damaged', 'prepare_neu_det', '--source a.zip --output new',
         lambda: pathlib.Path('a.zip').write_bytes(b'PK\x03\x04' + bytes(99))),
    Case('source with a pipe among its images', 'prepare_neu_det', '--source source --output new',
         both(voc(9, 9, 20, 20), lambda: os.mkfifo('source/IMAGES/b_1.jpg'))),
    Case('source without annotations', 'prepare_neu_det', '--source output --output new'),
    Case('source with a box of size zero', 'prepare_neu_det', '--source source --output new',
         voc(9, 9, 8, 8)),
    Case('source with a box outside', 'prepare_neu_det', '--source source --output new',
         voc(9, 9, 99, 20)),
    Case('data set over another folder', 'prepare_neu_det', '--source source --output output',
         voc(9, 9, 20, 20)),
    Case('data set over another data set', 'prepare_neu_det', '--source source --output set',
         voc(9, 9, 20, 20)),
    Case('data set over one with a file of your own', 'prepare_neu_det',
         '--source source --output set --overwrite',
         both(voc(9, 9, 20, 20), text('set/images/notes.txt'))),
    Case('data set over one with few-shot sets', 'make_synthetic_steel',
         '--output set --images_per_class 10 --overwrite',
         lambda: shutil.copytree('sets', 'set/annotations/few_shot/split1')),
    Case('data set under a file', 'prepare_neu_det', '--source source --output student.yml/new',
         voc(9, 9, 20, 20)),
    Case('too few synthetic images', 'make_synthetic_steel', '--output new --images_per_class 3'),
    Case('synthetic images over a file', 'make_synthetic_steel', '--output student.yml'),
    Case('synthetic images under a file', 'make_synthetic_steel', '--output student.yml/new'),
]


@pytest.fixture(scope='module')
def sound(tmp_path_factory):
    """A folder with data, configs, weights and a finished run, all of noise."""
    folder = tmp_path_factory.mktemp('sound')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        here = pathlib.Path('.')
        noise_set(here / 'set', train=6, val=6, test=6)
        (here / 'set' / 'label_list.txt').write_text('\n'.join(CLASSES) + '\n')
        train, val = ({'dataset_dir': 'set', 'image_dir': 'images',
                       'anno_path': f'annotations/{part}.json'} for part in ('train', 'val'))
        common = dict(epoch=1, worker_num=0, use_gpu=False, check_teacher=False,
                      TrainReader={'batch_size': 6}, TrainDataset=train, EvalDataset=val,
                      TestDataset={**val, 'dataset_dir': 'set'})
        student = student_yaml(here, **common)
        teacher = student_yaml(here, 'teacher', channels=24, **common)
        slim_yaml(here, teacher, 'slim')
        faster_rcnn_yaml(here, 'few', cosine={}, **common)
        base = faster_rcnn_yaml(here, 'base', classes=3, **common)
        for name, path in (('student', student), ('teacher', teacher)):
            with isolated_config(path) as cfg:
                paddle.save(create(cfg.architecture).state_dict(), f'{name}.pdparams')
        paddle.save(build_detector(base).state_dict(), 'base.pdparams')
        assert imported('make_few_shot').main(COMMANDS['make_few_shot'].split()) == 0
        with paddle.utils.unique_name.guard():
            assert imported('train').main(['-c', 'student.yml', '-o', 'pretrain_weights=null']) == 0
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def sections(page):
    """list of dict: by section, of every case its message; "..." stands for anything."""
    return [{name: message for name, message, _ in ROW.findall(section)}
            for section in page.read_text(encoding='utf-8').split('\n## ')]


def shown():
    """dict: of every case on the page, its message."""
    return {name: message for section in sections(PAGE) for name, message in section.items()}


def command_line(case):
    """list of str: the usual one and the case's options; a config of its own replaces the usual."""
    usual, options = COMMANDS[case.command].split(), case.options.split()
    return [*usual[2 if '-c' in options else 0:], *options]


def with_marks(case):
    has_gpu = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    marks = [pytest.mark.skipif(has_gpu, reason='there is a GPU to use')] if (
        'use_gpu=true' in case.options) else []
    return pytest.param(case, id=case.name, marks=marks)


def is_shown(name, line):
    """bool: whether the page shows that line for the case."""
    pieces = map(re.escape, shown()[name].split('...'))
    return re.fullmatch('.*?'.join(pieces), line) is not None


@pytest.mark.parametrize('case', [with_marks(case) for case in CASES])
def test_one_line_and_nothing_harmed(case, sound, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(sound, tmp_path / 'sound')
    monkeypatch.chdir(folder)
    case.spoil()
    before = contents(folder)
    tool = {'distill': 'train'}.get(case.command, case.command)
    line = refusal(tool, command_line(case), monkeypatch, capsys, case.code)
    assert contents(folder) == before
    assert is_shown(case.name, line[line.index('error: '):])


def without_package(folder):
    """An environment in which importing terminaltables fails."""
    package = folder / 'broken' / 'terminaltables'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text(
        'raise ModuleNotFoundError("No module named \'terminaltables\'", name="terminaltables")')
    return {'PYTHONPATH': str(folder / 'broken')}


def first_of_two_processes(port):
    """An environment as the launcher makes it."""
    endpoints = f'127.0.0.1:{port},127.0.0.1:{port + 1}'
    return {'PADDLE_TRAINER_ID': '0', 'PADDLE_TRAINERS_NUM': '2',
            'PADDLE_TRAINER_ENDPOINTS': endpoints,
            'PADDLE_CURRENT_ENDPOINT': endpoints.split(',')[0]}


@pytest.mark.parametrize('name', STARTS)
def test_one_line_where_a_process_cannot_start(name, sound, tmp_path):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        environment = (without_package(tmp_path) if name == 'package that is missing' else
                       first_of_two_processes(other.getsockname()[1]))
        command = [sys.executable, str(TOOLS / 'train.py'), *COMMANDS['train'].split()]
        run = subprocess.run(command, cwd=sound, capture_output=True, text=True,
                             env={**os.environ, **environment})
        verbose = subprocess.run([*command, '--verbose'], cwd=sound, capture_output=True, text=True,
                                 env={**os.environ, **environment})
    assert run.returncode == 1 and 'Traceback' not in run.stderr, run.stderr
    assert is_shown(name, run.stderr.splitlines()[-1])
    assert verbose.returncode == 1 and 'Traceback' in verbose.stderr


def test_verbose_shows_the_traceback(sound, monkeypatch, capsys):
    monkeypatch.chdir(sound)
    monkeypatch.setattr(sys, 'argv', ['train.py', '-c', 'nowhere.yml', '--verbose'])
    with pytest.raises(SystemExit):
        cli.run_tool(imported('train').main)
    printed = capsys.readouterr().err
    assert 'Traceback' in printed and printed.endswith(
        'error: config file not found: nowhere.yml; correct the path\n')


def test_the_page_shows_every_case_and_no_other():
    names = [*STARTS, *(case.name for case in CASES)]
    assert list(shown()) == names and len(set(names)) == len(names) >= 40


def test_both_languages_show_the_same_messages():
    messages = [list(section.values()) for section in sections(PAGE)]
    assert messages == [list(section.values()) for section in sections(TRANSLATION)]
    assert sum(map(len, messages)) >= 40
