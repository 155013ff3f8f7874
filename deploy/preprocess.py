# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""From an image to the network's input, as PaddleDetection's reader makes it."""
from functools import partial

import cv2
import numpy as np

__all__ = ['OPERATORS', 'Preprocess']


def _resize(image, target_size, keep_ratio, interp=cv2.INTER_LINEAR):
    height, width = image.shape[:2]
    scale_y, scale_x = target_size[0] / height, target_size[1] / width
    if keep_ratio:
        scale_y = scale_x = min(min(target_size) / min(height, width),
                                max(target_size) / max(height, width))
    return cv2.resize(image, None, fx=scale_x, fy=scale_y, interpolation=interp), scale_y, scale_x


def _normalization(mean, std, is_scale=True, norm_type='mean_std'):
    """The value of every pixel value, [3, 256]: a table is faster than arithmetic."""
    table = np.tile(np.arange(256, dtype=np.float32), [3, 1])
    if is_scale:
        table *= 1 / 255
    if norm_type == 'mean_std':
        table -= np.reshape(mean, [-1, 1])
        table /= np.reshape(std, [-1, 1])
    return table


# Of infer_cfg.yml; the last two are done for any image.
OPERATORS = ('Resize', 'NormalizeImage', 'Permute', 'PadStride')


class Preprocess:
    """Resizes, normalises and pads an image.

    Args:
        operators (list of dict): each with its ``type``, one of ``OPERATORS``, and its settings.
        height (int): H of the network's input.
        width (int): W.

    Raises:
        ValueError: there is another operator.
    """

    def __init__(self, operators, height, width):
        unknown = {operator['type'] for operator in operators} - set(OPERATORS)
        if unknown:
            raise ValueError(f'preprocess: this runner knows {", ".join(OPERATORS)}, not '
                             f'{", ".join(unknown)}; copy the runner of the version that exported '
                             f'the model')
        settings = {operator['type']: {key: value for key, value in operator.items()
                                       if key != 'type'} for operator in operators}
        self.height, self.width = height, width
        self._resize = partial(_resize, **settings['Resize']) if 'Resize' in settings else None
        normalize = settings.get('NormalizeImage',
                                 {'mean': 0, 'std': 1, 'is_scale': False, 'norm_type': 'none'})
        self._tables = _normalization(**normalize)

    def __call__(self, image):
        """Prepares one image.

        Args:
            image (ndarray): [h, w, 3] uint8, blue, green, red, as OpenCV reads it.

        Returns:
            dict of str to ndarray: ``image`` [1, 3, H, W] float32, ``im_shape`` [1, 2] and
            ``scale_factor`` [1, 2], height first.

        Raises:
            ValueError: the image is not of this kind, or larger than the input.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f'expected an image [h, w, 3] of uint8, got {list(image.shape)} of '
                             f'{image.dtype}; a grey one needs cv2.cvtColor(image, '
                             f'cv2.COLOR_GRAY2BGR)')
        scale_y = scale_x = 1.0
        pixels = image
        if self._resize:
            pixels, scale_y, scale_x = self._resize(pixels)
        height, width = pixels.shape[:2]
        if height > self.height or width > self.width:
            raise ValueError(f'the image, {height} x {width} pixels after resizing, is larger than '
                             f'the exported input, {self.height} x {self.width}; export the model '
                             f'with -o TestReader.inputs_def.image_shape=[3,H,W] for such images')
        padded = np.zeros((1, 3, self.height, self.width), np.float32)
        # Channel by channel there is nothing to transpose.
        for channel, table, plane in zip(cv2.split(pixels)[::-1], self._tables, padded[0]):
            cv2.LUT(channel, table, dst=plane[:height, :width])
        # Not rounded, as in PaddleDetection, whose graph computes the size of the image from it.
        im_shape = image.shape[0] * scale_y, image.shape[1] * scale_x
        return {'image': padded, 'im_shape': np.array([im_shape], np.float32),
                'scale_factor': np.array([[scale_y, scale_x]], np.float32)}
