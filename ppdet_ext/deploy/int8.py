# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""INT8 of an exported detector, checked against float32."""
import os
import tempfile
from dataclasses import dataclass
from importlib import util

from ppdet.utils.logger import setup_logger

from deploy.card import read_card
from deploy.images import read_image
from deploy.preprocess import Preprocess

from ..data.coco_file import read_sound_coco
from ..data.dataset_files import check_datasets, dataset_paths
from ..utils.samples import spread
from .accuracy import mean_average_precision
from .candidates import has_candidates, write_formats
from .quantizer import Quantizer

__all__ = ['Int8', 'int8_of', 'write_int8']

logger = setup_logger('ppdet.engine')

STEM = 'model_int8'
CALIBRATION_IMAGES = 100
PACKAGES = ('onnx', 'onnxruntime', 'ml_dtypes')


@dataclass(frozen=True)
class Int8:
    """What INT8 is calibrated on and judged by.

    Attributes:
        calibration (list of str): training images.
        annotations (str): COCO annotations of the images on which the mAP is measured.
        image_dir (str): folder of these.
        max_map_drop (float): points of mAP that it may lose.
    """
    calibration: list
    annotations: str
    image_dir: str
    max_map_drop: float


def int8_of(cfg, formats, max_map_drop):
    """Finds images to calibrate on in TrainDataset, and those of EvalDataset.

    Raises:
        ValueError: no format supports INT8, or the data sets are not COCO's or have errors.
        FileNotFoundError: there are no such data sets.
        ImportError: a package is not installed.
    """
    if not has_candidates(formats):
        raise ValueError('--int8 is for ONNX Runtime and OpenVINO: give --format onnx, openvino or '
                         'both too')
    missing = [package for package in PACKAGES if not util.find_spec(package)]
    if missing:
        raise ImportError(f'--int8 needs {", ".join(missing)}: pip install -e ".[export]"')
    if cfg.get('metric', 'COCO') != 'COCO':
        raise ValueError(f'--int8 is judged by COCO\'s mAP, but metric is {cfg["metric"]}; make a '
                         f'COCO data set: tools/prepare_data.py')
    check_datasets(cfg, ('TrainDataset', 'EvalDataset'))
    train, val = (dataset_paths(cfg, section) for section in ('TrainDataset', 'EvalDataset'))
    names = [image['file_name'] for image in read_sound_coco(train['annotations']).images]
    return Int8([os.path.join(train['images'], name) for name in spread(names, CALIBRATION_IMAGES)],
                val['annotations'], val['images'], max_map_drop)


def write_int8(onnx_path, runtimes, int8, folder):
    """Writes a detector with convolutions in INT8, as many as the accuracy allows.

    First all of them; if this loses too much, the most sensitive ones stay in float32, twice as
    many at each attempt, up to half of them.

    Args:
        onnx_path (str): the detector in float32.
        runtimes (dict of str to str): format to the runtime that reads it.
        int8 (Int8): what it is calibrated on and judged by.
        folder (str): of the exported model, with its card and its files in float32.

    Returns:
        dict: ``map``, percent in each runtime in ``float32`` and ``int8``; ``images``, the number
        that it was calibrated on; the number of ``convolutions``, and names of those
        ``in_float32``.

    Raises:
        ValueError: it loses more than is allowed.
    """
    card = read_card(folder)
    preprocess = Preprocess(card['preprocess'], **card['input'])
    images = [preprocess(read_image(path, card.get('image_maximum')))['image']
              for path in int8.calibration]
    expected = _measure(folder, runtimes, 'float32', int8)
    smallest = float('inf')
    with tempfile.TemporaryDirectory() as work:
        quantizer = Quantizer(onnx_path, images, card['nms'], work)
        path = os.path.join(work, 'quantized.onnx')
        for in_float32 in _attempts(quantizer):
            with open(path, 'wb') as f:
                f.write(quantizer.quantize([layer for layer in quantizer.layers
                                            if layer not in in_float32]))
            write_formats(path, STEM, runtimes, folder)
            found = _measure(folder, runtimes, 'int8', int8)
            drop = max(expected[runtime] - found[runtime] for runtime in found)
            smallest = min(smallest, drop)
            losses = ', '.join(f'{found[runtime]:.2f} mAP in {runtime} (float32: '
                               f'{expected[runtime]:.2f})' for runtime in found)
            logger.info(f'int8: {losses}, with {len(in_float32)} of '
                        f'{len(quantizer.layers)} convolutions in float32')
            if drop <= int8.max_map_drop:
                return {'map': {runtime: {'float32': expected[runtime], 'int8': found[runtime]}
                                for runtime in found},
                        'images': len(images), 'convolutions': len(quantizer.layers),
                        'in_float32': in_float32}
    raise ValueError(
        f'int8 loses {smallest:.2f} points of mAP on the images of EvalDataset, more than '
        f'--max_map_drop {int8.max_map_drop:g}, even with half of the convolutions in float32: '
        f'nothing is exported; allow more, or leave --int8 out')


def _attempts(quantizer):
    """Yields the convolutions that stay in float32."""
    yield []
    ranked, count = quantizer.by_sensitivity(), 1
    half = len(ranked) // 2
    while count < half:
        yield ranked[:count]
        count *= 2
    yield ranked[:half]


def _measure(folder, runtimes, precision, int8):
    """dict of str to float: the mAP in percent by runtime."""
    return {runtime: mean_average_precision(folder, runtime, precision, int8.annotations,
                                            int8.image_dir)
            for runtime in runtimes.values()}
