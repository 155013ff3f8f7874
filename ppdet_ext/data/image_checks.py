# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checks the image files of a run before it starts."""
import os

from PIL import Image

from ..utils.progress import progress
from .images import (
    DEEP_FORMATS,
    DIFFERING_FORMATS,
    IMAGE_FORMATS,
    check_depth,
    check_seen,
    header_size,
    strict_decoding,
)

__all__ = ['check_image', 'check_images', 'checked_sizes']

# The last bytes of a complete file. A file that ends otherwise, or of another format, is decoded.
ENDS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}
LONGEST_END = 8  # bytes
SECONDS_WITHOUT_PROGRESS = 5
# Pillow's modes with 8 bits per channel.
PLAIN_MODES = ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'YCbCr')


def check_images(section, annotations, paths, stated, image_maximum):
    """Reads the beginning and end of every image, since one that is cut off would be half grey.

    Args:
        section (str): of the data set, for messages.
        annotations (str): file that lists the images, for messages.
        paths (list of str): the images.
        stated (list of tuple): file, line or None, and (width, height) that it states, of each.
        image_maximum (int|None): the config's.

    Returns:
        list of str: of every image that has another size, what is stated where.

    Raises:
        ValueError: an image cannot be read, or its grey values cannot be scaled.
    """
    images = progress(list(zip(paths, stated)), f'{section}: checking images',
                      delay=SECONDS_WITHOUT_PROGRESS)
    others = []
    for path, (file, line, size) in images:
        try:
            found = check_image(path, image_maximum, annotations)
        except ValueError as error:
            raise ValueError(f'{section}: {error}') from error
        if size != found:
            place = file if line is None else f'{file}:{line}'
            others.append(f'{place}: states {size[0]:g}x{size[1]:g} pixels for {path}, which has '
                          f'{found[0]}x{found[1]}, so that the boxes may be those of another image')
    return others


def checked_sizes(section, paths, image_maximum=None):
    """Reads the beginning and end of every image of a data set without annotations.

    Args:
        section (str): of the data set, for the message.
        paths (list of str): the images.
        image_maximum (int|None): the config's.

    Returns:
        list of tuple: (width, height) in pixels of each.

    Raises:
        ValueError: some cannot be read; says how many, and what is wrong with the first.
    """
    sizes, faults = [], []
    for path in progress(paths, f'{section}: checking images', delay=SECONDS_WITHOUT_PROGRESS):
        try:
            sizes.append(check_image(path, image_maximum))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise ValueError(f'{section}: {len(faults)} of {len(paths)} images have a fault, first '
                         f'{faults[0]}')
    return sizes


def check_image(path, image_maximum, annotations=None):
    """Checks an image file.

    Args:
        path (str): the image.
        image_maximum (int|None): the config's.
        annotations (str|None): file that lists the image, for messages.

    Returns:
        tuple: (width, height) in pixels.

    Raises:
        ValueError: it cannot be read, or its grey values cannot be scaled.
    """
    listed = f', which {annotations} lists' if annotations else ''
    comma, place = (',', ' from the list') if listed else ('', '')
    try:
        return _sound_size(path, image_maximum)
    except Image.DecompressionBombError as error:
        raise ValueError(f'{path}{listed}: {error}; cut it into tiles, or make it '
                         f'smaller') from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f'{path}{listed}{comma} is not an image that can be read '
                         f'({" ".join(str(error).split())}); copy it again, or remove '
                         f'it{place}') from error
    except ValueError as error:
        raise ValueError(f'{path}{listed}: {error}') from error


def _sound_size(path, image_maximum):
    # Pillow decodes a PNG as soon as its EXIF is accessed.
    with strict_decoding(), Image.open(path, formats=IMAGE_FORMATS) as image:
        size = header_size(image)
        if image.mode not in PLAIN_MODES or image.format in DEEP_FORMATS:
            check_depth(path, image_maximum)
        with open(path, 'rb') as f:
            f.seek(-min(os.path.getsize(path), LONGEST_END), os.SEEK_END)
            whole = f.read().endswith(ENDS.get(image.format, ()))
        if not whole:
            image.load()
        if image.format in DIFFERING_FORMATS:
            check_seen(path)
        return size
