# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What was found, as records, files and drawings."""
import csv
import json
import os

import cv2

__all__ = ['records_of', 'save_records', 'draw', 'save_image']

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
    with open(as_json, 'w', encoding='utf-8') as f:
        json.dump(records, f, ensure_ascii=False)
    # With a mark, without which spreadsheets take UTF-8 for another encoding.
    with open(as_csv, 'w', newline='', encoding='utf-8-sig') as f:
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
