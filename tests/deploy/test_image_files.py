# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The runner sees of an image file what training and inference see of it, or refuses it too."""
import io
import pathlib

import cv2
import numpy as np
import pytest
from image_files import encoded, tiff, turned
from PIL import Image

from deploy.images import find_images, read_image
from ppdet_ext.data.images import decode_bgr
from ppdet_ext.inference import detections

MAXIMUM = 4095
COLOUR = cv2.resize(np.random.default_rng(0).integers(0, 256, [6, 8, 3], np.uint8), (64, 48),
                    interpolation=cv2.INTER_CUBIC)
GREY = COLOUR[..., 0]
DEEP = GREY.astype('uint16') * 16
JPEG, PNG = (encoded(COLOUR, form) for form in ('JPEG', 'PNG'))


def converted(mode, form, **options):
    """bytes: the file of an image that Pillow has converted."""
    file = io.BytesIO()
    Image.fromarray(COLOUR).convert(mode).save(file, form, **options)
    return file.getvalue()


def two(form):
    """bytes: a file of two pictures."""
    return encoded(COLOUR, form, save_all=True, append_images=[Image.fromarray(255 - COLOUR)])


READ = {
    'grey.jpg': encoded(GREY, 'JPEG'), 'progressive.jpg': encoded(COLOUR, 'JPEG', progressive=True),
    'turned.jpg': encoded(COLOUR, 'JPEG', exif=turned(6)), 'more.jpg': JPEG + b'of the camera',
    'two.jpg': two('MPO'), 'colour.png': PNG, 'named.jpg': PNG,
    'turned.png': encoded(DEEP, 'PNG', exif=turned(3)), 'alpha.png': converted('RGBA', 'PNG'),
    'palette.png': converted('P', 'PNG', transparency=bytes(256)), 'deep.png': encoded(DEEP, 'PNG'),
    'colour.bmp': encoded(COLOUR, 'BMP'), 'cmyk.tif': converted('CMYK', 'TIFF'),
    'preview.tif': tiff(GREY, 1, second=1), 'turned.tif': encoded(GREY, 'TIFF', exif=turned(6)),
    'bit.tif': converted('1', 'TIFF'), 'deep.tif': tiff(DEEP, 1),
    'upright.webp': encoded(COLOUR, 'WEBP', exif=turned(1))}

REFUSED = {
    'cut.jpg': (JPEG[:len(JPEG) // 2], 'it is cut off'), 'end.jpg': (JPEG[:-2], 'it is cut off'),
    'start.jpg': (JPEG[:100], 'it is cut off'), 'cut.png': (PNG[:len(PNG) // 2], 'cannot decode'),
    'turned.webp': (encoded(COLOUR, 'WEBP', exif=turned(6)), 'its EXIF orientation rotates it'),
    'animated.webp': (two('WEBP'), 'it is an animated WebP'),
    'pages.tif': (two('TIFF'), 'it is a multi-page TIFF'),
    'scanned.tif': (tiff(GREY, 1, second=2), 'it is a multi-page TIFF'),
    'half.tif': (tiff(GREY.astype('float16'), 3), 'not unsigned integers of 8 or 16 bits'),
    'signed.tif': (tiff(GREY.astype('int16'), 2), 'not unsigned integers of 8 or 16 bits'),
    'long.tif': (tiff(GREY.astype('uint32'), 1), 'not unsigned integers of 8 or 16 bits'),
    'lzma.tif': (encoded(GREY, 'TIFF', compression='lzma'), 'OpenCV cannot decode it'),
    'large.tif': (b'II' + bytes([43, 0, 8, 0, 0, 0]) + bytes(90), 'not a BMP, JPEG, PNG, TIFF or'),
    'ppm.png': (encoded(COLOUR, 'PPM'), 'not a BMP, JPEG, PNG, TIFF or'),
    'gif.png': (encoded(GREY, 'GIF'), 'not a BMP, JPEG, PNG, TIFF or'),
    'empty.png': (b'', 'not a BMP, JPEG, PNG, TIFF or')}


@pytest.mark.parametrize('name', READ)
def test_what_is_read_is_read_alike(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(READ[name])
    assert detections.find_images(str(path), None, MAXIMUM) == [str(path)]
    found = read_image(str(path), MAXIMUM)
    assert np.array_equal(found, decode_bgr(READ[name], MAXIMUM))
    assert found.std() > 10


@pytest.mark.parametrize('name', REFUSED)
def test_what_is_refused_is_refused_by_both(name, tmp_path):
    content, message = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match='is not an image that can be read'):
        detections.find_images(str(path), None, MAXIMUM)
    with pytest.raises(ValueError, match=f'{name} is not an image that can be read .*{message}'):
        read_image(str(path), MAXIMUM)


@pytest.mark.parametrize('maximum', [None, 100])
def test_grey_values_above_the_maximum(maximum, tmp_path):
    (tmp_path / 'deep.png').write_bytes(encoded(DEEP, 'PNG'))
    with pytest.raises(ValueError, match='16 bits per channel, values up to .* image_maximum'):
        read_image(str(tmp_path / 'deep.png'), maximum)


def test_an_image_of_too_many_pixels(tmp_path, monkeypatch):
    def refuse(*args):
        raise cv2.error('more pixels than are allowed')
    monkeypatch.setattr(cv2, 'imdecode', refuse)
    (tmp_path / 'a.png').write_bytes(PNG)
    with pytest.raises(ValueError, match='OpenCV cannot decode it'):
        read_image(str(tmp_path / 'a.png'))


def test_the_same_files_of_a_folder(tmp_path, capsys):
    for name in ('b.PNG', 'a.jpeg', '.hidden.png', 'c.xyz'):
        pathlib.Path(tmp_path, name).write_bytes(PNG)
    (tmp_path / 'folder.png').mkdir()
    found = find_images(None, str(tmp_path))
    assert found == detections.find_images(None, str(tmp_path))
    assert [pathlib.Path(path).name for path in found] == ['a.jpeg', 'b.PNG']
    mine, other = capsys.readouterr().out.splitlines()
    assert mine == other.replace('--infer_dir', '--image_dir') and 'c.xyz' in mine
    with pytest.raises(ValueError, match='c.xyz: the name of an image ends in .jpg'):
        find_images(str(tmp_path / 'c.xyz'), None)
