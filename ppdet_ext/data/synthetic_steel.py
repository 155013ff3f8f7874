# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Builds a synthetic COCO data set of rolled steel with the six NEU-DET defect classes."""
import os
from collections import namedtuple

import cv2
import numpy as np

from ppdet_ext.data.coco import NEU_DET_CLASSES, coco_dataset, stratified_split
from ppdet_ext.data.dataset_folder import new_dataset_folder
from ppdet_ext.data.dataset_yaml import describe_dataset
from ppdet_ext.data.synthetic_textures import SIZE, draw_defect, draw_surface
from ppdet_ext.utils.files import write_json, write_text
from ppdet_ext.utils.progress import progress

__all__ = ['Defect', 'make_synthetic_steel', 'render_image']

DESCRIPTION = ('Synthetic rolled-steel images with the six NEU-DET defect classes, drawn by '
               'ppdet_ext. Not photographs: scores on them say nothing about real steel.')

# Class -> how often its images hold 1, 2, 3 and 4 defects.
DEFECTS_PER_IMAGE = {
    'crazing': (0.15, 0.47, 0.31, 0.07),
    'inclusion': (0.20, 0.30, 0.26, 0.24),
    'patches': (0.17, 0.30, 0.33, 0.20),
    'pitted_surface': (0.75, 0.25, 0.0, 0.0),
    'rolled-in_scale': (0.21, 0.54, 0.20, 0.05),
    'scratches': (0.37, 0.34, 0.18, 0.11),
}

# Class -> class that may appear in the same image.
COMPANIONS = {
    'crazing': 'patches',
    'inclusion': 'scratches',
    'patches': 'pitted_surface',
    'pitted_surface': 'patches',
    'rolled-in_scale': 'inclusion',
    'scratches': 'inclusion',
}
COMPANION_SHARE = 0.07

# Class -> fraction of the images with the rolling direction across instead of down the image.
ACROSS_SHARES = {'inclusion': 0.07, 'scratches': 0.3}

# A defect is drawn elsewhere, or not at all, if its box and that of one of its own class share
# more than this part of the smaller of the two.
MAX_OVERLAP = 0.2
PLACING_TRIALS = 4

JPEG_QUALITY = 95

SOUND = 'sound'  # in the place of a class: steel without defects

Defect = namedtuple('Defect', ['class_name', 'bbox', 'mask'])
Defect.__doc__ = """One drawn defect.

``mask`` is ``[200, 200]`` bool, the drawn pixels; ``bbox`` = (x1, y1, x2, y2) in pixels is the
smallest box around them, x2 and y2 exclusive.
"""


def render_image(seed, class_name, index):
    """Draws one image. It depends on the three arguments only, not on how many are drawn.

    Args:
        seed (int): seed of the data set, 0 or more.
        class_name (str): one of ``NEU_DET_CLASSES``, or ``sound`` for steel without defects.
        index (int): number of the image in its class, 0 or more.

    Returns:
        tuple: pixels ``[200, 200]`` uint8 and list of ``Defect``, the first one of
        ``class_name``; none for sound steel.
    """
    kinds = (*NEU_DET_CLASSES, SOUND)
    rng = np.random.default_rng([seed, kinds.index(class_name), index])
    sound = class_name == SOUND
    # Sound steel has the surfaces of all classes, or its surface alone would identify it.
    surface = NEU_DET_CLASSES[index % len(NEU_DET_CLASSES)] if sound else class_name
    light, grain = draw_surface(rng, surface)
    layers, defects = _draw_defects(rng, [] if sound else _choose_classes(rng, class_name))
    pixels = np.clip(np.round(light * (1 + layers) + grain), 0, 255).astype(np.uint8)
    if rng.random() < ACROSS_SHARES.get(surface, 0):
        pixels = pixels.T.copy()
        defects = [Defect(name, (y1, x1, y2, x2), mask.T)
                   for name, (x1, y1, x2, y2), mask in defects]
    return pixels, defects


def make_synthetic_steel(output, images_per_class, seed=0, overwrite=False, sound=0):
    """Writes the data set: ``images/``, ``annotations/{train,val,test}.json``, ``label_list.txt``
    and ``dataset.yml``.

    ``output`` appears complete or stays as it was.

    Args:
        output (str): folder to make.
        images_per_class (int): images of each of the six classes, numbered from 1.
        seed (int): 0 or more; same seed, same images.
        overwrite (bool): replace an earlier data set in ``output``.
        sound (int): images without defects.

    Returns:
        dict of str to int: number of images of each split.

    Raises:
        FileExistsError: ``output`` exists, is not empty, and may not be replaced.
        ValueError: ``seed`` is negative, or there are too few images to split.
    """
    if seed < 0:
        raise ValueError(f'seed: expected 0 or more, got {seed}')
    if sound < 0:
        raise ValueError(f'sound: expected 0 or more, got {sound}')
    names = [(class_name, index) for class_name in NEU_DET_CLASSES
             for index in range(1, images_per_class + 1)]
    names += [(SOUND, index) for index in range(1, sound + 1)]
    splits = stratified_split([class_name for class_name, _ in names], seed)
    if not all(splits.values()):
        raise ValueError(f'images per class: expected 10 or more, got {images_per_class}, too few '
                         f'for the splits {", ".join(splits)}')
    with new_dataset_folder(output, overwrite) as folder:
        _write(folder, names, splits, seed)
        shows_sound = {split: any(names[k][0] == SOUND for k in indices)
                       for split, indices in splits.items()}
        write_text(os.path.join(folder, 'dataset.yml'), describe_dataset(
            output, NEU_DET_CLASSES, shows_sound['train'], shows_sound['val']))
    return {name: len(indices) for name, indices in splits.items()}


def _choose_classes(rng, class_name):
    """Classes of the defects to draw, the image's own class first."""
    count = 1 + rng.choice(4, p=DEFECTS_PER_IMAGE[class_name])
    classes = [class_name] * count
    if rng.random() < COMPANION_SHARE:
        classes[1:] = [*classes[2:], COMPANIONS[class_name]]
    return classes


def _draw_defects(rng, classes):
    """Draws one defect for each class name, as far as there is room.

    Returns:
        tuple: sum of the layers ``[200, 200]`` float64 and list of ``Defect``.
    """
    layers, defects = np.zeros((SIZE, SIZE)), []
    for class_name in classes:
        for _ in range(PLACING_TRIALS):
            layer = draw_defect(rng, class_name)
            defect = Defect(class_name, _tight_box(layer != 0), layer != 0)
            if not any(_crowds(defect, other) for other in defects):
                layers += layer
                defects.append(defect)
                break
    return layers, defects


def _tight_box(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _crowds(defect, other):
    """bool: whether two defects of one class overlap by too much of the smaller box."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = defect.bbox, other.bbox
    shared = max(0, min(ax2, bx2) - max(ax1, bx1)) * max(0, min(ay2, by2) - max(ay1, by1))
    smaller = min((ax2 - ax1) * (ay2 - ay1), (bx2 - bx1) * (by2 - by1))
    return defect.class_name == other.class_name and shared > MAX_OVERLAP * smaller


def _write(folder, names, splits, seed):
    image_folder = os.path.join(folder, 'images')
    annotation_folder = os.path.join(folder, 'annotations')
    os.mkdir(image_folder)
    os.mkdir(annotation_folder)
    images, boxes = [], []
    for class_name, index in progress(names, 'drawing'):
        pixels, defects = render_image(seed, class_name, index)
        file_name = f'{class_name}_{index}.jpg'
        encoded = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        # cv2.imwrite would fail silently on a full disk or a missing folder.
        with open(os.path.join(image_folder, file_name), 'wb') as f:
            f.write(encoded.tobytes())
        images.append({'file_name': file_name, 'height': SIZE, 'width': SIZE})
        boxes.append([{'class_name': d.class_name, 'bbox': d.bbox} for d in defects])
    for split, indices in splits.items():
        content = coco_dataset([images[i] for i in indices], [boxes[i] for i in indices],
                               NEU_DET_CLASSES, f'{DESCRIPTION} Seed {seed}, {split} split.')
        write_json(os.path.join(annotation_folder, f'{split}.json'), content)
    write_text(os.path.join(folder, 'label_list.txt'), '\n'.join(NEU_DET_CLASSES) + '\n')
