# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The size at which a detector sees images, as its config states it: what it loses, and another."""

__all__ = ['FINEST_STRIDE', 'MOST_SMALL', 'Resizing', 'input_size', 'resized_readers',
           'share_small']

FINEST_STRIDE = 8  # of most detectors, in pixels of their input
MOST_SMALL = 0.1  # share of boxes with a side below that stride from which on a training suffers
READERS = ('TrainReader', 'EvalReader', 'TestReader')


class Resizing:
    """What PaddleDetection's ``Resize`` does to an image.

    Args:
        target_size (int or list of int): height and width in pixels; one number for both.
        keep_ratio (bool): fit the image into that size instead of stretching it.
    """

    def __init__(self, target_size, keep_ratio):
        sides = [target_size, target_size] if isinstance(target_size, int) else list(target_size)
        self.height, self.width = sides
        self.keep_ratio = keep_ratio

    def scales(self, width, height):
        """tuple of float: by which an image of this size is scaled, horizontally and vertically."""
        if not self.keep_ratio:
            return self.width / width, self.height / height
        scale = min(max(self.height, self.width) / max(height, width),
                    min(self.height, self.width) / min(height, width))
        return scale, scale

    def __str__(self):
        return f'{self.width} x {self.height} pixels'


def input_size(config):
    """Finds how a config resizes the images that it evaluates.

    Args:
        config (dict): content of the YAML and its ``_BASE_`` files.

    Returns:
        Resizing or None: None without a ``Resize`` in ``EvalReader``.
    """
    for transform in config.get('EvalReader', {}).get('sample_transforms', ()):
        if isinstance(transform, dict) and 'Resize' in transform:
            options = transform['Resize']
            return Resizing(options['target_size'], options.get('keep_ratio', True))
    return None


def share_small(images, resizing):
    """float: the share of boxes with a side below the finest stride after resizing.

    Args:
        images (iterable of LabelledImage): with their boxes.
        resizing (Resizing): what happens to them.
    """
    sides = []
    for image in images:
        across, down = resizing.scales(image.width, image.height)
        for box in image.boxes:
            x1, y1, x2, y2 = box['bbox']
            sides.append(min((x2 - x1) * across, (y2 - y1) * down))
    return sum(side < FINEST_STRIDE for side in sides) / max(len(sides), 1)


def resized_readers(config, side):
    """Settings with which a config resizes images to another size.

    Sizes that are drawn in training (``BatchRandomResize``) are scaled alike, to multiples of 32.

    Args:
        config (dict): content of the YAML and its ``_BASE_`` files.
        side (int): height and width in pixels.

    Returns:
        dict: the transforms of the readers that change, and the keys that repeat their size.

    Raises:
        ValueError: the readers resize nothing.
    """
    shipped = input_size(config)
    if shipped is None:
        raise ValueError('its EvalReader has no Resize, so that it has no size to change; leave '
                         'out --input_size, or give another --config')
    factor = side / max(shipped.height, shipped.width)
    settings = {key: value for key, value in (('eval_height', side), ('eval_width', side),
                                              ('eval_size', [side, side])) if key in config}
    for name in READERS:
        reader = config.get(name, {})
        changed = {stage: [_resized(transform, side, factor) for transform in reader[stage]]
                   for stage in ('sample_transforms', 'batch_transforms') if stage in reader}
        changed = {stage: value for stage, value in changed.items() if value != reader[stage]}
        if 'image_shape' in reader.get('inputs_def', {}):
            *channels, _, _ = reader['inputs_def']['image_shape']
            changed['inputs_def'] = {'image_shape': [*channels, side, side]}
        if changed:
            settings[name] = changed
    return settings


def _resized(transform, side, factor):
    (name, options), = transform.items()
    if name == 'Resize':
        return {name: {**options, 'target_size': [side, side]}}
    if name == 'BatchRandomResize':
        sizes = options['target_size']
        scaled = [max(32, round(size * factor / 32) * 32) for size in (
            sizes if isinstance(sizes, list) else [sizes])]
        return {name: {**options,
                       'target_size': scaled if isinstance(sizes, list) else scaled[0]}}
    return transform
