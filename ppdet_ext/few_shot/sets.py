# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Few-shot sets of a COCO data set: base training, K-shot fine-tuning, validation and test.

Classes come in the order base, then novel, in every file: class k of the detector is category
k + 1. Files of the base classes have no other categories.

A training image may show objects that its set does not label: novel ones in base training,
further ones in a K-shot set. A detector would learn them as background, so a rule
(:data:`UNLABELLED`) says what happens to them:

``drop_image``
    Only images in which every object is labelled are used. Correct for every detector and
    configuration, and the default. A K-shot set then consists of whole images whose boxes of
    each class add up to K.
``crowd``
    The objects are kept and marked ``iscrowd``. PaddleDetection's Faster R-CNN ignores anchors
    and RoIs over them if the configuration says so, as ``configs/few_shot/_base_/crowd.yml``
    does; :func:`ppdet_ext.engine.checks.crowd.check_crowd` refuses a training run where it does
    not. Other detectors treat them as background or as labelled objects.
``background``
    The objects are left out of the annotations, so they are background. This is what the
    released code of DKAN does: its file of a class holds only the boxes of that class, and its
    training even shows an image once for each box, with that box alone.

An object that the source itself marks ``iscrowd`` or ``ignore`` counts as not labelled.
"""
import glob
import os
import random
from collections import Counter, defaultdict
from typing import Callable, NamedTuple, Optional

from terminaltables import AsciiTable

from ..data.coco import SPLITS
from ..data.coco_file import read_sound_coco
from ..safe_io.archive import unpacked
from ..utils.files import read_json, write_json, write_text
from ..utils.suggest import did_you_mean
from ..utils.text import counted

__all__ = ['NEU_DET_SPLITS', 'UNLABELLED', 'ClassSplit', 'FewShotSet', 'annotation_path',
           'make_few_shot', 'table', 'write_few_shot']


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


class Image(NamedTuple):
    """A COCO image record and its annotations, each with ``class_name``."""
    record: dict
    boxes: list

    @property
    def name(self):
        return self.record['file_name']


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
                       if _is_object(box))


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
    parts, names, description = _read_dataset(dataset_dir)
    _check_classes(classes, names, dataset_dir)
    sizes = [(number, seed) for seed in seeds for number in shots]
    rule = UNLABELLED[unlabelled]
    if authors_splits:
        parts, choices = _authors_choices(authors_splits, parts, classes.all, sizes)
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


# The data set


def _read_dataset(dataset_dir):
    """Returns the images of each part, ``{'train': [Image ...] ...}``, the class names, and what
    the data set says of itself."""
    parts, names, description = {}, None, None
    for part in SPLITS:
        path = os.path.join(dataset_dir, 'annotations', f'{part}.json')
        parts[part], part_names, info = _read_coco(path)
        names = names or part_names
        description = description or info.get('description')
        if part_names != names:
            raise ValueError(f'{path} has the classes {part_names}, but train.json has {names}; '
                             'prepare the data set again')
    _check_overlap(parts, dataset_dir)
    return parts, names, description


def _read_coco(path):
    """Returns the images of a COCO file, its class names in the order of their ids, its info."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path} does not exist; prepare the data set with '
                                'tools/prepare_data.py (NEU-DET: tools/prepare_neu_det.py), or '
                                'correct the path')
    try:
        content = read_sound_coco(path)
    except ValueError as error:
        raise ValueError(f'{error}; correct it, tools/prepare_data.py --check --output FOLDER '
                         'lists the faults of a data set') from error
    names = {category['id']: category['name'] for category in content.categories}
    images = {record['id']: Image(record, []) for record in content.images}
    for box in content.annotations:
        images[box['image_id']].boxes.append({**box, 'class_name': names[box['category_id']]})
    return list(images.values()), [names[number] for number in sorted(names)], content.info


def _check_overlap(parts, where):
    seen, twice = {}, []
    for part, images in parts.items():
        for image in images:
            if image.name in seen:
                twice.append(f'{image.name} is in {seen[image.name]} and in {part}')
            seen[image.name] = part
    if twice:
        raise ValueError(f'{where}: {len(twice)} images appear twice, first {twice[0]}; a '
                         'test on training images shows nothing: put each image into one part only')


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


def _is_object(box):
    return not box.get('iscrowd') and not box.get('ignore')


def _key(image, box):
    """tuple: identifies a box within the data set."""
    return image.name, box['id']


# The sets


def _base_training_set(images, classes, rule, info):
    """Images without any box stay: they show what no defect looks like."""
    labelled = {_key(image, box) for image in images for box in image.boxes
                if box['class_name'] in classes.base and _is_object(box)}
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
        known = [box for box in image.boxes if _key(image, box) in labelled]
        others = [box for box in image.boxes if _key(image, box) not in labelled]
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


# The choice of K boxes per class


def _choose_boxes(images, class_names, shots, seed):
    """Goes through the images in random order and takes the first boxes of each class."""
    chosen = set()
    for name in class_names:
        boxes = [[_key(image, box) for box in image.boxes
                  if box['class_name'] == name and _is_object(box)]
                 for image in _shuffled(images, f'{seed}-{name}')]
        boxes = [box for image_boxes in boxes for box in image_boxes]
        _check_enough(name, len(boxes), shots)
        chosen.update(boxes[:shots])
    return chosen


def _choose_whole_images(images, class_names, shots, seed, attempts=100):
    """Goes through the images in random order and takes those that fit in whole."""
    counts = {}  # image name -> boxes of each class
    for image in images:
        if image.boxes and all(box['class_name'] in class_names and _is_object(box)
                               for box in image.boxes):
            counts[image.name] = Counter(box['class_name'] for box in image.boxes)
    total = sum(counts.values(), Counter())
    for name in class_names:
        _check_enough(name, total[name], shots, ' in images where every object has one of the '
                                                'chosen classes')
    for attempt in range(attempts):
        names, missing = set(), Counter(dict.fromkeys(class_names, shots))
        for image in _shuffled(images, f'{seed}-{attempt}'):
            fits = image.name in counts and all(
                number <= missing[name] for name, number in counts[image.name].items())
            if fits:
                names.add(image.name)
                missing -= counts[image.name]
        if not missing:
            return {_key(image, box) for image in images if image.name in names
                    for box in image.boxes}
    name = next(iter(missing))
    raise ValueError(f'no whole images were found whose boxes of class "{name}" add up to {shots}; '
                     'take another number of shots, or part of the boxes of an image with '
                     '--unlabelled crowd')


def _shuffled(images, seed):
    images = sorted(images, key=lambda image: image.name)
    random.Random(seed).shuffle(images)
    return images


def _check_enough(name, count, shots, where=''):
    if count < shots:
        raise ValueError(f'train.json: class "{name}" has {counted(count, "box")}{where}, {shots} '
                         f'shots need {shots}; annotate more, or lower the number of shots')


class Rule(NamedTuple):
    """What happens to objects that a training set does not label.

    Attributes:
        choose (callable): the keys of K boxes per class from images, class names, K and a seed.
        boxes (callable): what an image keeps of its labelled and its other boxes, or None if it
            is left out.
    """
    choose: Callable
    boxes: Callable


UNLABELLED = {
    'drop_image': Rule(_choose_whole_images, lambda labelled, others: None),
    'crowd': Rule(_choose_boxes, lambda labelled, others: [
        *labelled, *({**box, 'iscrowd': 1, 'ignore': 0} for box in others)]),
    'background': Rule(_choose_boxes, lambda labelled, others: labelled),
}


# The authors' splits


def _authors_choices(path, parts, class_names, sizes):
    """Reads the published splits of NEU-DET.

    Returns:
        tuple: the parts train and test, and the keys of the chosen boxes of each size.
    """
    images = {image.name: image for part in parts.values() for image in part}
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} does not exist, expected the authors' splits")
    with unpacked(path) as folder:
        found = sorted(glob.glob(os.path.join(folder, '**', 'trainval.json'), recursive=True))
        if not found:
            raise FileNotFoundError(f'{path}: holds no trainval.json; expected the folder or '
                                    "archive with the authors' splits")
        folder = os.path.dirname(found[0])
        parts = {'train': _prepared_images(folder, 'trainval.json', images),
                 'test': _prepared_images(folder, 'test.json', images)}
        _check_overlap(parts, path)
        keys = defaultdict(list)  # NEU-DET has some boxes twice
        for image in parts['train']:
            for box in image.boxes:
                # The authors' x, y count from 1, and their sides lack the last pixel.
                x, y, width, height = box['bbox']
                theirs = x + 1, y + 1, width - 1, height - 1
                keys[(image.name, box['class_name'], theirs)].append(_key(image, box))
        return parts, {size: {key for name in class_names
                              for key in _authors_boxes(folder, name, *size, keys)}
                       for size in sizes}


def _prepared_images(folder, name, images):
    listed, *_ = _read_coco(os.path.join(folder, name))
    unknown = [image.name for image in listed if image.name not in images]
    if unknown:
        raise ValueError(f'{name}: {len(unknown)} of {len(listed)} images are not in the prepared '
                         f'data set, first {unknown[0]}; prepare it from the whole NEU-DET')
    return [images[image.name] for image in listed]


def _authors_boxes(folder, class_name, shots, seed, keys):
    """Yields the keys of the boxes that the authors chose for a class."""
    name = os.path.join('fewshot-split', str(seed),
                        f'{seed}seed_{shots}shot_{class_name}_trainval.json')
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"the authors' splits hold no {name}; they have seeds 1 to 9 and "
                                '1, 2, 3, 5, 10 and 30 shots of the classes of NEU-DET')
    boxes = Counter((image.name, class_name, tuple(box['bbox']))
                    for image in _read_coco(path)[0] for box in image.boxes)
    for box, times in boxes.items():
        if len(keys.get(box, ())) < times:
            raise ValueError(f'{name}: {list(box[2])} in {box[0]} is not a box of class '
                             f'"{class_name}" of a training image of the prepared data set; '
                             'prepare it from the whole NEU-DET with --box-origin 1')
        yield from keys[box][:times]


# Output


def annotation_path(folder, name, dataset_dir):
    """str: ``anno_path`` of a set in a folder, as ``dataset_dir`` in a configuration needs it."""
    path = os.path.join(folder, f'{name}.json')
    relative = os.path.relpath(path, dataset_dir)
    return os.path.abspath(path) if relative.startswith(os.pardir) else relative


def write_few_shot(folder, sets, overwrite=False, configs=None):
    """Writes ``{name}.json`` of every set, and YAMLs; other files in the folder stay.

    Args:
        folder (str): created if missing.
        sets (dict of str to FewShotSet): as :func:`make_few_shot` returns them.
        overwrite (bool): replace files that hold something else.
        configs (dict of str to str or None): name and text of YAMLs. One that exists may have been
            edited, and is replaced only with ``overwrite``.

    Raises:
        FileExistsError: a file holds something else and may not be replaced.
    """
    contents = {os.path.join(folder, f'{name}.json'): _coco(name, content)
                for name, content in sets.items()}
    changed = [path for path, content in contents.items()
               if os.path.exists(path) and not _holds(path, content)]
    if changed and not overwrite:
        raise FileExistsError(f'{changed[0]} exists and holds another set ({len(changed)} such '
                              'files); give another --output, or --overwrite to replace them '
                              'and the YAMLs there, edited or not')
    os.makedirs(folder, exist_ok=True)
    for path, content in contents.items():
        write_json(path, content)
    for name, text in (configs or {}).items():
        path = os.path.join(folder, name)
        if overwrite or not os.path.exists(path):
            write_text(path, text)


def _coco(name, content):
    ids = {class_name: number for number, class_name in enumerate(content.classes, start=1)}
    records, annotations = [], []
    for image_id, image in enumerate(content.images, start=1):
        records.append({**image.record, 'id': image_id})
        for box in image.boxes:
            kept = {key: value for key, value in box.items() if key != 'class_name'}
            annotations.append({
                **kept, 'id': len(annotations) + 1, 'image_id': image_id,
                # A crowd box of a class that the set does not have needs some category; as it
                # is ignored, any will do.
                'category_id': ids.get(box['class_name'], 1)})
    return {'info': {'description': name, **content.info}, 'images': records,
            'annotations': annotations,
            'categories': [{'id': number, 'name': class_name, 'supercategory': 'defect'}
                           for class_name, number in ids.items()]}


def _holds(path, content):
    try:
        return read_json(path) == content
    except ValueError:
        return False


def table(sets):
    """str: images, boxes of each class and effect of the rule, one line per set."""
    classes = max((content.classes for content in sets.values()), key=len)
    rows = [['set', 'images', *classes, 'unlabelled', 'images left out']]
    for name, content in sets.items():
        counts = content.counts()
        rows.append([name, len(content.images),
                     *(counts[c] if c in content.classes else '-' for c in classes),
                     *('-' if number is None else number
                       for number in (content.unlabelled, content.left_out))])
    result = AsciiTable([[str(cell) for cell in row] for row in rows])
    result.justify_columns = {column: 'right' for column in range(1, len(rows[0]))}
    return result.table
