# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import pytest

from ppdet_ext.utils.error_text import summary


@pytest.mark.parametrize('code, expected', [
    ('raise ValueError("first\\nsecond")', 'ValueError: first'),
    ('\nassert 0', 'AssertionError: compiled:2'),  # no text, and no source to quote
])
def test_an_error_in_one_line(code, expected):
    with pytest.raises((ValueError, AssertionError)) as raised:
        exec(compile(code, 'compiled', 'exec'))
    assert summary(raised.value) == expected


def test_without_a_text_the_line_is_quoted():
    with pytest.raises(AssertionError) as raised:
        raise AssertionError
    assert summary(raised.value) == 'AssertionError: raise AssertionError'
