# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The images on which an exported file is compared with the eager model."""
import contextlib
import os
import tempfile

import cv2
from ppdet.utils.logger import setup_logger

from ..data.coco import NEU_DET_CLASSES
from ..data.dataset_files import dataset_fields
from ..data.synthetic_steel import render_image
from ..inference.detections import find_images

__all__ = ['compared_images']

logger = setup_logger('ppdet.engine')

COUNT = 20
SYNTHETIC_SEED = 0


@contextlib.contextmanager
def compared_images(cfg, folder=None):
    """Yields paths of images, spread over those of a folder.

    Args:
        cfg (dict): the configuration.
        folder (str|None): None for the images of EvalDataset, or synthetic steel where they are
            not there.

    Raises:
        FileNotFoundError: no such folder, or no image in it.
        ValueError: a file is not an image.
    """
    folder = folder or _evaluated(cfg)
    with tempfile.TemporaryDirectory() as synthetic:
        if folder is None:
            logger.warning('there are no images of EvalDataset: the files are compared on '
                           'synthetic steel; give images with --infer_dir')
            _draw(synthetic)
        images = find_images(None, folder or synthetic, cfg.get('image_maximum'))
        yield images[::max(1, len(images) // COUNT)][:COUNT]


def _evaluated(cfg):
    """str or None: the folder of EvalDataset's images."""
    dataset = dataset_fields(cfg, 'EvalDataset')
    folder = os.path.join(dataset.get('dataset_dir') or '', dataset.get('image_dir') or '')
    return folder if os.path.isdir(folder) else None


def _draw(folder):
    for index in range(COUNT):
        name = NEU_DET_CLASSES[index % len(NEU_DET_CLASSES)]
        pixels, _ = render_image(SYNTHETIC_SEED, name, index)
        cv2.imwrite(os.path.join(folder, f'{name}_{index}.png'), pixels)
