# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Imitates labelling tools: packs synthetic steel with labels of four formats, one zip each."""
import json
import os
import zipfile

SIDE = 200  # pixels of a synthetic image
SPLITS = ('train', 'val', 'test')


def write_exports(data, folder):
    """Packs all images of a data set, undivided, with their labels.

    Args:
        data (str): folder of synthetic steel.
        folder (str): where ``voc.zip``, ``yolo.zip``, ``labelme.zip`` and ``coco.zip`` go.
    """
    parts = [_read(os.path.join(data, 'annotations', f'{split}.json')) for split in SPLITS]
    names = [category['name'] for category in parts[0]['categories']]
    images = [(image['file_name'], [(names[each['category_id'] - 1], each['bbox'])
                                    for each in part['annotations']
                                    if each['image_id'] == image['id']])
              for part in parts for image in part['images']]
    labels = {'voc': _voc(images, names), 'yolo': _yolo(images, names),
              'labelme': _labelme(images, names), 'coco': _coco(images, names)}
    os.makedirs(folder, exist_ok=True)
    for name, files in labels.items():
        with zipfile.ZipFile(os.path.join(folder, f'{name}.zip'), 'w') as archive:
            for image, _ in images:
                archive.write(os.path.join(data, 'images', image), f'images/{image}')
            for path, text in files.items():
                archive.writestr(path, text)


def _read(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def _stem(image):
    return os.path.splitext(image)[0]


def _voc(images, names):
    """dict: name of a file to its text; VOC counts pixels from 1."""
    files = {'labels.txt': '\n'.join(names)}
    for image, boxes in images:
        objects = ''.join(
            f'<object><name>{name}</name><bndbox><xmin>{x + 1:.0f}</xmin><ymin>{y + 1:.0f}</ymin>'
            f'<xmax>{x + width:.0f}</xmax><ymax>{y + height:.0f}</ymax></bndbox></object>\n'
            for name, (x, y, width, height) in boxes)
        files[f'annotations/{_stem(image)}.xml'] = (
            f'<annotation>\n<filename>{image}</filename>\n<size><width>{SIDE}</width>'
            f'<height>{SIDE}</height><depth>1</depth></size>\n{objects}</annotation>\n')
    return files


def _yolo(images, names):
    """dict: name of a file to its text; YOLO has centres and sizes as parts of the image."""
    files = {'classes.txt': '\n'.join(names)}
    for image, boxes in images:
        files[f'labels/{_stem(image)}.txt'] = ''.join(
            f'{names.index(name)} {(x + width / 2) / SIDE} {(y + height / 2) / SIDE} '
            f'{width / SIDE} {height / SIDE}\n' for name, (x, y, width, height) in boxes)
    return files


def _labelme(images, names):
    """dict: name of a file to its text."""
    files = {'labels.txt': '\n'.join(names)}
    for image, boxes in images:
        shapes = [{'label': name, 'shape_type': 'rectangle',
                   'points': [[x, y], [x + width, y + height]]}
                  for name, (x, y, width, height) in boxes]
        files[f'images/{_stem(image)}.json'] = json.dumps({
            'version': '5.4.1', 'imagePath': image, 'imageData': None, 'imageWidth': SIDE,
            'imageHeight': SIDE, 'shapes': shapes})
    return files


def _coco(images, names):
    """dict: name of the one file to its text."""
    content = {'categories': [{'id': k, 'name': name} for k, name in enumerate(names, 1)],
               'images': [], 'annotations': []}
    for number, (image, boxes) in enumerate(images, 1):
        content['images'].append({'id': number, 'file_name': image, 'width': SIDE, 'height': SIDE})
        for name, box in boxes:
            content['annotations'].append({
                'id': len(content['annotations']) + 1, 'image_id': number, 'bbox': box,
                'category_id': names.index(name) + 1, 'area': box[2] * box[3], 'iscrowd': 0})
    return {'annotations/instances.json': json.dumps(content)}
