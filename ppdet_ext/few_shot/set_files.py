# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The annotation files of few-shot sets, and what their sets contain, as a table."""
import os

from terminaltables import AsciiTable

from ..utils.files import read_json, write_json, write_text

__all__ = ['annotation_path', 'table', 'write_few_shot']


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
