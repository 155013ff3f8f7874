# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a data set: charts of counts and sizes, and samples of each class."""
from PIL import Image, ImageDraw, ImageFont

from ..utils.fonts import drawn_names, find_font
from ..utils.samples import spread

__all__ = ['draw_overview', 'draw_samples']

TILE, GAP, LABEL = 170, 8, 150  # pixels
SAMPLES = 6  # of a class
OPTION = '--font FILE'  # of the tools that draw them
COLORS = ('#d62728', '#1f77b4', '#2ca02c', '#ff7f0e')


def draw_overview(result, path, font=None):
    """Draws boxes by class and split, and the sizes of the boxes beside the strides.

    Args:
        result (dict): of :func:`ppdet_ext.data.overview.overview`.
        path (str): of the PNG to write.
        font (str or None): file of the font for names; None for one of the system.
    """
    import matplotlib
    with matplotlib.rc_context({'text.parse_math': False}):  # $ is a letter
        _draw_overview(result, path, font)


def _draw_overview(result, path, font):
    # Not pyplot, which keeps figures open and looks for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    names = tuple(result['classes'])
    _, shown = drawn_names(names, font, OPTION)
    figure = Figure(figsize=(11, 0.35 * len(names) + 3.2), dpi=100)
    FigureCanvasAgg(figure)
    counts, sizes = figure.subplots(1, 2)
    left = [0] * len(names)
    for split, color in zip(result['boxes'], COLORS[1:]):
        values = [result['classes'][name][split] for name in names]
        counts.barh(range(len(names)), values, left=left, label=split, color=color)
        left = [a + b for a, b in zip(left, values)]
    try:
        properties = FontProperties(fname=find_font(''.join(shown.values()), font)[1])
    except LookupError:
        properties = FontProperties()
    counts.set_yticks(range(len(names)))
    counts.set_yticklabels([shown[name] for name in names], fontproperties=properties)
    counts.invert_yaxis()
    counts.set_title('boxes of each class')
    counts.legend()
    strides = result['boxes_below_stride']
    sizes.bar([str(stride) for stride in strides], [100 * v for v in strides.values()],
              color=COLORS[0])
    sizes.set_title('boxes with a side below a stride')
    sizes.set_xlabel('stride in pixels')
    sizes.set_ylabel('% of the boxes')
    figure.tight_layout()
    figure.savefig(path)


def draw_samples(names, images, open_image, path, font=None):
    """Draws samples of each class with their boxes, one row per class, and images without defects.

    Boxes of the row's class have a thick red frame, others in the image a thin blue one.

    Args:
        names (list of str): of the classes.
        images (list of ShownImage): of the data set.
        open_image (callable): ShownImage to PIL.Image in RGB.
        path (str): of the PNG to write.
        font (str or None): file of the font for names; None for one of the system.
    """
    chosen_font, shown = drawn_names(tuple(names), font, OPTION)
    rows = [(name, shown[name],
             spread([i for i in images if any(b[0] == name for b in i.boxes)], SAMPLES))
            for name in names]
    sound = spread([image for image in images if not image.boxes], SAMPLES)
    rows += [(None, '(no defect)', sound)] if sound else []
    sheet = Image.new('RGB', (LABEL + SAMPLES * (TILE + GAP), len(rows) * (TILE + GAP) + GAP),
                      'white')
    draw = ImageDraw.Draw(sheet)
    used_font = chosen_font or ImageFont.load_default()
    for number, (name, title, samples) in enumerate(rows):
        top = GAP + number * (TILE + GAP)
        draw.text((GAP, top + GAP), _fitting(draw, title, used_font), fill='black', font=used_font)
        for column, image in enumerate(samples):
            tile = _tile(image, open_image(image), name)
            sheet.paste(tile, (LABEL + column * (TILE + GAP), top))
    sheet.save(path)


def _fitting(draw, text, font):
    """str: the beginning of a text that fits beside the samples."""
    shown = text
    while draw.textlength(shown, font=font) > LABEL - 2 * GAP:
        text = text[:-1]
        shown = f'{text}...'
    return shown


def _tile(image, picture, own):
    picture.thumbnail((TILE, TILE))
    scale = picture.width / image.width
    draw = ImageDraw.Draw(picture)
    # Boxes of the row's class are drawn last, on top of the others.
    for name, x, y, w, h in sorted(image.boxes, key=lambda box: box[0] == own):
        draw.rectangle([scale * x, scale * y, scale * (x + w), scale * (y + h)],
                       outline=COLORS[name != own], width=3 if name == own else 1)
    return picture
