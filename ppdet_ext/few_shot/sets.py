# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Few-shot sets of a COCO data set: base training, K-shot fine-tuning, validation and test.

Classes come in the order base, then novel, in every file: class k of the detector is category
k + 1. Files of the base classes have no other categories.
"""
from collections import Counter
from typing import NamedTuple, Optional

from ..utils.suggest import did_you_mean
from .annotated_images import Image, box_key, is_object, read_dataset
from .authors_splits import authors_choices
from .shots import UNLABELLED

__all__ = ['NEU_DET_SPLITS', 'ClassSplit', 'FewShotSet', 'make_few_shot']


class ClassSplit(NamedTuple):
    """Names of the classes that are learned first, and of those that are added later."""
    base: tuple
    novel: tuple

    @property
    def all(self):
        return (*self.base, *self.novel)


# The three splits of NEU-DET in the DKAN paper (arXiv 2209.00519), classes in its order.
NEU_DET_SPLITS = {
    1: ClassSplit(('crazing', 'inclusion', 'patches'),
                  ('pitted_surface', 'rolled-in_scale', 'scratches')),
    2: ClassSplit(('inclusion', 'rolled-in_scale', 'scratches'),
                  ('crazing', 'patches', 'pitted_surface')),
    3: ClassSplit(('pitted_surface', 'patches', 'scratches'),
                  ('crazing', 'inclusion', 'rolled-in_scale')),
}


class FewShotSet(NamedTuple):
    """The content of one annotation file.

    Attributes:
        images (list of Image): with the boxes that stay.
        classes (tuple of str): its categories, in order.
        info (dict): COCO's ``info``.
        unlabelled (int or None): objects in the images that are not labelled; None for a set to
            evaluate on, where objects of other classes do not matter.
        left_out (int or None): images that the rule has left out.
    """
    images: list
    classes: tuple
    info: dict
    unlabelled: Optional[int] = None
    left_out: Optional[int] = None

    def counts(self):
        """Counter: labelled boxes of each class."""
        return Counter(box['class_name'] for image in self.images for box in image.boxes
                       if is_object(box))


def make_few_shot(dataset_dir, classes, shots, seeds, unlabelled='drop_image',
                  authors_splits=None):
    """Makes the few-shot sets of a data set; writes nothing.

    The same data set, rule, number of shots and seed give the same boxes on every machine,
    whichever of the classes are novel. With ``crowd`` and ``background`` a set contains the
    smaller ones of the same seed; whole images cannot do that and still add up to K.

    Args:
        dataset_dir (str): holds ``annotations/{train,val,test}.json``, as
            ``tools/prepare_data.py`` writes them.
        classes (ClassSplit): base and novel classes. Objects of further classes in the data set
            are treated as unlabelled.
        shots (iterable of int): numbers of boxes of each class; one set for each and each seed.
        seeds (iterable of int): of the choice; with ``authors_splits`` 1 to 9.
        unlabelled (str): a key of :data:`UNLABELLED`.
        authors_splits (str): folder or archive with the splits that the authors of DKAN
            published. They define which images are for training and test (there is no val),
            and which boxes are the K shots; the boxes themselves are those of ``dataset_dir``.

    Returns:
        dict of str to FewShotSet: ``base_train``, ``{K}shot_seed{S}``, and of val and test
        ``{part}`` with all classes and ``base_{part}`` with the same images and the boxes of the
        base classes.

    Raises:
        FileNotFoundError: a file of the data set or of the authors' splits is missing.
        ValueError: wrong classes or numbers, too few boxes, or training images among the test
            images.
    """
    if unlabelled not in UNLABELLED:
        raise ValueError(f'unlabelled must be one of {", ".join(UNLABELLED)}, got '
                         f'"{unlabelled}"')
    for number in shots:
        if number < 1:
            raise ValueError(f'shots: expected integers of at least 1, got {number}')
    parts, names, description = read_dataset(dataset_dir)
    _check_classes(classes, names, dataset_dir)
    sizes = [(number, seed) for seed in seeds for number in shots]
    rule = UNLABELLED[unlabelled]
    if authors_splits:
        parts, choices = authors_choices(authors_splits, parts, classes.all, sizes)
    else:
        choices = {size: rule.choose(parts['train'], classes.all, *size) for size in sizes}
    info = {'base_classes': list(classes.base), 'novel_classes': list(classes.novel),
            **({'source': description} if description else {})}
    train_info = {**info, 'unlabelled': unlabelled}
    sets = {'base_train': _base_training_set(parts['train'], classes, rule, train_info)}
    for (number, seed), chosen in choices.items():
        name = f'{number}shot_seed{seed}'
        sets[name] = _training_set(parts['train'], chosen, classes.all, rule, train_info)
        _check_shots(name, sets[name], number)
    for part, images in parts.items():
        if part != 'train':
            sets[part] = _evaluation_set(images, classes.all, info)
            sets[f'base_{part}'] = _evaluation_set(images, classes.base, info)
    return sets


def _check_classes(classes, names, where):
    if not classes.base or not classes.novel:
        raise ValueError('expected at least one base and one novel class, got base '
                         f'{list(classes.base)}, novel {list(classes.novel)}')
    for name, times in Counter(classes.all).items():
        if name not in names:
            raise ValueError(f'{where} has no class "{name}"{did_you_mean(name, names)}; its '
                             f'classes: {", ".join(names)}')
        if times > 1:
            both = name in classes.base and name in classes.novel
            raise ValueError(f'class "{name}" is ' + ('base and novel' if both else 'named twice')
                             + '; name each class once')


def _base_training_set(images, classes, rule, info):
    """Images without any box stay: they show what no defect looks like."""
    labelled = {box_key(image, box) for image in images for box in image.boxes
                if box['class_name'] in classes.base and is_object(box)}
    result = _training_set(images, labelled, classes.base, rule, info)
    counts = result.counts()
    for name in classes.base:
        if not counts[name]:
            raise ValueError(f'base_train: no box of class "{name}" is left, {result.left_out} '
                             'images were left out since they also show objects that are not '
                             'labelled; give --unlabelled crowd or background, or annotate more')
    return result._replace(images=result.images + [image for image in images if not image.boxes])


def _training_set(images, labelled, classes, rule, info):
    """Applies the rule to all images that show a labelled object.

    Args:
        images (list of Image): to choose from.
        labelled (set): keys of the boxes that the set labels.
        classes (tuple of str): its categories.
        rule (Rule): says what happens to the other boxes.
        info (dict): COCO's ``info``.

    Returns:
        FewShotSet: the set.
    """
    kept, unlabelled, left_out = [], 0, 0
    for image in images:
        known = [box for box in image.boxes if box_key(image, box) in labelled]
        others = [box for box in image.boxes if box_key(image, box) not in labelled]
        boxes = rule.boxes(known, others) if others else known
        if known and boxes is None:
            left_out += 1
        elif known:
            kept.append(Image(image.record, boxes))
            unlabelled += len(others)
    return FewShotSet(kept, classes, info, unlabelled, left_out)


def _evaluation_set(images, classes, info):
    return FewShotSet([Image(image.record, [box for box in image.boxes
                                            if box['class_name'] in classes])
                       for image in images], classes, info)


def _check_shots(name, result, shots):
    counts = result.counts()
    for class_name in result.classes:
        if counts[class_name] != shots:
            raise ValueError(
                f'{name}: {counts[class_name]} of {shots} boxes of class "{class_name}" are left, '
                f'since {result.left_out} images also show objects that are not labelled; give '
                '--unlabelled crowd or background')
