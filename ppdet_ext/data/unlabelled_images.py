# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Images without labels, from a folder, and the reader that prepares them."""
import os

import numpy as np
from ppdet.core.workspace import register
from ppdet.data.reader import BaseDataLoader
from ppdet.data.source.dataset import DetDataset
from ppdet.utils.logger import setup_logger

from .dataset_files import image_files
from .image_checks import checked_sizes
from .images import IMAGE_SUFFIXES, is_image_name
from .source_files import files_below
from .voc_list import list_lines

__all__ = ['UnlabelledDataset', 'UnlabelledReader', 'reader_options', 'warn_of_evaluated']

logger = setup_logger('ppdet.engine')

SECTION = 'UnlabelledDataset'


@register
class UnlabelledDataset(DetDataset):
    """Images without labels, which a distillation sees in addition to those of ``TrainDataset``.

    A sample has one box, as large as the image: operators that crop around boxes then take the
    image for the object. Nothing of it reaches the network.

    Args:
        dataset_dir (str|None): folder to which the other two are relative.
        image_dir (str|None): folder whose images are taken, those in its folders too.
        image_list (str|None): text file that names the images to take, one per line, relative to
            ``image_dir`` or absolute; None takes all.
        pseudo_boxes (bool): whether terms that need boxes take those that the teacher detects.
        score_threshold (float): lowest score of such a detection.
    """

    def __init__(self,
                 dataset_dir=None,
                 image_dir=None,
                 image_list=None,
                 pseudo_boxes=False,
                 score_threshold=0.5):
        super().__init__(dataset_dir, image_dir)
        self.image_list = image_list
        self.pseudo_boxes = pseudo_boxes
        self.score_threshold = score_threshold

    def check_or_download_dataset(self):
        """Nothing: there is no place to download such images from."""

    def parse_dataset(self, image_maximum=None):
        """Finds the images and makes sure that each can be read.

        Args:
            image_maximum (int|None): the config's.

        Raises:
            FileNotFoundError: no such folder or list, or a listed image is missing.
            ValueError: there is no image, or some cannot be read.
        """
        paths = self._listed() if self.image_list else self._found()
        sizes = checked_sizes(SECTION, paths, image_maximum)
        zero = np.zeros([1, 1], 'int32')
        self.roidbs = [{
            'im_id': np.array([number]), 'im_file': path, 'h': height, 'w': width,
            'gt_bbox': np.array([[0, 0, width, height]], 'float32'), 'gt_class': zero,
            'is_crowd': zero,
        } for number, (path, (width, height)) in enumerate(zip(paths, sizes))]

    def _folder(self):
        folder = os.path.join(self.dataset_dir, self.image_dir)
        if not os.path.isdir(folder):
            raise FileNotFoundError(f'{SECTION}: {folder or "image_dir"} is not a folder; give '
                                    f'that of the images with -o {SECTION}.image_dir=PATH')
        return folder

    def _found(self):
        folder = self._folder()
        paths = [path for path in files_below(folder) if is_image_name(path)]
        if not paths:
            raise ValueError(f'{SECTION}: {folder} holds no image ({", ".join(IMAGE_SUFFIXES)}); '
                             f'give another folder with -o {SECTION}.image_dir=PATH')
        return paths

    def _listed(self):
        # Absolute paths need no folder, which may be the working folder, too.
        folder = self._folder() if self.dataset_dir or self.image_dir else os.curdir
        image_list = os.path.join(self.dataset_dir, self.image_list)
        if not os.path.isfile(image_list):
            raise FileNotFoundError(f'{SECTION}: {image_list} does not exist; make it with '
                                    f'tools/make_partly_labelled.py, or remove image_list to take '
                                    f'all images of {folder}')
        lines = list_lines(image_list)
        if not lines:
            raise ValueError(f'{SECTION}: {image_list} names no image')
        paths = [os.path.join(folder, line.replace('\\', '/')) for _, line in lines]
        for (number, _), path in zip(lines, paths):
            if not os.path.isfile(path):
                raise FileNotFoundError(f'{SECTION}: {image_list}:{number}: {path} does not '
                                        f'exist; copy it there, or remove the line')
        return paths


@register
class UnlabelledReader(BaseDataLoader):
    """Prepares the images of ``UnlabelledDataset``; see :func:`reader_options`.

    Args:
        sample_transforms (list): operators on single images.
        batch_transforms (list): operators on batches.
        batch_size (int): images per step and process.
        num_classes (int): of the detector.
    """
    __shared__ = ['num_classes']

    def __init__(self,
                 sample_transforms=(),
                 batch_transforms=(),
                 batch_size=1,
                 num_classes=80,
                 **kwargs):
        super().__init__(sample_transforms, batch_transforms, batch_size, num_classes=num_classes,
                         collate_batch=False, **kwargs)


def reader_options(cfg):
    """Completes the section ``UnlabelledReader`` from ``TrainReader``.

    Args:
        cfg (dict): the configuration.

    Returns:
        dict: arguments of :class:`UnlabelledReader`. Without transforms or batch size of its own
        it has those of ``TrainReader``, without the operators that turn boxes into targets.
    """
    train = cfg['TrainReader']
    batch = [entry for entry in train.get('batch_transforms') or ()
             if not next(iter(entry)).startswith('Gt2')]
    return {'sample_transforms': train.get('sample_transforms') or [], 'batch_transforms': batch,
            'batch_size': train.get('batch_size', 1), 'num_classes': cfg['num_classes'],
            **(cfg.get('UnlabelledReader') or {})}


def warn_of_evaluated(dataset, cfg):
    """Warns of images with the same name as one that the run is evaluated on.

    Args:
        dataset (UnlabelledDataset): whose images were found.
        cfg (dict): the configuration.
    """
    evaluated = {os.path.basename(path) for path in image_files(cfg, 'EvalDataset')}
    same = [record['im_file'] for record in dataset.roidbs
            if os.path.basename(record['im_file']) in evaluated]
    if same:
        logger.warning(f'{SECTION}: {len(same)} of {len(dataset)} images have the name of an image '
                       f'of EvalDataset, first {same[0]}; if they are the same, the results of '
                       f'this run look too good: leave them out, with an image_list')
