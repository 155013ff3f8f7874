# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""16-bit images become nearly black, and undecodable ones cause an unrelated error.

Defect: ``Decode`` keeps the upper eight of 16 bits, of which a 12-bit camera uses four, and
drawing saturates all values above 255. An image that OpenCV cannot decode is mistaken for one that
is already decoded. Inference finds only some of the suffixes that training reads. Any Paddle.

Patch: the key ``image_maximum`` of the config says which value is white, in training and whenever
the detector is used; without it such an image is an error. Drawings show what the detector saw.
"""
from ..compat import patching
from ..data.images import decode_bgr, is_image_name, open_rgb

OPERATORS = 'ppdet.data.transform.operators'
TRAINER = 'ppdet.engine.trainer'
DATASET = 'ppdet.data.source.dataset'
DECODING = {"np.frombuffer(im, dtype='uint8')": 'encoded(im)',
            'cv2.imdecode(data, 1)': 'decode_bgr(data)'}


class _AlreadyDecoded(Exception):
    """The sample has pixels, not the content of a file."""


def patch():
    patching.replace_text(OPERATORS, 'Decode.apply', {**DECODING,
                                                      'except:': 'except AlreadyDecoded:'})
    patching.replace_text(OPERATORS, 'DecodeCache.apply', DECODING)
    patching.find(OPERATORS, 'Decode.apply')[2].__globals__.update(
        encoded=_encoded, decode_bgr=_decode_bgr, AlreadyDecoded=_AlreadyDecoded)
    patching.replace_text(TRAINER, 'Trainer.predict', {
        "Image.open(image_path).convert('RGB')": 'open_rgb(image_path)',
        'image = ImageOps.exif_transpose(image)': 'pass'})
    patching.find(TRAINER, 'Trainer.predict')[2].__globals__['open_rgb'] = _open_rgb
    patching.expect_text(DATASET, '_is_valid_file', 'f.lower().endswith(extensions)')
    patching.find(DATASET, '_make_dataset')[2].__globals__['_is_valid_file'] = is_image_name


def _encoded(image):
    if not isinstance(image, bytes):
        raise _AlreadyDecoded
    return image


def _image_maximum():
    from ppdet.core.workspace import global_config
    return global_config.get('image_maximum')


def _decode_bgr(content):
    return decode_bgr(content, _image_maximum())


def _open_rgb(path):
    return open_rgb(path, _image_maximum())
