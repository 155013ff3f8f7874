# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Weights of the same classes in another order are refused wherever they are loaded."""
import json
import logging

import pytest

from ppdet_ext.modeling.trained_classes import check_trained_classes


@pytest.fixture
def weights(tmp_path):
    (tmp_path / 'best_model.pdparams').write_bytes(b'')
    (tmp_path / 'train_command.json').write_text(json.dumps({'class_names': ['dent', '划痕']}),
                                                 encoding='utf-8')
    return str(tmp_path / 'best_model')


@pytest.mark.parametrize('learns', [False, True])
def test_another_order_is_refused_with_both(weights, learns):
    with pytest.raises(ValueError, match=r'best_model was trained on the classes dent, 划痕 '
                                         r'\(.*train_command.json\), this run has 划痕, dent: the '
                                         r'same in another order'):
        check_trained_classes(weights, ['划痕', 'dent'], learns)


@pytest.mark.parametrize('names, learns, warnings', [
    (['dent', '划痕'], False, 0), (None, False, 0), (['dent', 'scratch'], False, 1),
    (['dent', 'scratch'], True, 0), (['dent', '划痕', 'pit'], False, 0)],
    ids=['same', 'not named', 'other words', 'fine-tuning', 'more'])
def test_other_words_are_a_warning(weights, caplog, names, learns, warnings):
    logger = logging.getLogger('ppdet.engine')
    logger.addHandler(caplog.handler)
    try:
        check_trained_classes(weights, names, learns)
    finally:
        logger.removeHandler(caplog.handler)
    assert len(caplog.records) == warnings


@pytest.mark.parametrize('content', [None, '{', '[]', '{"class_names": null}'])
def test_weights_without_a_sound_record_are_taken(tmp_path, content):
    (tmp_path / 'a.pdparams').write_bytes(b'')
    if content:
        (tmp_path / 'train_command.json').write_text(content)
    check_trained_classes(str(tmp_path / 'a.pdparams'), ['dent'])
