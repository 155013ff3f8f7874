# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Which image files are read, and how their grey values become those that a detector sees.

A file of 16 bits a channel often holds fewer: a camera of 12 bits gives values up to 4095. So the
largest value is in the config, ``image_maximum``, for a whole data set and for all that is
detected on later; a scale of each image's own would hide how bright it is.
"""
import contextlib
import struct

import cv2
import numpy as np
from PIL import Image, ImageFile, ImageOps

from ..utils.files import open_regular

__all__ = ['DEEP_FORMATS', 'IMAGE_FORMATS', 'IMAGE_SUFFIXES', 'MAXIMA', 'check_depth',
           'decode_bgr', 'fitting_maximum', 'has_16_bits', 'header_size', 'image_size',
           'image_sizes', 'is_image_name', 'largest_value', 'open_rgb', 'strict_decoding']

# Whatever the file's name. Pillow knows more, and starts other programs for some of them.
IMAGE_FORMATS = ('BMP', 'JPEG', 'PNG', 'TIFF', 'WEBP')
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
# Those that may have 16 bits a channel.
DEEP_FORMATS = ('PNG', 'TIFF')
# The largest values of 8, 10, 12, 14 and 16 bits.
MAXIMA = (255, 1023, 4095, 16383, 65535)
ORIENTATION = 0x0112  # tag of EXIF; from 5 on width and height are exchanged
PNG_DEPTH = 24  # byte of a PNG that holds its bits a channel
TIFF_STARTS = {b'II': '<', b'MM': '>'}


def is_image_name(name):
    """bool: whether the suffix is that of an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def image_size(path):
    """Decodes an image wholly and returns its (width, height) in pixels, EXIF rotation applied.

    Raises:
        ValueError: the file is not an image, is cut off, or has no integers as grey values; the
            message does not name it.
        OSError: the file cannot be opened.
    """
    with open_regular(path) as f, strict_decoding():
        try:
            with Image.open(f, formats=IMAGE_FORMATS) as image:
                image.load()
                size, mode = ImageOps.exif_transpose(image).size, image.mode
        except Image.DecompressionBombError as error:
            raise ValueError(f'{error}; cut it into tiles, or make it smaller') from error
        except Exception as error:  # decoders raise whatever the damage leads them to
            # Pillow reads no TIFF of three channels with 16 bits each.
            size, mode = _size_of_deep_tiff(path), 'I;16'
            if size is None:
                raise ValueError(f'unreadable image ({error})') from error
    if mode == 'F' or (mode == 'I' and not has_16_bits(_content(path))):
        raise ValueError(f'grey values of 32 bits ({mode}), expected 8 or 16; save it with 16 bits')
    return size


def header_size(image):
    """(width, height) in pixels of an opened Pillow image, EXIF rotation applied, not decoded."""
    turned = image.getexif().get(ORIENTATION, 1) >= 5
    return image.size[::-1] if turned else image.size


def image_sizes(paths):
    """set of tuple: (height, width) in pixels that images have; they are not decoded."""
    sizes = set()
    for path in paths:
        with Image.open(path, formats=IMAGE_FORMATS) as image:
            sizes.add(header_size(image)[::-1])
    return sizes


def _content(path):
    with open_regular(path) as f:
        return f.read()


def _size_of_deep_tiff(path):
    content = _content(path)
    if content[:2] not in TIFF_STARTS or not has_16_bits(content):
        return None
    pixels = cv2.imdecode(np.frombuffer(content, 'uint8'), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    return None if pixels is None else (pixels.shape[1], pixels.shape[0])


@contextlib.contextmanager
def strict_decoding():
    """Makes half-copied files errors: PaddleDetection's trainer lets Pillow fill them up."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def bits_per_channel(content):
    """int: of an image file, whose bytes are given; 8 where the format has no more."""
    if content.startswith(b'\x89PNG') and len(content) > PNG_DEPTH:
        return max(8, content[PNG_DEPTH])
    if content[:2] in TIFF_STARTS:
        return _tiff_bits(content, TIFF_STARTS[content[:2]])
    return 8


def _tiff_bits(content, order):
    """int: the tag 258, BitsPerSample, of a TIFF's first image."""
    try:
        start, = struct.unpack_from(f'{order}I', content, 4)
        count, = struct.unpack_from(f'{order}H', content, start)
        for place in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, values = struct.unpack_from(f'{order}HHI', content, place)
            if tag == 258:
                # Several values are elsewhere, at a place that is given instead.
                where = place + 8 if values <= 2 else struct.unpack_from(
                    f'{order}I', content, place + 8)[0]
                return max(8, struct.unpack_from(f'{order}H', content, where)[0])
    except struct.error:
        pass  # damaged; whoever decodes it will say so
    return 8


def has_16_bits(content):
    """bool: whether an image file, whose bytes are given, has 16 bits a channel."""
    return bits_per_channel(content) == 16


def _decode_deep(content):
    """[H, W, 3] uint16 in OpenCV's order of colours."""
    pixels = cv2.imdecode(np.frombuffer(content, 'uint8'), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError('its 16 bits a channel are not integers from 0, or it is damaged; '
                         'save it as PNG')
    return pixels


def largest_value(path):
    """int or None: the largest grey value of an image of 16 bits a channel; None for one of 8.

    Raises:
        ValueError: it cannot be decoded.
        OSError: it cannot be opened.
    """
    content = _content(path)
    return int(_decode_deep(content).max()) if has_16_bits(content) else None


def fitting_maximum(value):
    """int: the largest value of the bits that hold a grey value."""
    return next(maximum for maximum in MAXIMA if value <= maximum)


def scale_to_8_bits(pixels, maximum):
    """Scales grey values of 16 bits to those of 8.

    Args:
        pixels ([H, W, 3] uint16): the image.
        maximum (int or None): the value that becomes 255.

    Returns:
        [H, W, 3] uint8: the image.

    Raises:
        ValueError: there is no maximum, or a value above it; says which would fit.
    """
    found = int(pixels.max())
    if maximum is None or found > maximum:
        state = 'is not set' if maximum is None else f'is {maximum}'
        raise ValueError(f'it has 16 bits a channel, values up to {found}, and image_maximum, the '
                         f'value that is white in the whole data set, {state}; give -o '
                         f'image_maximum={fitting_maximum(found)}, or the value of your camera, '
                         f'in training and whenever the detector is used')
    # In this order the result is the same on every machine: integers only.
    return ((pixels.astype('uint32') * 255 + maximum // 2) // maximum).astype('uint8')


def decode_bgr(content, maximum=None):
    """Decodes an image file to what a detector sees.

    Args:
        content (bytes): of the file.
        maximum (int or None): of :func:`scale_to_8_bits`.

    Returns:
        [H, W, 3] uint8: in OpenCV's order of colours, EXIF rotation applied.

    Raises:
        ValueError: as :func:`scale_to_8_bits`, or it cannot be decoded.
    """
    if has_16_bits(content):
        return scale_to_8_bits(_decode_deep(content), maximum)
    if bits_per_channel(content) > 16:
        raise ValueError('grey values of 32 bits, expected 8 or 16; save it with 16 bits')
    pixels = cv2.imdecode(np.frombuffer(content, 'uint8'), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError('it cannot be decoded')
    return pixels


def check_depth(path, maximum=None):
    """Makes sure that :func:`decode_bgr` can read the grey values of a file.

    Only an image of 16 bits without a maximum is decoded.

    Raises:
        ValueError: as :func:`decode_bgr`.
        OSError: the file cannot be opened.
    """
    with open_regular(path) as f:
        start = f.read(PNG_DEPTH + 1)
        # What a TIFF says of itself may be at its end.
        bits = bits_per_channel(start + f.read() if start[:2] in TIFF_STARTS else start)
    if bits > 16 or (bits == 16 and maximum is None):
        decode_bgr(_content(path), maximum)


def open_rgb(path, maximum=None):
    """PIL.Image: what :func:`decode_bgr` makes of a file."""
    return Image.fromarray(cv2.cvtColor(decode_bgr(_content(path), maximum), cv2.COLOR_BGR2RGB))
