# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Detections as records, files and drawings."""
import csv
import json
import os

import cv2
import numpy as np

from .fonts import given_font, system_font

__all__ = ['records_of', 'save_records', 'read_json', 'drawn_names', 'draw', 'save_image']

WHITE = (255, 255, 255)
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.35
JPEG_QUALITY = 95


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
    # Names of files that are not UTF-8 are escaped, as JSON does.
    with open(as_json, 'w', encoding='utf-8', errors='backslashreplace') as f:
        json.dump(records, f, ensure_ascii=False)
    # Without the byte order mark spreadsheets take UTF-8 for another encoding.
    with open(as_csv, 'w', newline='', encoding='utf-8-sig', errors='backslashreplace') as f:
        writer = csv.writer(f)
        writer.writerow(['file', 'class_name', 'score', 'x1', 'y1', 'x2', 'y2'])
        writer.writerows([r['file'], r['class_name'], r['score'], *r['box']] for r in records)
    return [as_json, as_csv]


def read_json(path):
    """The content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        ValueError: it is not JSON.
        OSError: it cannot be read.
    """
    with open(path, 'rb') as f:
        try:
            return json.loads(f.read())
        except ValueError as error:
            raise ValueError(f'{path} is not JSON ({error})') from error


def drawn_names(classes, font=None):
    """Chooses how classes are named in drawings; OpenCV has the letters of ASCII only.

    Args:
        classes (list of str): names by class.
        font (str or None): file of a font for them; None for one of the system where it is needed.

    Returns:
        tuple: names, numbers from 1 where they cannot be drawn, and Pillow's font or None.

    Raises:
        ValueError, ImportError: as :func:`deploy.fonts.given_font`.
    """
    if not font and all(map(str.isascii, classes)):
        return classes, None
    try:
        text = ''.join(classes)
        return classes, given_font(font, text) if font else system_font(text)[0]
    except LookupError as remedy:
        numbers = [str(k) for k in range(1, 1 + len(classes))]
        legend = ', '.join(f'{number} = {name}' for number, name in zip(numbers, classes))
        print(f'drawings number the classes: {legend}; to draw their names, {remedy}')
        return numbers, None


def draw(image, boxes, names, colors, threshold, font=None):
    """Draws boxes [B, 6] with a score of ``threshold`` or more, labelled with class and score.

    Args:
        image (ndarray): [h, w, 3] uint8, blue, green, red; it is drawn on.
        boxes (ndarray): [B, 6], class, score, x1, y1, x2, y2.
        names (list of str): by class, of :func:`drawn_names`.
        colors (list): red, green, blue by class.
        threshold (float): lowest score drawn.
        font (ImageFont or None): of :func:`drawn_names`.
    """
    for label, score, *corners in boxes.tolist():
        if score < threshold:
            continue
        x1, y1, x2, y2 = (int(value) for value in corners)
        color = colors[int(label)][::-1]
        cv2.rectangle(image, (x1, y1), (x2, y2), color, 2)
        _draw_text(image, f'{names[int(label)]} {score:.2f}', x1, y1, color, font)


def _draw_text(image, text, left, bottom, color, font):
    if font is None:
        (width, height), baseline = cv2.getTextSize(text, FONT, FONT_SCALE, 1)
    else:
        (width, height), baseline = font.getbbox(text)[2:], 2
    top = max(bottom - height - baseline, 0)
    cv2.rectangle(image, (left, top), (left + width, top + height + baseline), color, cv2.FILLED)
    if font is None:
        cv2.putText(image, text, (left, top + height), FONT, FONT_SCALE, WHITE, 1, cv2.LINE_AA)
        return
    from PIL import Image, ImageDraw
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text((left, top), text, fill=WHITE, font=font)
    image[:] = np.asarray(picture)


def save_image(image, path):
    """Writes an image.

    Raises:
        OSError: it cannot be written.
    """
    encoded = cv2.imencode(os.path.splitext(path)[1], image,
                           [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    encoded.tofile(path)
