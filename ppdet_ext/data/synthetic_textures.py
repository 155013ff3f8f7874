# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Draws bare rolled-steel surfaces and one defect of each NEU-DET class.

Every array is ``[SIZE, SIZE]`` float64. With float64 the last-digit differences between
processors vanish when the picture is rounded to bytes, so it is the same everywhere.

A defect is drawn as a *layer*: the change of the reflected light at each pixel, negative where
it is darker than the bare steel. The rolling direction is down the image.
"""
from collections import namedtuple

import cv2
import numpy as np

__all__ = ['SIZE', 'draw_defect', 'draw_surface']

SIZE = 200  # pixels; height and width of a NEU-DET image

# What bare steel looks like in the images of a class. ``brightness`` (mean grey level), ``grain``
# (its standard deviation, grey levels) and ``slope`` (relative change of the illumination from
# one border to the other) are ranges; ``streaks`` are the usual fractions in the grain of streaks
# along and across the rolling direction, of cloudy mottle and of fine speckle.
Surface = namedtuple('Surface', ['brightness', 'grain', 'slope', 'streaks'])

SURFACES = {
    'crazing': Surface((100, 175), (16, 27), (0.1, 0.5), (1.5, 0.4, 0.5, 6)),
    'inclusion': Surface((75, 145), (4, 9), (0.1, 0.7), (1.5, 0.7, 0.5, 5)),
    'patches': Surface((100, 215), (14, 30), (0.1, 0.5), (2, 0.7, 0.5, 6)),
    'pitted_surface': Surface((105, 225), (4, 9), (0.2, 0.9), (1.5, 0.5, 0.5, 5)),
    'rolled-in_scale': Surface((80, 145), (8, 14), (0.1, 0.5), (0.8, 2, 3, 5)),
    'scratches': Surface((55, 130), (4, 10), (0.1, 0.7), (1.5, 1, 0.5, 4)),
}

# Class -> range of the strongest change of the reflected light, 1 being all of it.
CONTRASTS = {
    'crazing': (0.40, 0.80),
    'inclusion': (0.15, 0.50),
    'patches': (0.35, 0.85),
    'pitted_surface': (0.18, 0.55),
    'rolled-in_scale': (0.30, 0.65),
    'scratches': (0.45, 1.80),
}

# A change below this fraction of the strongest one of its layer is left out of the picture.
VISIBLE = 0.12


def draw_surface(rng, class_name):
    """Draws bare steel as it looks in the images of one class.

    Args:
        rng (numpy.random.Generator): source of all randomness.
        class_name (str): the class whose ranges of ``SURFACES`` hold.

    Returns:
        tuple: light, the grey level of an even surface under uneven illumination, and grain, the
        grey levels to add after the defects, both ``[SIZE, SIZE]`` float64.
    """
    surface = SURFACES[class_name]
    light = rng.uniform(*surface.brightness) * _illumination(rng, rng.uniform(*surface.slope))
    textures = (
        _coarse_noise(rng, rng.uniform(60, 200), rng.uniform(2, 14)),
        _coarse_noise(rng, rng.uniform(1.5, 4), rng.uniform(8, 25)),
        _coarse_noise(rng, rng.uniform(12, 30), rng.uniform(15, 40)),
        _blurred_noise(rng, rng.uniform(0.5, 0.8), rng.uniform(0.5, 1.0)),
    )
    weights = np.sqrt(rng.dirichlet(surface.streaks))
    grain = sum(weight * texture for weight, texture in zip(weights, textures))
    return light, rng.uniform(*surface.grain) * grain


def draw_defect(rng, class_name):
    """Draws one defect.

    Args:
        rng (numpy.random.Generator): source of all randomness.
        class_name (str): a key of ``CONTRASTS``.

    Returns:
        numpy.ndarray: layer ``[SIZE, SIZE]`` float64, zero wherever the defect is not.
    """
    layer = _DRAWINGS[class_name](rng)
    while not layer.any():  # a small field may have no pit or flake in it
        layer = _DRAWINGS[class_name](rng)
    relative = layer / np.abs(layer).max()
    contrast = rng.uniform(*CONTRASTS[class_name])  # the strongest change
    return np.where(np.abs(relative) < VISIBLE, 0.0, contrast * relative)


def _crazing(rng):
    """A network of hair cracks that wander across the rolling direction and branch."""
    x, y, width, height = _region(rng, (135, 0.33), (76, 0.33))
    strokes = np.zeros((SIZE, SIZE), np.uint8)
    for _ in range(4 + int(width * height / 900)):
        start = rng.uniform((x, y), (x + width, y + height))
        heading = rng.normal(0, 0.3) + np.pi * rng.integers(2)
        crack = _random_walk(rng, start, heading, rng.integers(5, 16))
        _stroke(strokes, crack, shade=rng.integers(90, 256), thickness=1 + (rng.random() < 0.1))
        if rng.random() < 0.6:
            side = heading + rng.choice((-1, 1)) * rng.uniform(0.6, 1.4)
            _stroke(strokes, _random_walk(rng, crack[len(crack) // 2], side, rng.integers(3, 8)),
                    shade=rng.integers(70, 200))
    for _ in range(rng.integers(0, 4)):
        centre = rng.uniform((x, y), (x + width, y + height))
        cv2.ellipse(strokes, _fixed_point(centre).tolist(),
                    _fixed_point(rng.uniform(1, 3, 2)).tolist(), rng.uniform(0, 180), 0, 360, 255,
                    -1, cv2.LINE_AA, shift=4)
    return -_inside(strokes, x, y, width, height) * (1 + 0.3 * _coarse_noise(rng, 12, 12))


def _inclusion(rng):
    """Dark stringers with pointed ends, side by side, drawn out by rolling."""
    x, y, width, height = _region(rng, (20, 0.4), (68, 0.6))
    strokes = np.zeros((SIZE, SIZE), np.uint8)
    for number in range(rng.integers(1, 6)):
        length = height if number == 0 else height * rng.uniform(0.25, 0.7)
        top = y + rng.uniform(0, height - length)
        centre = x + rng.uniform(0.1, 0.9) * width
        thickness = np.clip(rng.uniform(0.15, 0.4) * width, 3, 0.4 * length)
        _spindle(rng, strokes, (centre, top), length, thickness, shade=rng.integers(130, 256))
    layer = -cv2.GaussianBlur(strokes.astype(np.float64), (0, 0), rng.uniform(0.8, 1.8))
    return layer * (1 + 0.25 * np.clip(_coarse_noise(rng, 12, 3), -2, 2))


def _patches(rng):
    """An irregular dark blotch, mostly drawn out by rolling, with a frayed edge."""
    x, y, width, height = _region(rng, (48, 0.35), (68, 0.5), margin=0.3)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    warp = 0.22 * min(width, height)
    columns += warp * np.clip(_coarse_noise(rng, 30, 30), -1.5, 1.5)
    rows += warp * np.clip(_coarse_noise(rng, 30, 30), -1.5, 1.5)
    roundness = rng.uniform(2, 6)
    distance = ((np.abs(columns - x - width / 2) / (width / 2)) ** roundness
                + (np.abs(rows - y - height / 2) / (height / 2)) ** roundness) ** (1 / roundness)
    fray = 0.08 * _coarse_noise(rng, 6, 4) + 0.06 * _coarse_noise(rng, 2, 2)
    depth = np.clip((1 - distance + np.clip(fray, -0.3, 0.3)) / rng.uniform(0.1, 0.5), 0, 1)
    mottle = 0.12 * _coarse_noise(rng, 12, 8) + rng.uniform(0, 0.25) * _coarse_noise(rng, 35, 20)
    return -depth * np.clip(1 + mottle, 0.3, 1.5)


def _pitted_surface(rng):
    """A wide field of small dark pits."""
    x, y, width, height = _region(rng, (125, 0.45), (190, 0.3), margin=0.1)
    pit = rng.uniform(0.8, 1.7)
    noise = _blurred_noise(rng, pit, pit * rng.uniform(1.0, 1.5))
    bare = rng.uniform(0.6, 1.7) + 0.25 * _coarse_noise(rng, 60, 25)
    return -_inside(np.clip(noise - bare, 0, 1.2), x, y, width, height)


def _rolled_in_scale(rng):
    """A cluster of dark flakes pressed into the sheet, each with a light lower rim."""
    x, y, width, height = _region(rng, (72, 0.4), (74, 0.5))
    flake = rng.uniform(1.1, 1.7)
    noise = _blurred_noise(rng, flake * rng.uniform(1.4, 2.2), flake)
    bare = rng.uniform(0.8, 1.4) + 0.5 * _coarse_noise(rng, 25, 25)
    flakes = np.clip(noise - bare, 0, 1.2)
    rim = np.roll(flakes, 3, axis=0)
    return _inside(0.4 * np.clip(rim - flakes, 0, None) - flakes, x, y, width, height)


def _scratches(rng):
    """Thin bright parallel lines, straight or slightly bent, patchy along their length."""
    x, y, width, height = _region(rng, (18, 0.4), (160, 0.6), margin=0.1)
    lean = rng.normal(0, 0.4) * height if rng.random() < 0.15 else rng.normal(0, 2)
    bend = rng.normal(0, 0.1) * lean
    strokes = np.zeros((SIZE, SIZE), np.uint8)
    steps = np.linspace(0, 1, 12)
    for number in range(rng.integers(3, 8)):
        top = 0 if number == 0 else rng.uniform(0, 0.7)
        bottom = 1 if number == 0 else rng.uniform(top + 0.2, 1)
        part = top + steps * (bottom - top)
        line = np.stack((x + rng.uniform(0, width) + lean * part + bend * np.sin(np.pi * part),
                         y + height * part), axis=1)
        _stroke(strokes, line, shade=rng.integers(90, 256), thickness=rng.choice((1, 1, 2, 3)))
    layer = cv2.GaussianBlur(strokes.astype(np.float64), (0, 0), rng.uniform(0.5, 1.1))
    return layer * np.clip(0.75 + 0.35 * _coarse_noise(rng, rng.uniform(4, 30), 3), 0.05, 1.5)


_DRAWINGS = {
    'crazing': _crazing,
    'inclusion': _inclusion,
    'patches': _patches,
    'pitted_surface': _pitted_surface,
    'rolled-in_scale': _rolled_in_scale,
    'scratches': _scratches,
}


def _region(rng, width, height, margin=0.0):
    """Chooses where a defect lies.

    Args:
        rng (numpy.random.Generator): source of all randomness.
        width (tuple of float): median in pixels and spread of the logarithm.
        height (tuple of float): the same.
        margin (float): fraction of the size that may lie outside the image.

    Returns:
        tuple of float: left, top, width and height in pixels.
    """
    sizes = [np.clip(median * np.exp(rng.normal(0, spread)), 8, SIZE - 2)
             for median, spread in (width, height)]
    left, top = (rng.uniform(-margin * size, SIZE - 1 - (1 - margin) * size) for size in sizes)
    return (left, top, *sizes)


def _inside(layer, x, y, width, height):
    """Keeps a layer inside a region and clears the rest."""
    kept = np.zeros((SIZE, SIZE))
    part = (slice(max(0, int(y)), max(0, int(y + height)) + 1),
            slice(max(0, int(x)), max(0, int(x + width)) + 1))
    kept[part] = layer[part]
    return kept


def _illumination(rng, change):
    """A slope with a gentle bow across the sheet, mean 1 and total change ``change``."""
    angle = rng.normal(0, 0.5) + np.pi * rng.integers(2)
    bow = rng.uniform(-0.5, 0.5)
    rows, columns = np.mgrid[:SIZE, :SIZE] / (SIZE - 1) - 0.5
    slope = columns * np.cos(angle) + rows * np.sin(angle)
    return 1 + change * (slope + bow * (slope ** 2 - 1 / 12))


def _coarse_noise(rng, cell_height, cell_width):
    """Smooth noise, mean 0 and about unit variance, with bumps of one cell (pixels) in size."""
    shape = [max(2, int(round(SIZE / cell))) for cell in (cell_height, cell_width)]
    return cv2.resize(rng.standard_normal(shape), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def _blurred_noise(rng, sigma_x, sigma_y):
    """White noise blurred to specks of about sigma pixels; mean 0, variance 1."""
    noise = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE)), (0, 0), sigma_x, sigmaY=sigma_y)
    return noise / noise.std()


def _random_walk(rng, start, heading, steps):
    """Points [steps + 1, 2] of a path that keeps turning a little."""
    headings = heading + np.cumsum(rng.normal(0, 0.45, steps)) * 0.6 + rng.normal(0, 0.35, steps)
    moves = rng.uniform(2, 6, (steps, 1)) * np.stack((np.cos(headings), np.sin(headings)), axis=1)
    return np.vstack((start, start + np.cumsum(moves, axis=0)))


def _fixed_point(points):
    """Points in 1/16 pixel, as the drawing functions of OpenCV take them with ``shift=4``."""
    return np.round(np.asarray(points) * 16).astype(np.int32)


def _stroke(strokes, points, shade, thickness=1):
    cv2.polylines(strokes, [_fixed_point(points)], False, int(shade), int(thickness),
                  cv2.LINE_AA, shift=4)


def _spindle(rng, strokes, top, length, thickness, shade):
    """Fills a long body that tapers towards both ends."""
    along = np.linspace(0, 1, 16)
    middle = top[0] + np.cumsum(rng.normal(0, 0.02 * length, 16)) * 0.3
    half = 0.5 * thickness * np.sin(np.pi * along) ** rng.uniform(0.5, 1.2)
    left = middle - half * rng.uniform(0.6, 1.3, 16)
    right = middle + half * rng.uniform(0.6, 1.3, 16)
    rows = top[1] + length * along
    outline = np.vstack((np.stack((left, rows), axis=1), np.stack((right, rows), axis=1)[::-1]))
    cv2.fillPoly(strokes, [_fixed_point(outline)], int(shade), cv2.LINE_AA, shift=4)
