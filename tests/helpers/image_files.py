# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Image files of kinds that cameras write, as bytes."""
import io
import struct

from PIL import Image

from deploy.images import ORIENTATION


def encoded(pixels, form, **options):
    """bytes: the file of an image, as Pillow writes it."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def tiff(pixels, sample_format, second=None):
    """bytes: a TIFF of one channel, which says of its values that they are of a format.

    Args:
        pixels ([H, W]): the image.
        sample_format (int): of its values.
        second (int or None): the kind of a second picture, with the same values.
    """
    height, width = pixels.shape
    data, short, long = pixels.tobytes(), 3, 4
    tags = [(256, long, width), (257, long, height), (258, short, 8 * pixels.itemsize),
            (259, short, 1), (262, short, 1), (273, long, 8), (277, short, 1), (278, long, height),
            (279, long, len(data)), (339, short, sample_format)]
    entries = b''.join(struct.pack('<HHII', tag, kind, 1, value) for tag, kind, value in tags)
    first = struct.pack('<H', len(tags)) + entries
    start = 8 + len(data)
    content = struct.pack('<4sI', b'II*\0', start) + data + first
    if second is None:
        return content + bytes(4)
    kind = struct.pack('<HHHII', len(tags) + 1, 254, long, 1, second)
    return content + struct.pack('<I', start + len(first) + 4) + kind + entries + bytes(4)


def turned(number):
    """PIL.Image.Exif: that says how an image is turned."""
    exif = Image.Exif()
    exif[ORIENTATION] = number
    return exif
