# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Shared by all data sets of this package: class names, COCO records, stratified splits."""
import random
from collections import Counter, defaultdict

from .records import plain_number

__all__ = ['NEU_DET_CLASSES', 'SPLITS', 'coco_dataset', 'grouped_split', 'stratified_split']

# Alphabetical, as in the file names of the original archive; category ids start at 1.
NEU_DET_CLASSES = ('crazing', 'inclusion', 'patches', 'pitted_surface', 'rolled-in_scale',
                   'scratches')

# Split name -> fraction of the images.
SPLITS = {'train': 0.7, 'val': 0.2, 'test': 0.1}


def coco_dataset(images, boxes, class_names, description):
    """Builds a COCO detection dictionary.

    Args:
        images (list of dict): ``file_name``, ``height``, ``width`` of each image.
        boxes (list of list of dict): for each image its boxes, each with ``class_name`` and
            ``bbox`` = (x1, y1, x2, y2) in pixels, x2 and y2 exclusive. Other keys of a box
            (``difficult`` ...) are kept.
        class_names (sequence of str): category k+1 is ``class_names[k]``.
        description (str): goes into ``info.description``.

    Returns:
        dict: ``info``, ``images``, ``annotations``, ``categories``; ids count from 1.
    """
    category_ids = {name: index + 1 for index, name in enumerate(class_names)}
    image_records, annotations = [], []
    for image_id, (image, image_boxes) in enumerate(zip(images, boxes), start=1):
        image_records.append({**image, 'id': image_id})
        for box in image_boxes:
            extra = {k: v for k, v in box.items() if k not in ('class_name', 'bbox')}
            x1, y1, x2, y2 = box['bbox']
            annotations.append({
                'id': len(annotations) + 1,
                'image_id': image_id,
                'category_id': category_ids[box['class_name']],
                'bbox': [x1, y1, plain_number(x2 - x1), plain_number(y2 - y1)],
                'area': plain_number((x2 - x1) * (y2 - y1)),
                # The box once more, for tools that show nothing without.
                'segmentation': [[x1, y1, x2, y1, x2, y2, x1, y2]],
                'iscrowd': 0,
                **extra
            })
    categories = [{'id': i, 'name': name, 'supercategory': 'defect'}
                  for name, i in category_ids.items()]
    return {'info': {'description': description}, 'images': image_records,
            'annotations': annotations, 'categories': categories}


def stratified_split(labels, seed, splits=None):
    """Distributes indices over splits so that each label has the same fraction in every split.

    Args:
        labels (sequence of str): label of every image.
        seed (int): same seed and labels, same split, on every machine.
        splits (dict of str to float): split name to fraction; fractions sum to 1.

    Returns:
        dict of str to list of int: sorted indices into ``labels`` of each split.
    """
    splits = splits or SPLITS
    by_label = defaultdict(list)
    for index, label in enumerate(labels):
        by_label[label].append(index)
    chosen = {name: [] for name in splits}
    for label in sorted(by_label):
        indices = by_label[label]
        random.Random(f'{seed}-{label}').shuffle(indices)
        start, done = 0, 0.0
        for name, part in splits.items():
            done += part
            end = round(done * len(indices))
            chosen[name] += indices[start:end]
            start = end
    return {name: sorted(indices) for name, indices in chosen.items()}


def grouped_split(labels, groups, seed, splits=None):
    """Distributes indices as :func:`stratified_split`, with each group in one split.

    Args:
        labels (sequence of str): label of every image.
        groups (sequence of str): group of every image.
        seed (int): same seed, labels and groups, same split, on every machine.
        splits (dict of str to float): split name to fraction; fractions sum to 1.

    Returns:
        dict of str to list of int: sorted indices into ``labels`` of each split.
    """
    splits = splits or SPLITS
    members = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    by_label = defaultdict(list)
    for group in sorted(members):
        counts = Counter(labels[index] for index in members[group])
        by_label[min(counts, key=lambda label: (-counts[label], label))].append(group)
    chosen = {name: [] for name in splits}
    for label in sorted(by_label):
        names = by_label[label]
        random.Random(f'{seed}-{label}').shuffle(names)
        filled = Counter()
        for name in names:
            # Relative to its fraction, so that the small splits get theirs too.
            split = min(splits, key=lambda split: filled[split] / splits[split])
            filled[split] += len(members[name])
            chosen[split] += members[name]
    return {name: sorted(indices) for name, indices in chosen.items()}
