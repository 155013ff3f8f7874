# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Image files, read as in training; files that training does not read are refused."""
import os
import struct

import cv2
import numpy as np

__all__ = ['SUFFIXES', 'find_images', 'has_several_pages', 'images_in', 'read_image', 'tiff_pages']

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
SHOWN = 5  # names of files

JPEG, JPEG_SCAN, JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
BMP, PNG = b'BM', b'\x89PNG'
TIFF = {b'II*\0': '<', b'MM\0*': '>'}  # and the order of the bytes in its numbers
# Tags of TIFF and of EXIF, which is one.
KIND, BITS, ORIENTATION, SAMPLE_FORMAT = 254, 258, 274, 339
# Kinds of pages besides the image: a smaller copy, a transparency mask.
SMALLER, MASK = 1, 4
NUMBERS = {1: 'B', 3: 'H', 4: 'I'}  # of the types of TIFF
INTEGERS = (None, 1)  # formats of samples: those from 0
UNTURNED = (None, 1)
EXIF_START = b'Exif\0\0'  # which some programs leave out


def find_images(image_file, image_dir):
    """Lists the images of ``--image_file`` and ``--image_dir``.

    Returns:
        list of str: sorted paths; files with other suffixes are reported as left out.

    Raises:
        FileNotFoundError: a path does not exist, or the folder holds no image.
        ValueError: neither is given, or the file is not an image by its name.
    """
    if image_file:
        if not image_file.lower().endswith(SUFFIXES):  # its drawing has the same name
            raise ValueError(f'{image_file}: the name of an image ends in {", ".join(SUFFIXES)}; '
                             f'rename it')
        return [image_file]
    if not image_dir:
        raise ValueError('no image; give --image_file FILE or --image_dir FOLDER')
    return images_in(image_dir, '--image_dir')


def images_in(folder, flag):
    """Lists the images in a folder.

    Args:
        folder (str): of the images.
        flag (str): the flag that names it, for messages.

    Returns:
        list of str: sorted paths; other files are reported as left out.

    Raises:
        FileNotFoundError: there is no such folder, or no image in it.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f'{flag}: {folder} is not a folder')
    # Hidden files are not images but what other systems leave beside them.
    names = sorted(name for name in os.listdir(folder) if not name.startswith('.'))
    images = [name for name in names if name.lower().endswith(SUFFIXES)
              and os.path.isfile(os.path.join(folder, name))]
    others = sorted(set(names) - set(images))
    shown = f'{", ".join(others[:SHOWN])}{" ..." if len(others) > SHOWN else ""}'
    if not images:
        raise FileNotFoundError(f'{flag}: no {", ".join(SUFFIXES)} in {folder}, which holds '
                                f'{shown or "nothing"}; give the folder of the images')
    if others:
        print(f'{flag}: left out {len(others)} entries that are not image files: {shown}')
    return [os.path.join(folder, name) for name in images]


def read_image(path, maximum=None):
    """Reads an image as the detector was trained to see it.

    Args:
        path (str): the file.
        maximum (int or None): ``image_maximum`` of the model's card, the value that is white in
            images with 16 bits per channel.

    Returns:
        ndarray: [h, w, 3] uint8, blue, green, red.

    Raises:
        FileNotFoundError: it does not exist.
        OSError: it cannot be opened.
        ValueError: it is not an image, or one that training does not read either, or has 16 bits a
            channel and a value above ``maximum``.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'image not found: {path}')
    with open(path, 'rb') as f:  # cv2.imread fails at some names on Windows
        content = f.read()
    fault = _fault(content)
    pixels = None if fault else _decoded(content)
    if pixels is None:
        raise ValueError(f'{path} is not an image that can be read '
                         f'({fault or "OpenCV cannot decode it"}); copy it again, save it as PNG '
                         f'or leave it out')
    if pixels.dtype == np.uint8:
        return pixels
    if maximum is None or pixels.max() > maximum:
        raise ValueError(f'{path} has 16 bits per channel, values up to {pixels.max()}, but the '
                         f'model was exported with image_maximum {maximum}; train and export it '
                         f'with -o image_maximum=N, the value of your camera that is white')
    return ((pixels.astype('uint32') * 255 + maximum // 2) // maximum).astype('uint8')


def _decoded(content):
    """ndarray or None: [h, w, 3], uint8 or uint16, of the bytes of a file."""
    try:
        pixels = cv2.imdecode(np.frombuffer(content, 'uint8'),
                              cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    except cv2.error:  # of too many pixels, for one
        return None
    return pixels if pixels is not None and pixels.dtype in (np.uint8, np.uint16) else None


def _fault(content):
    """str or None: why OpenCV, whichever version, might not see what training has seen."""
    if content.startswith(JPEG):
        # OpenCV makes what is missing grey. A thumbnail ends before the last scan begins.
        cut_off = content.find(JPEG_END, content.rfind(JPEG_SCAN)) < 0
        return 'it is cut off' if cut_off else None
    if content.startswith(tuple(TIFF)):
        pages = tiff_pages(content) or [{}]
        if has_several_pages(pages):
            return 'it is a multi-page TIFF'
        bits, kind = pages[0].get(BITS, 1), pages[0].get(SAMPLE_FORMAT)
        sound = bits in (1, 2, 4, 8, 16) and kind in INTEGERS
        return None if sound else 'its grey values are not unsigned integers of 8 or 16 bits'
    if content[8:12] == b'WEBP':
        return _fault_of_webp(content)
    return None if content.startswith((BMP, PNG)) else 'not a BMP, JPEG, PNG, TIFF or WebP'


def _fault_of_webp(content):
    parts = dict(_parts(content))
    if b'ANIM' in parts:
        return 'it is an animated WebP'
    exif = parts.get(b'EXIF', b'')
    exif = exif[len(EXIF_START):] if exif.startswith(EXIF_START) else exif
    if any(page.get(ORIENTATION) not in UNTURNED for page in tiff_pages(exif)[:1]):
        return 'its EXIF orientation rotates it, which not every OpenCV applies to a WebP'
    return None


def _parts(content):
    """Yields name and bytes of the parts of a WebP."""
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from('<4sI', content, place)
        yield name, content[place + 8:place + 8 + size]
        place += 8 + size + size % 2


def tiff_pages(content):
    """Reads the tags of the pages (image file directories) of a TIFF, or of EXIF.

    Args:
        content (bytes): of the file.

    Returns:
        list of dict: for each page, the first integer of every tag; empty if it is not a TIFF.
        Damaged parts are left out: decoding reports them.
    """
    order = TIFF.get(content[:4])
    pages, starts = [], set()
    if order is None:
        return pages
    try:
        start, = struct.unpack_from(f'{order}I', content, 4)
        while start and start not in starts:
            starts.add(start)
            pages.append({})
            count, = struct.unpack_from(f'{order}H', content, start)
            end = start + 2 + 12 * count
            for place in range(start + 2, end, 12):
                tag, kind, values = struct.unpack_from(f'{order}HHI', content, place)
                if kind in NUMBERS:
                    number = f'{order}{NUMBERS[kind]}'
                    # Values of more than four bytes are elsewhere; their offset is given instead.
                    inside = values * struct.calcsize(number) <= 4
                    where = place + 8 if inside else struct.unpack_from(
                        f'{order}I', content, place + 8)[0]
                    pages[-1][tag], = struct.unpack_from(number, content, where)
            start, = struct.unpack_from(f'{order}I', content, end)
    except struct.error:
        pass
    return pages


def has_several_pages(pages):
    """bool: whether a TIFF with these :func:`tiff_pages` holds images besides the first."""
    return any(not page.get(KIND, 0) & (SMALLER | MASK) for page in pages[1:])
