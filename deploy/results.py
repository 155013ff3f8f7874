# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What was found, as records, files and drawings."""
import csv
import json
import os

import cv2
import numpy as np

__all__ = ['find_images', 'read_image', 'records_of', 'save_records', 'draw', 'save_image']

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
WHITE = (255, 255, 255)
SHOWN = 5  # names
FONT_SIZE = 14  # pixels
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
    # Hidden ones are what other systems leave beside the files, not images.
    names = sorted(name for name in os.listdir(image_dir) if not name.startswith('.'))
    images = [name for name in names if name.lower().endswith(SUFFIXES)]
    others = [name for name in names if name not in images]
    shown = f'{", ".join(others[:SHOWN])}{" ..." if len(others) > SHOWN else ""}'
    if not images:
        raise FileNotFoundError(f'--image_dir: no {", ".join(SUFFIXES)} in {image_dir}, but '
                                f'{shown or "nothing"}; give the folder of the images')
    if others:
        print(f'--image_dir: left out {len(others)} that are not images by their suffix: {shown}')
    return [os.path.join(image_dir, name) for name in images]


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
        raise ValueError(f'{path} is not an image that can be read; copy it again, save it as PNG '
                         f'with 8 or 16 bits if its grey values are others, or leave it out')
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
    # With a mark, without which spreadsheets take UTF-8 for another encoding.
    with open(as_csv, 'w', newline='', encoding='utf-8-sig') as f:
        writer = csv.writer(f)
        writer.writerow(['file', 'class_name', 'score', 'x1', 'y1', 'x2', 'y2'])
        writer.writerows([r['file'], r['class_name'], r['score'], *r['box']] for r in records)
    return [as_json, as_csv]


def read_json(path):
    """The content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        ValueError: it is none.
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
        font (str or None): file of a font for them.

    Returns:
        tuple: names, numbers from 1 where they cannot be drawn, and Pillow's font or None.

    Raises:
        ValueError: the font cannot be read.
        ImportError: a font is given, but Pillow is not installed.
    """
    if font:
        try:
            from PIL import ImageFont
            return classes, ImageFont.truetype(font, FONT_SIZE)
        except ImportError as error:
            raise ImportError('--font: Pillow is not installed: pip install pillow') from error
        except OSError as error:
            raise ValueError(f'--font: {font} is not a font that can be read ({error}); give '
                             f'another file, .ttf, .ttc or .otf') from error
    if all(map(str.isascii, classes)):
        return classes, None
    numbers = [str(k) for k in range(1, 1 + len(classes))]
    legend = ', '.join(f'{number} = {name}' for number, name in zip(numbers, classes))
    print(f'drawings number the classes: {legend}; to draw their names, give a font: --font FILE')
    return numbers, None


def draw(image, boxes, names, colors, threshold, font=None):
    """Draws boxes [B, 6] of a score of ``threshold`` or more, with class and score.

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
