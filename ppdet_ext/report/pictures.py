# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Draws the detections of models in some images, side by side with the true boxes."""
import io
import os
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..data.images import open_rgb, own_maximum
from ..utils.samples import spread
from .fonts import text_style

__all__ = ['Choice', 'choose_images', 'draw_image', 'draw_samples']

# Distinguished by line and sign as well as by colour.
STYLES = {'found': {'color': '#00a000', 'linestyle': '-', 'linewidth': 2.0},
          'false': {'color': '#e00000', 'linestyle': (0, (4, 2)), 'linewidth': 1.6},
          'missed': {'color': '#ffb000', 'linestyle': (0, (1, 1)), 'linewidth': 2.4}}
SIGNS = {'found': '+', 'false': '!', 'missed': '?'}
SIDE = 2.6  # inches of a picture
TITLE = 0.25  # inches above it
ROOM_FOR_TEXT = 12  # pixels
LARGEST_SIZE = 480  # pixels


class Choice(NamedTuple):
    """An image to show: why (a key of the report's text), and its position."""
    reason: str
    image: int


def choose_images(models, count):
    """Chooses the images that show what distillation changed, or else what goes wrong.

    Args:
        models (list of Model): all of the report.
        count (int): images for each reason; fewer where fewer fit.

    Returns:
        list of Choice: each image once, ``helped`` and ``hurt`` most, ``missed`` by all, most
        ``false`` alarms of all.
    """
    by_role = {model.role: model.first.results for model in reversed(models)}
    results = [model.first.results for model in models]
    images = range(len(results[0]))
    missed = np.array([[len(r[k].missed) for k in images] for r in results])
    false = np.array([[len(r[k].false) for k in images] for r in results])
    missed_by_all = [len(set.intersection(*(set(r[k].missed.tolist()) for r in results)))
                     for k in images]
    scores = {}
    if 'distilled' in by_role and 'student' in by_role:
        gain = np.array([_merit(distilled) - _merit(student) for distilled, student in zip(
            by_role['distilled'], by_role['student'])])
        scores = {'helped': gain, 'hurt': -gain}
    scores.update(missed=np.array(missed_by_all), false=false.min(axis=0))
    chosen, choices = set(), []
    for reason, score in scores.items():
        # Among equals, images where less else went wrong come first.
        order = np.lexsort((missed.sum(axis=0) + false.sum(axis=0), -score))
        fitting = [int(k) for k in order if score[k] > 0 and k not in chosen][:count]
        chosen.update(fitting)
        choices += [Choice(reason, k) for k in fitting]
    return choices


def _merit(result):
    return len(result.hit) - len(result.false)


def _open(evaluation, position):
    """tuple: the image as the detector saw it, and its scale."""
    path = os.path.join(evaluation.images, evaluation.truth.file_names[position])
    image = open_rgb(path, evaluation.image_maximum or own_maximum(path))
    width = image.width
    image.thumbnail((LARGEST_SIZE, LARGEST_SIZE))
    return image, image.width / width


def _panels(columns, ratio):
    """Panels side by side for pictures with a ratio of height to width."""
    height = SIDE * min(max(ratio, 0.3), 3) + TITLE
    figure = Figure(figsize=(SIDE * columns, height))
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1 - TITLE / height, wspace=0.03)
    # Ticks take long to place, even if they are not drawn.
    return figure.subplots(1, columns, squeeze=False, subplot_kw={'xticks': [], 'yticks': []})[0]


def _jpeg(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format='jpg', dpi=110, pil_kwargs={'quality': 85})
    return buffer.getvalue()


def draw_image(models, position, labels, title):
    """Draws an image with its true boxes and, beside it, with the results of each model.

    Args:
        models (list of Model): a column each.
        position (int): of the image.
        labels (list of str): of the classes.
        title (str): over the true boxes.

    Returns:
        bytes: a JPEG.

    Raises:
        OSError, ValueError: the image cannot be read.
    """
    evaluation = models[0].first.evaluation
    truth, (image, scale) = evaluation.truth, _open(evaluation, position)
    columns = 1 + len(models)
    with matplotlib.rc_context(text_style(8)):
        panels = _panels(columns, image.height / image.width)
        for panel, name in zip(panels, (title, *(model.drawn for model in models))):
            panel.imshow(image, cmap='gray')
            panel.set_title(name, fontsize=9)
            panel.set_axis_off()
        own = truth.images == position
        for box, kind in zip(truth.boxes[own], truth.classes[own]):
            _draw_box(panels[0], box * scale, labels[kind], STYLES['found'])
        for panel, model in zip(panels[1:], models):
            _draw_results(panel, truth, model, position, scale, labels)
        return _jpeg(panels[0].figure)


def _draw_results(panel, truth, model, position, scale, labels):
    result, detections = model.first.results[position], model.first.evaluation.detections
    for kind in ('found', 'false'):
        for k in getattr(result, kind):
            text = f'{SIGNS[kind]} {labels[detections.classes[k]]} {detections.scores[k]:.2f}'
            _draw_box(panel, detections.boxes[k] * scale, text, STYLES[kind])
    for k in result.missed:
        _draw_box(panel, truth.boxes[k] * scale, f'{SIGNS["missed"]} {labels[truth.classes[k]]}',
                  STYLES['missed'])


def _draw_box(panel, box, text, style):
    x, y, width, height = box
    panel.add_patch(Rectangle((x, y), width, height, fill=False, **style))
    side = 'bottom' if y > ROOM_FOR_TEXT else 'top'  # above the box, or within it
    panel.text(x, y, text, fontsize=6.5, color='white', va=side, clip_on=True,
               bbox={'facecolor': 'black', 'alpha': 0.65, 'pad': 0.8, 'linewidth': 0})


def draw_samples(evaluation, labels, count=4):
    """bytes: a JPEG of some images with true boxes, if any have some, spread over the set."""
    truth = evaluation.truth
    shown = np.unique(truth.images) if len(truth.images) else np.arange(len(truth.file_names))
    positions = spread(shown.tolist(), count)
    with matplotlib.rc_context(text_style(8)):
        width, height = truth.sizes[positions[0]]
        panels = _panels(len(positions), height / width)
        for panel, position in zip(panels, positions):
            image, scale = _open(evaluation, position)
            panel.imshow(image, cmap='gray')
            panel.set_axis_off()
            own = truth.images == position
            for box, kind in zip(truth.boxes[own], truth.classes[own]):
                _draw_box(panel, box * scale, labels[kind], STYLES['found'])
        return _jpeg(panels[0].figure)
