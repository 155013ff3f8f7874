# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A COCO data set of noise images, quickly made."""
import json

import numpy as np
from PIL import Image

from ppdet_ext.data.coco import NEU_DET_CLASSES

SIZE = 64  # pixels


def noise_set(folder, **parts):
    """Writes ``images`` and ``annotations`` with one box in each image, of all classes in turn.

    Args:
        folder (pathlib.Path): need not exist.
        **parts (int): number of images, named ``<part>_<number>.png``, of train, val ...

    Returns:
        str: the folder.
    """
    (folder / 'images').mkdir(parents=True)
    (folder / 'annotations').mkdir()
    rng = np.random.default_rng(0)
    for part, count in parts.items():
        names = [f'{part}_{k}.png' for k in range(count)]
        for name in names:
            noise = rng.integers(0, 256, [SIZE, SIZE, 3], dtype='uint8')
            Image.fromarray(noise).save(folder / 'images' / name)
        (folder / 'annotations' / f'{part}.json').write_text(json.dumps({
            'categories': [{'id': k + 1, 'name': name} for k, name in enumerate(NEU_DET_CLASSES)],
            'images': [{'id': k + 1, 'file_name': name, 'width': SIZE, 'height': SIZE}
                       for k, name in enumerate(names)],
            'annotations': [{'id': k + 1, 'image_id': k + 1, 'category_id': k % 6 + 1,
                             'bbox': [8, 8, 40, 40], 'area': 1600, 'iscrowd': 0}
                            for k in range(count)]}))
    return str(folder)
