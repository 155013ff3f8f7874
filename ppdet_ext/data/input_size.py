# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reads the size to which a config resizes images, finds boxes too small there, and changes it."""

__all__ = ['FINEST_STRIDE', 'MOST_SMALL', 'Resizing', 'input_size', 'resized_readers',
           'share_small']

FINEST_STRIDE = 8  # of most detectors, in pixels of their input
MOST_SMALL = 0.1  # share of boxes with a side below that stride that calls for a note
READERS = ('TrainReader', 'EvalReader', 'TestReader')
STAGES = ('sample_transforms', 'batch_transforms')
SIDE_MULTIPLE = 32  # of the strides of most detectors


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
    for name, options in _transforms(config.get('EvalReader') or {}):
        if name == 'Resize':
            return Resizing(options['target_size'], options.get('keep_ratio', True))
    return None


def _transforms(reader):
    """Yields name and options of the transforms of a reader."""
    for stage in STAGES:
        for transform in reader.get(stage) or ():
            yield from ((name, options or {}) for name, options in transform.items())


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
        ValueError: ``side`` is no multiple of 32, or the readers resize by other transforms.
    """
    if side % SIDE_MULTIPLE:
        raise ValueError(f'--input_size {side}: expected a multiple of {SIDE_MULTIPLE}, such as '
                         f'{max(1, round(side / SIDE_MULTIPLE)) * SIDE_MULTIPLE}')
    readers = {name: config[name] for name in READERS if config.get(name)}
    names = {name for reader in readers.values() for name, _ in _transforms(reader)}
    others = sorted(name for name in names - {'Resize', 'BatchRandomResize'}
                    if 'Resize' in name or name in ('Mosaic', 'RandomSelect'))
    shipped = input_size(config)
    if others or shipped is None:
        found = f'its readers have {", ".join(others)}' if others else 'its EvalReader has none'
        raise ValueError(f'--input_size changes Resize and BatchRandomResize, but {found}; write '
                         f'readers of that size, or leave --input_size out')
    factor = side / max(shipped.height, shipped.width)
    settings = {key: value for key, value in (('eval_height', side), ('eval_width', side),
                                              ('eval_size', [side, side])) if key in config}
    for name, reader in readers.items():
        changed = {stage: [_resized(transform, side, factor) for transform in reader[stage]]
                   for stage in STAGES if reader.get(stage)}
        changed = {stage: value for stage, value in changed.items() if value != reader[stage]}
        shape = (reader.get('inputs_def') or {}).get('image_shape')
        if shape:
            changed['inputs_def'] = {'image_shape': [*shape[:-2], side, side]}
        if changed:
            settings[name] = changed
    return settings


def _resized(transform, side, factor):
    changed = dict(transform)
    if 'Resize' in transform:
        changed['Resize'] = {**transform['Resize'], 'target_size': [side, side]}
    if 'BatchRandomResize' in transform:
        options = transform['BatchRandomResize']
        changed['BatchRandomResize'] = {**options,
                                        'target_size': _scaled(options['target_size'], factor)}
    return changed


def _scaled(sizes, factor):
    if isinstance(sizes, list):
        return [_scaled(size, factor) for size in sizes]
    return max(1, round(sizes * factor / SIDE_MULTIPLE)) * SIDE_MULTIPLE
