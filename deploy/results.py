# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Detections as records, files and drawings."""
import csv
import json
import os

import cv2
import numpy as np

__all__ = ['find_images', 'read_image', 'records_of', 'save_records', 'draw', 'save_image']

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
WHITE = (255, 255, 255)
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.35
JPEG_QUALITY = 95


def find_images(image_file, image_dir):
    """Lists the images of ``--image_file`` and ``--image_dir``.

    Raises:
        FileNotFoundError: a path does not exist, or the folder holds no image.
        ValueError: neither is given.
    """
    if image_file:
        return [image_file]
    if not image_dir:
        raise ValueError('no image; give --image_file FILE or --image_dir FOLDER')
    if not os.path.isdir(image_dir):
        raise FileNotFoundError(f'--image_dir: {image_dir} is not a folder')
    images = sorted(os.path.join(image_dir, name) for name in os.listdir(image_dir)
                    if name.lower().endswith(SUFFIXES))
    if not images:
        raise FileNotFoundError(f'--image_dir: no {", ".join(SUFFIXES)} in {image_dir}')
    return images


def read_image(path, maximum=None):
    """Reads an image as the detector was trained to see it.

    Args:
        path (str): the file.
        maximum (int or None): ``image_maximum`` of the model's card, the value that is white in
            images with 16 bits a channel.

    Returns:
        ndarray: [h, w, 3] uint8, blue, green, red.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is not an image, or has 16 bits a channel and a value above ``maximum``.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'image not found: {path}')
    content = np.fromfile(path, np.uint8)  # cv2.imread fails at some names on Windows
    image = (cv2.imdecode(content, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR) if content.size
             else None)
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'{path} is not an image that can be read; copy it again, or leave it out')
    if image.dtype == np.uint8:
        return image
    if maximum is None or image.max() > maximum:
        raise ValueError(f'{path} has 16 bits a channel, values up to {image.max()}, but the model '
                         f'was exported with image_maximum {maximum}; train and export it with -o '
                         f'image_maximum=N, the value of your camera that is white')
    return ((image.astype('uint32') * 255 + maximum // 2) // maximum).astype('uint8')


def records_of(path, boxes, classes):
    """list of dict: ``file``, ``class_name``, ``score`` and ``box`` of boxes [B, 6]."""
    return [{'file': path, 'class_name': classes[int(box[0])], 'score': round(box[1], 4),
             'box': [round(value, 2) for value in box[2:]]} for box in boxes.tolist()]


def save_records(records, folder):
    """Writes ``results.json`` and ``results.csv`` with the same records.

    Returns:
        list of str: the two paths.
    """
    os.makedirs(folder, exist_ok=True)
    as_json, as_csv = (os.path.join(folder, f'results.{suffix}') for suffix in ('json', 'csv'))
    with open(as_json, 'w', encoding='utf-8') as f:
        json.dump(records, f, ensure_ascii=False)
    with open(as_csv, 'w', newline='', encoding='utf-8') as f:
        writer = csv.writer(f)
        writer.writerow(['file', 'class_name', 'score', 'x1', 'y1', 'x2', 'y2'])
        writer.writerows([r['file'], r['class_name'], r['score'], *r['box']] for r in records)
    return [as_json, as_csv]


def draw(image, boxes, classes, colors, threshold):
    """Draws boxes [B, 6] of a score of ``threshold`` or more, with class and score.

    Args:
        image (ndarray): [h, w, 3] uint8, blue, green, red; it is drawn on.
        boxes (ndarray): [B, 6], class, score, x1, y1, x2, y2.
        classes (list of str): names by class.
        colors (list): red, green, blue by class.
        threshold (float): lowest score drawn.
    """
    for label, score, *corners in boxes.tolist():
        if score < threshold:
            continue
        x1, y1, x2, y2 = (int(value) for value in corners)
        color = colors[int(label)][::-1]
        text = f'{classes[int(label)]} {score:.2f}'
        (width, height), baseline = cv2.getTextSize(text, FONT, FONT_SCALE, 1)
        top = max(y1 - height - baseline, 0)
        cv2.rectangle(image, (x1, y1), (x2, y2), color, 2)
        cv2.rectangle(image, (x1, top), (x1 + width, top + height + baseline), color, cv2.FILLED)
        cv2.putText(image, text, (x1, top + height), FONT, FONT_SCALE, WHITE, 1, cv2.LINE_AA)


def save_image(image, path):
    """Writes an image.

    Raises:
        OSError: it cannot be written.
    """
    encoded = cv2.imencode(os.path.splitext(path)[1], image,
                           [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    encoded.tofile(path)
