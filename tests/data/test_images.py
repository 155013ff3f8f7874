# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Grey values of 16 bits become what the detector sees, everywhere alike, or are refused."""
import os
import pathlib

import cv2
import numpy as np
import pytest
from image_files import encoded, tiff, turned
from noise_set import noise_set
from PIL import Image
from ppdet.data.transform.operators import Decode, DecodeCache
from tiny import student_yaml

from deploy import images as deploy_images
from ppdet_ext.config.load import load_run_config
from ppdet_ext.data import images
from ppdet_ext.data.dataset_files import check_datasets
from ppdet_ext.data.image_checks import check_image
from ppdet_ext.data.images import check_depth, decode_bgr, image_size, largest_value, open_rgb
from ppdet_ext.deploy.compared_images import compared_images
from ppdet_ext.inference import detections

GREY = np.random.default_rng(0).integers(0, 256, [6, 8], dtype='uint8')


def by_opencv(pixels, suffix):
    return cv2.imencode(suffix, pixels)[1].tobytes()


def plain(pixels):
    return np.repeat(pixels[..., None], 3, axis=2)


@pytest.mark.parametrize('factor, maximum', [(257, 65535), (16, 4080), (1, 255)])
@pytest.mark.parametrize('form', ['PNG', 'TIFF'])
def test_sixteen_bits_are_the_same_picture(form, factor, maximum):
    content = encoded(GREY.astype('uint16') * factor, form)
    assert np.array_equal(decode_bgr(content, maximum), plain(GREY))


@pytest.mark.parametrize('suffix', ['.png', '.tiff'])
def test_sixteen_bits_of_three_channels(suffix):
    colour = np.random.default_rng(1).integers(0, 256, [6, 8, 3], dtype='uint8')
    content = by_opencv(colour.astype('uint16') * 257, suffix)
    assert np.array_equal(decode_bgr(content, 65535), colour)


@pytest.mark.parametrize('suffix', ['.png', '.tiff'])
def test_size_and_range_of_deep_files(tmp_path, suffix):
    for name, pixels in (('grey', GREY.astype('uint16') * 16),
                         ('colour', plain(GREY).astype('uint16') * 16), ('plain', GREY)):
        path = tmp_path / f'{name}{suffix}'
        path.write_bytes(by_opencv(pixels, suffix))
        assert image_size(str(path)) == (8, 6)
        assert largest_value(str(path)) == (None if name == 'plain' else 16 * GREY.max())


@pytest.mark.parametrize('form', ['PNG', 'JPEG', 'BMP', 'TIFF', 'WEBP'])
def test_eight_bits_are_as_opencv_reads_them(form):
    content = encoded(GREY, form)
    assert np.array_equal(decode_bgr(content),
                          cv2.imdecode(np.frombuffer(content, 'uint8'), cv2.IMREAD_COLOR))


@pytest.mark.parametrize('maximum, state', [(None, 'is not set'), (1023, 'is 1023')])
def test_without_the_range_it_is_refused_with_the_value_that_fits(maximum, state):
    content = encoded(np.full([4, 4], 3000, 'uint16'), 'PNG')
    with pytest.raises(ValueError, match=f'16 bits per channel, values up to 3000, .*{state}; give '
                                         f'-o image_maximum=4095'):
        decode_bgr(content, maximum)


@pytest.mark.parametrize('form, pixels', [('TIFF', np.zeros([4, 4], 'float32')),
                                          ('TIFF', np.zeros([4, 4], 'int32'))])
def test_other_depths_are_refused(tmp_path, form, pixels):
    (tmp_path / 'a.tif').write_bytes(encoded(pixels, form))
    with pytest.raises(ValueError, match='32 bits'):
        decode_bgr((tmp_path / 'a.tif').read_bytes(), 4095)
    with pytest.raises(ValueError, match='32 bits'):
        image_size(str(tmp_path / 'a.tif'))


@pytest.mark.parametrize('kind, sample_format, message', [
    ('int16', 2, 'grey values with a sign'), ('int8', 2, 'grey values with a sign'),
    ('float16', 3, 'grey values in floating point')])
def test_grey_values_that_are_no_integers_from_0_are_refused(tmp_path, kind, sample_format,
                                                             message):
    path = tmp_path / 'a.tif'
    path.write_bytes(tiff(GREY.astype(kind), sample_format))
    for read in (image_size, check_depth,
                 lambda path: decode_bgr(pathlib.Path(path).read_bytes(), 65535)):
        with pytest.raises(ValueError, match=message):
            read(str(path))
    path.write_bytes(tiff(GREY.astype('uint16'), 1))
    assert np.array_equal(decode_bgr(pathlib.Path(path).read_bytes(), 255), plain(GREY))


@pytest.mark.parametrize('form, options, message', [
    ('WEBP', {'exif': turned(6)}, 'its EXIF orientation rotates it'),
    ('WEBP', {'exif': turned(3)}, 'its EXIF orientation rotates it'),
    ('WEBP', {'save_all': True, 'append_images': [Image.fromarray(255 - GREY)]},
     'OpenCV, which detectors read images with, cannot decode it; save it as PNG'),
    ('TIFF', {'save_all': True, 'append_images': [Image.fromarray(255 - GREY)]},
     'a multi-page TIFF, of which detectors read only the first page'),
    ('TIFF', {'compression': 'lzma'}, 'OpenCV, which detectors read images with, cannot decode it'),
])
def test_what_a_detector_sees_otherwise_is_refused_before_training(tmp_path, form, options,
                                                                   message):
    path = tmp_path / 'a.img'
    path.write_bytes(encoded(GREY, form, **options))
    for read in image_size, lambda path: check_image(path, None):
        with pytest.raises(ValueError, match=message):
            read(str(path))


def test_a_big_tiff_is_refused(tmp_path):
    content = b'II+' + bytes(90)
    (tmp_path / 'a.tif').write_bytes(content)
    for read in lambda: check_depth(str(tmp_path / 'a.tif')), lambda: decode_bgr(content):
        with pytest.raises(ValueError, match='a BigTIFF, which detectors do not read; save it as'):
            read()


@pytest.mark.parametrize('form', ['JPEG', 'PNG', 'TIFF'])
@pytest.mark.parametrize('bits', [8, 16])
def test_exif_turns_an_image_everywhere(tmp_path, form, bits):
    if (form, bits) == ('JPEG', 16):
        return
    path = tmp_path / 'a.img'
    pixels = np.repeat(np.repeat(GREY, 8, axis=0), 8, axis=1).astype(f'uint{bits}')
    path.write_bytes(encoded(pixels, form, exif=turned(6)))
    right = np.rot90(pixels, -1)
    assert image_size(str(path)) == check_image(str(path), 255) == right.shape[::-1]
    assert images.image_sizes([str(path)]) == {right.shape}
    assert np.abs(np.int32(open_rgb(str(path), 255))[..., 0] - right).mean() < 3


@pytest.fixture
def deep_set(tmp_path):
    """A data set of images of 12 bits in 16."""
    folder = tmp_path / 'set'
    noise_set(folder, train=2, val=2)
    for path in (folder / 'images').iterdir():
        Image.fromarray(np.asarray(Image.open(path).convert('L')).astype('uint16') * 16).save(path)
    return folder


def config(tmp_path, folder, **options):
    sections = {f'{name}Dataset': {'dataset_dir': str(folder)}
                for name in ('Train', 'Eval', 'Test')}
    return load_run_config(student_yaml(tmp_path, **sections), options)


def test_training_evaluation_inference_and_pictures_see_the_same(tmp_path, deep_set):
    cfg = config(tmp_path, deep_set, image_maximum=4080)
    check_datasets(cfg, ['TrainDataset', 'EvalDataset'])
    path = str(deep_set / 'images' / 'train_0.png')
    eight = (np.asarray(Image.open(path)) // 16).astype('uint8')
    for operator in (Decode(), DecodeCache()):
        sample = operator({'im_file': path, 'h': 64, 'w': 64})
        assert np.array_equal(sample['image'], plain(eight))
    assert np.array_equal(open_rgb(path, 4080), plain(eight))
    assert detections.find_images(path, None, 4080) == [path]
    with compared_images(cfg) as paths:  # of an export
        assert paths == [str(deep_set / 'images' / f'val_{k}.png') for k in range(2)]


def test_an_export_is_compared_on_the_images_that_a_list_of_voc_names(tmp_path):
    Image.fromarray(GREY).save(tmp_path / 'a b.png')
    (tmp_path / 'val.txt').write_text('.\\a b.png xml\\a b.xml\nnowhere.png nowhere.xml\n')
    dataset = {'name': 'VOCDataSet', 'dataset_dir': str(tmp_path), 'image_dir': '',
               'anno_path': 'val.txt'}
    with compared_images({'EvalDataset': dataset}) as paths:
        assert [os.path.realpath(path) for path in paths] == [str(tmp_path / 'a b.png')]


def test_all_places_refuse_what_they_cannot_scale(tmp_path, deep_set):
    cfg = config(tmp_path, deep_set)
    path = str(deep_set / 'images' / 'train_0.png')
    for refused in (lambda: check_datasets(cfg, ['TrainDataset']),
                    lambda: check_datasets(cfg, ['EvalDataset']),
                    lambda: Decode()({'im_file': path}),
                    lambda: detections.find_images(path, None),
                    lambda: compared_images(cfg).__enter__()):
        with pytest.raises(ValueError, match='image_maximum=4095'):
            refused()


def test_what_is_decoded_already_stays(tmp_path):
    pixels = plain(GREY)[::-1]
    sample = Decode()({'image': pixels, 'im_file': 'nowhere.png'})
    assert np.array_equal(sample['image'], pixels)


def test_one_list_of_suffixes(tmp_path, capsys):
    names = [f'a{k}{suffix.upper()}' for k, suffix in enumerate(images.IMAGE_SUFFIXES)]
    for name in names:
        form = {'JPG': 'JPEG', 'TIF': 'TIFF'}.get(name.rsplit('.')[1], name.rsplit('.')[1])
        Image.fromarray(GREY).save(tmp_path / name, form)
    (tmp_path / 'notes.txt').write_text('x')
    (tmp_path / 'b.heic').write_text('x')
    (tmp_path / '.hidden').write_text('x')
    (tmp_path / 'camera').mkdir()
    found = detections.find_images(None, str(tmp_path))
    assert [path.rsplit('/')[-1] for path in found] == sorted(names)
    left_out = 'left out 3 entries that are not image files: b.heic, camera, notes.txt'
    assert left_out in capsys.readouterr().out
    assert deploy_images.find_images(None, str(tmp_path)) == found
    assert left_out in capsys.readouterr().out
    from ppdet.data.source.dataset import _make_dataset
    assert sorted(_make_dataset(str(tmp_path))) == found


def test_an_image_of_too_many_pixels_names_the_remedy(tmp_path, monkeypatch):
    Image.fromarray(GREY).save(tmp_path / 'a.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 10)
    with pytest.raises(ValueError, match='cut it into tiles, or make it smaller'):
        image_size(str(tmp_path / 'a.png'))


