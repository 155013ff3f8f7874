# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The card of an exported model: classes, preprocessing, suppression, files."""
import json
import os

__all__ = ['CARD', 'read_card']

CARD = 'model_card.json'
VERSION = 1
KEYS = ('name', 'classes', 'colors', 'input', 'preprocess', 'nms')


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
    with open(path, encoding='utf-8') as f:
        try:
            card = json.load(f)
        except ValueError as error:
            raise ValueError(f'{path} is damaged ({error}); copy the folder again') from error
    if not isinstance(card, dict) or card.get('format_version') != VERSION:
        raise ValueError(f'{path}: expected format_version {VERSION}; export the model again with '
                         f'the version of this runner')
    missing = [key for key in KEYS if key not in card]
    if missing:
        raise ValueError(f'{path} has no {", ".join(missing)}; export the model again')
    return card
