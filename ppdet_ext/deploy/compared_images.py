# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The images on which an exported file is compared with the eager model."""
import contextlib
import os
import tempfile

import cv2
from ppdet.utils.logger import setup_logger

from ..data.coco import NEU_DET_CLASSES
from ..data.dataset_files import image_files
from ..data.synthetic_steel import render_image
from ..inference.detections import find_images
from ..utils.samples import spread

__all__ = ['compared_images']

logger = setup_logger('ppdet.engine')

COUNT = 20
SYNTHETIC_SEED = 0


@contextlib.contextmanager
def compared_images(cfg, folder=None):
    """Yields paths of images, spread over those of a folder.

    Args:
        cfg (dict): the configuration.
        folder (str|None): None for the images that EvalDataset lists, or synthetic steel if
            they do not exist.

    Raises:
        FileNotFoundError: no such folder, or no image in it.
        ValueError: a file is not an image.
    """
    maximum = cfg.get('image_maximum')
    with tempfile.TemporaryDirectory() as synthetic:
        images = (find_images(None, folder, maximum) if folder else
                  sorted(filter(os.path.isfile, image_files(cfg, 'EvalDataset'))))
        if not images:
            logger.warning('there are no images of EvalDataset: the files are compared on '
                           'synthetic steel; give images with --infer_dir')
            for index in range(COUNT):
                name = NEU_DET_CLASSES[index % len(NEU_DET_CLASSES)]
                pixels, _ = render_image(SYNTHETIC_SEED, name, index)
                cv2.imwrite(os.path.join(synthetic, f'{name}_{index}.png'), pixels)
            images = find_images(None, synthetic)
        images = spread(images, COUNT)
        yield images if folder else [path for image in images
                                     for path in find_images(image, None, maximum)]
