# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The card of an exported model: classes, preprocessing, suppression, files."""
import hashlib
import os

from .results import read_json

__all__ = ['CARD', 'check_files', 'read_card']

CARD = 'model_card.json'
VERSION = 1
KINDS = {'name': str, 'classes': list, 'colors': list, 'input': dict, 'preprocess': list,
         'nms': (dict, type(None)), 'files': dict}


def read_card(folder):
    """Reads the card of an exported folder.

    Returns:
        dict: what ``model_card.json`` holds.

    Raises:
        FileNotFoundError: no such folder, or no card in it.
        ValueError: the card is damaged, or of a later version.
    """
    path = os.path.join(folder, CARD)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{folder} is not an exported model: it has no {CARD}; export one '
                                f'with tools/export_model.py and copy the whole folder')
    try:
        card = read_json(path)
    except ValueError as error:
        raise ValueError(f'{error}, so it is damaged; copy the folder again') from error
    if not isinstance(card, dict) or card.get('format_version') != VERSION:
        raise ValueError(f'{path}: expected format_version {VERSION}; export the model again with '
                         f'the version of this runner')
    wrong = [key for key, kind in KINDS.items() if not isinstance(card.get(key, ...), kind)]
    if wrong:
        raise ValueError(f'{path} has no {", ".join(wrong)}, or a wrong kind of value there; '
                         f'export the model again')
    if len(card['classes']) != len(card['colors']):
        raise ValueError(f'{path} has {len(card["classes"])} classes, but {len(card["colors"])} '
                         f'were exported; names may be changed, not their number')
    return card


def check_files(paths):
    """Makes sure that the files of an exported folder exist and are those of its card.

    Raises:
        FileNotFoundError: one does not exist.
        ValueError: one is cut off, or from another export.
    """
    for path in paths:
        if not os.path.isfile(path):
            raise FileNotFoundError(f'{path} does not exist; copy the whole folder, or export the '
                                    f'model for this runtime (tools/export_model.py --format, and '
                                    f'--int8 for INT8)')
        folder, name = os.path.split(path)
        expected = read_card(folder)['files'].get(name)
        with open(path, 'rb') as f:
            found = hashlib.sha256(f.read()).hexdigest()
        if expected not in (None, found):
            raise ValueError(f'{path} is not the file that {CARD} was exported with: it is cut off '
                             f'or from another export; copy the whole folder again')
