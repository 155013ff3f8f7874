# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The same objects in the four formats of labels, as plain writers make them."""
import json

import numpy as np
from PIL import Image

CLASSES = ('scratch', 'dent')  # not in alphabetical order, nor in that of appearance
SIZE = 64, 48  # width, height in pixels


def objects(images=10):
    """dict: name without suffix to (class name, (x1, y1, x2, y2)) of each box; every fifth none."""
    rng, content = np.random.default_rng(3), {}
    for number in range(images):
        boxes = []
        for k in range(0 if number % 5 == 4 else 1 + number % 2):
            x, y = (int(v) for v in rng.integers(0, 30, 2))
            w, h = (int(v) for v in rng.integers(3, 18, 2))
            boxes.append((CLASSES[(number + k + 1) % 2], (x, y, x + w, y + h)))
        content[f'part.{number:03d}'] = boxes
    return content


def write_images(folder, names, suffix='.png'):
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(90, 160, SIZE[::-1], dtype='uint8')
        Image.fromarray(pixels).save(folder / f'{name}{suffix}')


def write_text(path, text, encoding='utf-8'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))


def voc_text(boxes, size=SIZE, head=''):
    objects_text = ''.join(
        f'<object>\n<name>{name}</name>\n<bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>'
        f'<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>\n</object>\n'
        for name, (x1, y1, x2, y2) in boxes)
    return (f'{head}<annotation>\n<filename>x.jpg</filename>\n<size><width>{size[0]}</width>'
            f'<height>{size[1]}</height><depth>1</depth></size>\n{objects_text}</annotation>\n')


def yolo_text(boxes, classes=CLASSES):
    width, height = SIZE
    return ''.join(
        f'{classes.index(name)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} '
        f'{(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}\n'
        for name, (x1, y1, x2, y2) in boxes)


def labelme_content(image, boxes):
    shapes = [{'label': name, 'points': [[x2, y1], [x1, y2]], 'shape_type': 'rectangle',
               'group_id': None, 'flags': {}} for name, (x1, y1, x2, y2) in boxes]
    return {'version': '5.4.1', 'flags': {}, 'shapes': shapes, 'imagePath': image,
            'imageData': None, 'imageWidth': SIZE[0], 'imageHeight': SIZE[1]}


def coco_content(names_to_boxes, classes=CLASSES, first_id=1, file_name='{}.png'):
    images, annotations = [], []
    for number, (name, boxes) in enumerate(names_to_boxes.items()):
        images.append({'id': number, 'file_name': file_name.format(name), 'width': SIZE[0],
                       'height': SIZE[1]})
        for class_name, (x1, y1, x2, y2) in boxes:
            annotations.append({
                'id': len(annotations), 'image_id': number, 'iscrowd': 0,
                'category_id': classes.index(class_name) + first_id,
                'bbox': [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
                'area': float((x2 - x1) * (y2 - y1)), 'segmentation': []})
    categories = [{'id': k + first_id, 'name': name, 'supercategory': ''}
                  for k, name in enumerate(classes)]
    return {'images': images, 'annotations': annotations, 'categories': categories}


def write_voc(folder, content):
    write_images(folder / 'JPEGImages', content)
    for name, boxes in content.items():
        write_text(folder / 'Annotations' / f'{name}.xml', voc_text(boxes))
    write_text(folder / 'classes.txt', '\n'.join(CLASSES))


def write_yolo(folder, content):
    write_images(folder / 'images', content)
    for name, boxes in content.items():
        write_text(folder / 'labels' / f'{name}.txt', yolo_text(boxes))
    write_text(folder / 'data.yaml', f'path: .\ntrain: images\nnames: {list(CLASSES)}\n')


def write_labelme(folder, content):
    write_images(folder, content)
    for name, boxes in content.items():
        write_text(folder / f'{name}.json', json.dumps(labelme_content(f'{name}.png', boxes)))
    write_text(folder / 'labels.txt', '__ignore__\n_background_\n' + '\n'.join(CLASSES))


def write_coco(folder, content):
    write_images(folder / 'images', content)
    write_text(folder / 'annotations' / 'instances_default.json',
               json.dumps(coco_content(content)))


WRITERS = {'voc': write_voc, 'yolo': write_yolo, 'labelme': write_labelme, 'coco': write_coco}
