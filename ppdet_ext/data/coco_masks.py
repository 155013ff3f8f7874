# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Says what pycocotools, which checks nothing, could not take for a mask without harm."""
__all__ = ['mask_fault']

# Coordinates of polygons may lie outside of the image, by as many widths and heights.
MARGIN = 1
MOST_BITS = 60  # of a number


def mask_fault(segmentation, width, height):
    """Finds what is wrong with the ``segmentation`` of a COCO annotation.

    Args:
        segmentation (object): polygons, lists of x, y, x, y ... in pixels, or run lengths,
            ``{'size': [height, width], 'counts': list or compressed text}``.
        width, height (int): of the image, in pixels.

    Returns:
        str or None: what is expected; None where nothing is wrong.
    """
    if isinstance(segmentation, dict):
        return _run_length_fault(segmentation, width, height)
    if isinstance(segmentation, list) and all(
            _is_polygon(polygon, width, height) for polygon in segmentation):
        return None
    return (f'segmentation is a list of polygons [x, y, x, y, x, y ...] of three points or more '
            f'within the image of {width} x {height} pixels')


def _is_polygon(polygon, width, height):
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        return False
    return all(type(number) in (int, float) and -MARGIN * size <= number <= (1 + MARGIN) * size
               for k, number in enumerate(polygon) for size in ((width, height)[k % 2], ))


def _run_length_fault(runs, width, height):
    if runs.get('size') != [height, width]:
        return f'segmentation.size is the image\'s, [{height}, {width}]'
    counts = runs.get('counts')
    counts = _uncompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(counts, list) or not all(type(count) is int and count >= 0
                                               for count in counts):
        return 'segmentation.counts holds numbers of pixels, from 0'
    if sum(counts) != height * width or len(counts) > height * width + 1:
        return f'segmentation.counts adds up to the image\'s {height * width} pixels'
    return None


def _uncompressed(text):
    """list or None: the counts that COCO's compressed text stands for.

    Five bits a character, the lowest first, with a sixth where the number goes on; from the fourth
    number on, the difference from the last but one.
    """
    counts, number, bits = [], 0, 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or bits > MOST_BITS:
            return None
        number |= (code & 31) << bits
        bits += 5
        if code & 32:
            continue
        number -= 1 << bits if code & 16 else 0
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number, bits = 0, 0
    return counts if bits == 0 else None
