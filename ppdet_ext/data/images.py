# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Which image files are read, and how their grey values become those that a detector sees.

A file with 16 bits per channel often uses fewer: a 12-bit camera gives values up to 4095. So the
config states the largest value, ``image_maximum``, for a whole data set and for every image to
detect on later; scaling each image by its own maximum would hide how bright it is.
"""
import contextlib

import cv2
import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from deploy.images import (
    BITS,
    ORIENTATION,
    SAMPLE_FORMAT,
    SUFFIXES,
    TIFF,
    has_several_pages,
    tiff_pages,
)

from ..utils.files import open_regular

__all__ = ['DEEP_FORMATS', 'DIFFERING_FORMATS', 'IMAGE_FORMATS', 'IMAGE_SUFFIXES', 'MAXIMA',
           'check_depth', 'check_seen', 'decode_bgr', 'fitting_maximum', 'has_16_bits',
           'header_size', 'image_size', 'image_sizes', 'is_image_name', 'largest_value', 'open_rgb',
           'own_maximum', 'strict_decoding']

# Independent of the file's name. Pillow knows more, and starts other programs for some of them.
IMAGE_FORMATS = ('BMP', 'JPEG', 'PNG', 'TIFF', 'WEBP')
IMAGE_SUFFIXES = SUFFIXES
# Those that may have 16 bits per channel.
DEEP_FORMATS = ('PNG', 'TIFF')
# The largest values of 8, 10, 12, 14 and 16 bits.
MAXIMA = (255, 1023, 4095, 16383, 65535)
START_SHOWN = 8  # bytes of a file that is not an image
PNG_DEPTH = 24  # byte of a PNG that holds its bits per channel
BIG_TIFF = (b'II+\0', b'MM\0+')  # for files of more than 4 GB
WIDTH, HEIGHT = 256, 257  # tags of TIFF
SAMPLE_FORMATS = {2: 'with a sign', 3: 'in floating point'}
# Formats in which Pillow and OpenCV do not read the same pixels.
DIFFERING_FORMATS = ('TIFF', 'WEBP')


def is_image_name(name):
    """bool: whether the suffix is that of an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def image_size(path):
    """Decodes a whole image and returns its (width, height) in pixels, EXIF rotation applied.

    Raises:
        ValueError: the file is not an image, is cut off, has grey values other than unsigned
            integers, or is one that detectors cannot read or would read differently; the message
            does not name it.
        OSError: the file cannot be opened.
    """
    with open_regular(path) as f, strict_decoding():
        try:
            with Image.open(f, formats=IMAGE_FORMATS) as image:
                image.load()
                size, form = ImageOps.exif_transpose(image).size, image.format
        except Image.DecompressionBombError as error:
            raise ValueError(f'{error}; cut it into tiles, or make it smaller') from error
        except Exception as error:  # decoders raise whatever the damage leads them to
            # Pillow reads no TIFF of three channels with 16 bits each.
            size, form = _size_of_deep_tiff(path), 'TIFF'
            if size is None:
                raise ValueError(f'unreadable image ({_why(path, error)})') from error
    if form in DIFFERING_FORMATS:
        check_seen(path)
    return size


def check_seen(path):
    """Makes sure that detectors read a TIFF or WebP as other programs do.

    OpenCV, which detectors read images with, knows fewer compressions of TIFF, cannot read an
    animated WebP, and ignores the EXIF orientation of a WebP, which would displace boxes.

    Raises:
        ValueError: they do not; the message does not name the file.
    """
    content = _content(path)
    _check_values(content)
    if cv2.imdecode(np.frombuffer(content, 'uint8'), cv2.IMREAD_COLOR) is None:
        raise ValueError('OpenCV, which detectors read images with, cannot decode it; save it as '
                         'PNG')
    if content[8:12] == b'WEBP':
        with Image.open(path, formats=('WEBP', )) as image:
            if image.getexif().get(ORIENTATION, 1) != 1:
                raise ValueError('its EXIF orientation rotates it, which detectors ignore in a '
                                 'WebP; save it as PNG, rotated')


def _why(path, error):
    """str: an error of Pillow, with the beginning of a file that is none of the formats."""
    if not isinstance(error, UnidentifiedImageError):
        return ' '.join(str(error).split())
    start = _content(path)[:START_SHOWN]
    return f'it begins with {start!r}, unlike {", ".join(IMAGE_FORMATS)}' if start else (
        'it is empty')


def header_size(image):
    """(width, height) in pixels of a Pillow image that is opened and not yet decoded, EXIF rotation
    applied."""
    # Newer versions of Pillow have already rotated the size of a TIFF, but not of other formats.
    size = (image.tag_v2[WIDTH], image.tag_v2[HEIGHT]) if image.format == 'TIFF' else image.size
    turned = image.getexif().get(ORIENTATION, 1) >= 5  # width and height are exchanged
    return size[::-1] if turned else size


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
    if not content.startswith(tuple(TIFF)) or not has_16_bits(content):
        return None
    pixels = cv2.imdecode(np.frombuffer(content, 'uint8'), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    return None if pixels is None else (pixels.shape[1], pixels.shape[0])


@contextlib.contextmanager
def strict_decoding():
    """Makes truncated files an error: PaddleDetection's trainer lets Pillow fill them up."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def bits_per_channel(content):
    """int: bits per channel of an image file, whose bytes are given; at least 8."""
    if content.startswith(b'\x89PNG') and len(content) > PNG_DEPTH:
        return max(8, content[PNG_DEPTH])
    return max(8, _image_tags(content).get(BITS, 8))


def _image_tags(content):
    """dict: the tags of the first page of a TIFF, which is the one that is read."""
    return next(iter(tiff_pages(content)), {})


def _check_values(content):
    """Raises a ValueError where the grey values of a file are not one image's integers of 8 or 16
    bits."""
    if content.startswith(BIG_TIFF):
        raise ValueError('a BigTIFF, which detectors do not read; save it as TIFF or PNG')
    if has_several_pages(tiff_pages(content)):
        raise ValueError('a multi-page TIFF, of which detectors read only the first page; save '
                         'each page as a separate file')
    bits, kind = bits_per_channel(content), _image_tags(content).get(SAMPLE_FORMAT)
    if bits not in (8, 16):
        raise ValueError(f'grey values of {bits} bits, expected 8 or 16; save it with 16 bits')
    if kind in SAMPLE_FORMATS:
        raise ValueError(f'grey values {SAMPLE_FORMATS[kind]}, expected unsigned integers; save '
                         f'it with 16 bits without a sign')


def has_16_bits(content):
    """bool: whether an image file, whose bytes are given, has 16 bits per channel."""
    return bits_per_channel(content) == 16


def _decode_deep(content):
    """[H, W, 3] uint16 in OpenCV's order of colours."""
    pixels = cv2.imdecode(np.frombuffer(content, 'uint8'), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError('it cannot be decoded; save it as PNG')
    return pixels


def largest_value(path):
    """int or None: the largest grey value of an image of 16 bits per channel; None for one of 8.

    Raises:
        ValueError: it cannot be decoded.
        OSError: it cannot be opened.
    """
    content = _content(path)
    return int(_decode_deep(content).max()) if has_16_bits(content) else None


def own_maximum(path):
    """int or None: the ``image_maximum`` to show an image with if its data set states none."""
    value = largest_value(path)
    return None if value is None else fitting_maximum(value)


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
        raise ValueError(f'it has 16 bits per channel, values up to {found}, and image_maximum, '
                         f'the value that is white in the whole data set, {state}; give -o '
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
    _check_values(content)
    if has_16_bits(content):
        return scale_to_8_bits(_decode_deep(content), maximum)
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
        # The tags of a TIFF may be at its end.
        content = start + f.read() if start.startswith(tuple(TIFF)) else start
    _check_values(content)
    if has_16_bits(content) and maximum is None:
        decode_bgr(_content(path), maximum)


def open_rgb(path, maximum=None):
    """PIL.Image: what :func:`decode_bgr` makes of a file."""
    return Image.fromarray(cv2.cvtColor(decode_bgr(_content(path), maximum), cv2.COLOR_BGR2RGB))
