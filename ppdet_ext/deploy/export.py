# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Writes a trained detector as a folder that needs neither PaddleDetection nor this package."""
import contextlib
import datetime
import os
import platform
import tempfile
from collections import namedtuple
from dataclasses import asdict
from importlib import metadata, util

import numpy as np
import paddle
from ppdet.utils.colormap import colormap
from ppdet.utils.logger import setup_logger

from deploy import Detector
from deploy.card import CARD, VERSION
from deploy.images import read_image

from ..modeling.cost import count_flops, count_parameters
from ..modeling.weights import load_tensors, resolve_weights
from ..safe_io.safe_yaml import load_yaml
from ..utils.files import read_json, replace_folder, sha256, write_json
from ..utils.fingerprint import fingerprint
from .candidates import has_candidates, suppression_of, write_formats, write_onnx
from .input_size import ADVICE
from .int8 import write_int8
from .parity import PIXELS, SCORE, UNMATCHED, compare

__all__ = ['FORMATS', 'check_folder', 'check_formats', 'export_detector']

logger = setup_logger('ppdet.engine')

Format = namedtuple('Format', ['runtime', 'packages'])
Format.__doc__ = 'What reads a format, and what writing it needs.'

# The first one is always written.
FORMATS = {'paddle': Format('paddle', ()),
           'onnx': Format('onnxruntime', ('paddle2onnx', 'onnx', 'onnxruntime')),
           'openvino': Format('openvino', ('paddle2onnx', 'onnx', 'openvino'))}
ONNX = 'candidates.onnx'  # from which the other formats are made
PACKAGES = ('ppdet_ext', 'paddlepaddle', 'paddlepaddle-gpu', 'paddledet', 'paddle2onnx', 'onnx',
            'onnxruntime', 'openvino')


def check_formats(formats):
    """Makes sure that formats can be written.

    Raises:
        ValueError: no such format.
        ImportError: a package is not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f'--format: "{name}" is not one of {", ".join(FORMATS)}')
        missing = [package for package in FORMATS[name].packages if not util.find_spec(package)]
        if missing:
            raise ImportError(f'--format {name} needs {", ".join(missing)}: pip install -e '
                              f'".[export]", or leave this format out')


def check_folder(folder):
    """Makes sure that exporting into a folder replaces nothing but an earlier export.

    Raises:
        ValueError: it would.
    """
    if not os.path.lexists(folder):
        return
    card = os.path.join(folder, CARD)
    if not os.path.isfile(card):
        raise ValueError(f'{folder} exists and is not an exported model (no {CARD} in it); give '
                         f'another --output_dir')
    others = sorted(set(os.listdir(folder)) - {CARD, *read_json(card)['files']})
    if others:
        raise ValueError(f'{folder} holds {others[0]}, which is not part of the exported model; '
                         f'move it away, or give another --output_dir')


def export_detector(trainer, size, images, formats, folder, source, int8=None):
    """Exports a detector, and compares each file with the eager model before keeping it.

    Args:
        trainer (Trainer): in mode ``test``, with its weights.
        size (tuple of int): height and width of the input.
        images (list of str): paths of the images to compare on.
        formats (iterable of str): of ``FORMATS``, checked.
        folder (str): to be created, checked; an earlier export in it is replaced.
        source (dict): ``config``, ``opt`` and ``slim_config`` that the trainer was built from.
        int8 (Int8|None): what INT8 is calibrated on and judged by; None without INT8.

    Raises:
        ValueError: a file finds other boxes than the eager model, or the detector cannot be
            exported in this format, or INT8 loses too much; nothing is left behind.
    """
    model = trainer.model
    model.eval()
    if has_candidates(formats):
        suppression_of(model)
    blank = {'image': paddle.zeros([1, 3, *size]), 'scale_factor': paddle.ones([1, 2]),
             'im_shape': paddle.to_tensor([size], 'float32')}
    cost = {'parameters': count_parameters(model), 'flops': count_flops(model, blank)}
    expected = _eager_boxes(trainer, images)
    parent = os.path.dirname(os.path.abspath(folder))
    os.makedirs(parent, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix='.export_') as work:
        written = _write(trainer, size, formats, work)
        card = {**_card(trainer.cfg, model, size, written), **cost, 'source': source}
        _write_card(written, card)
        pictures = [read_image(path, card['image_maximum']) for path in images]
        card['parity'] = {
            'images': len(images), 'pixels': PIXELS, 'score': SCORE,
            'runtimes': {FORMATS[name].runtime: asdict(_check(written, name, pictures, expected))
                         for name in FORMATS if name in formats}}
        if int8:
            card['int8'] = write_int8(os.path.join(work, ONNX), {
                name: FORMATS[name].runtime for name in FORMATS
                if name in formats and FORMATS[name].packages}, int8, written)
        _write_card(written, card)
        check_folder(folder)
        replace_folder(written, folder, aside=os.path.join(work, 'earlier'))


def _eager_boxes(trainer, images):
    """list of ndarray: boxes [B, 6] of the eager model on each image."""
    with tempfile.TemporaryDirectory() as unused:
        batches = trainer.predict(images, output_dir=unused, visualize=False)
    boxes = [None] * len(images)
    for batch in batches:
        parts = np.split(batch['bbox'], np.cumsum(batch['bbox_num'])[:-1])
        for image, part in zip(batch['im_id'].flatten(), parts):
            boxes[int(image)] = part[part[:, 0] >= 0]
    return boxes


def _write(trainer, size, formats, work):
    """str: folder of the written files."""
    model = trainer.model
    trainer.export(work)
    written, = (entry.path for entry in os.scandir(work) if entry.is_dir())
    if has_candidates(formats):
        model.forward.rollback()  # from graph to function
        onnx_path = os.path.join(work, ONNX)
        write_onnx(model, size, onnx_path)
        write_formats(onnx_path, 'model', formats, written)
    return written


def _write_card(folder, card):
    files = {name: sha256(os.path.join(folder, name)) for name in sorted(os.listdir(folder))
             if name != CARD}
    write_json(os.path.join(folder, CARD), {**card, 'files': files})


def _check(folder, name, pictures, expected):
    detector = Detector(folder, FORMATS[name].runtime)
    difference = compare(expected, [detector.detect(picture) for picture in pictures])
    if difference.unmatched > UNMATCHED * difference.boxes:
        keeps_ratio = any(operator.get('keep_ratio') for operator in detector.card['preprocess'])
        remedy = (f'the input must have the shape of your images: {ADVICE}' if keeps_ratio
                  else 'leave this format out')
        raise ValueError(
            f'{name}: {difference.unmatched} boxes on {len(pictures)} images differ from the '
            f'{difference.boxes} of the eager model by more than {PIXELS} pixels or {SCORE} in '
            f'score: nothing is exported. Are these the weights of a trained model? If so, '
            f'{remedy}')
    logger.info(f'{name}: the {difference.boxes} boxes of the eager model on {len(pictures)} '
                f'images, within {difference.pixels:.1g} pixels and {difference.score:.1g} in '
                f'score; others: {difference.unmatched}')
    return difference


def _card(cfg, model, size, folder):
    weights = resolve_weights(cfg.weights)
    with open(os.path.join(folder, 'infer_cfg.yml'), encoding='utf-8') as f:
        inference = load_yaml(f)
    classes = inference['label_list']
    return {
        'format_version': VERSION,
        'name': cfg.filename,
        'architecture': cfg.architecture,
        'classes': classes,
        'colors': [[int(value) for value in color] for color in
                   colormap(rgb=True)[np.arange(len(classes)) % 40]],
        'input': {'height': size[0], 'width': size[1]},
        'preprocess': inference['Preprocess'],
        'image_maximum': cfg.get('image_maximum'),
        'draw_threshold': inference['draw_threshold'],
        'nms': _nms(model),
        'weights': {'file': os.path.basename(weights), 'sha256': sha256(weights)},
        'metrics': _metrics(weights),
        'versions': {'python': platform.python_version(), **_versions()},
        'exported': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d'),
    }


def _nms(model):
    """dict or None: settings of the suppression that a graph leaves to the runner."""
    try:
        nms = vars(suppression_of(model).nms)
    except ValueError:
        return None
    return {name: nms[name] for name in ('score_threshold', 'nms_top_k', 'keep_top_k',
                                         'nms_threshold', 'nms_eta', 'normalized')}


def _metrics(weights):
    """dict or None: the ``metrics.json`` beside the weights, if it is an evaluation of them."""
    folder = os.path.dirname(weights)
    path = os.path.join(folder, 'metrics.json')
    metrics = read_json(path) if os.path.isfile(path) else {}
    if metrics and metrics.get('fingerprint') == fingerprint(load_tensors(weights)):
        return metrics
    logger.warning(f'{path} {"was made with other weights" if metrics else "does not exist"}: the '
                   f'card has no metrics; evaluate {weights} with tools/eval.py --output_eval '
                   f'{folder} and export again')
    return None


def _versions():
    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
