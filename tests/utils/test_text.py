# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Text of other programs and systems is read as it is meant, or refused with a remedy."""
import codecs
import unicodedata

import pytest

from ppdet_ext.utils.files import open_text, read_json, read_text
from ppdet_ext.utils.text import clean_name, counted, decode_text


@pytest.mark.parametrize('content', [
    '划痕\r\n'.encode(), codecs.BOM_UTF8 + '划痕\r\n'.encode(),
    codecs.BOM_UTF16_LE + '划痕\r\n'.encode('utf-16-le'),
    codecs.BOM_UTF16_BE + '划痕\r\n'.encode('utf-16-be'),
    codecs.BOM_UTF32_LE + '划痕\r\n'.encode('utf-32-le'),
], ids=['utf-8', 'utf-8 mark', 'utf-16 little', 'utf-16 big', 'utf-32'])
def test_marks_decide(content):
    assert decode_text(content, 'a.txt') == '划痕\r\n'
    assert decode_text(content, 'a.txt', 'gb18030' if content[:1] in b'\xef\xff\xfe' else None
                       ) == '划痕\r\n'


def test_another_encoding_is_named_with_what_it_may_be():
    with pytest.raises(ValueError, match=r'^a.txt is not text in UTF-8 .*; save it as UTF-8 .as '
                                         r'GB18030 it reads "划痕", for which '
                                         r'tools/prepare_data.py has --encoding gb18030.$'):
        decode_text('ok\n划痕'.encode('gbk'), 'a.txt')
    with pytest.raises(ValueError, match='a.txt is not text in UTF-8 .*; save it as UTF-8$'):
        decode_text(b'\xff\xff\x00', 'a.txt')


@pytest.mark.parametrize('encoding', ['gbk', 'gb2312', 'gb18030'])
def test_an_encoding_that_is_given(encoding):
    # The euro sign of Windows is in GB18030 only.
    assert decode_text('划痕€'.encode('gb18030'), 'a.txt', encoding) == '划痕€'


def test_names_without_what_nobody_sees():
    assert clean_name('\ufeff 划痕\u200b\u3000\xa0') == '划痕'
    assert clean_name(unicodedata.normalize('NFD', 'Lücke')) == 'Lücke'


def test_files(tmp_path):
    path = tmp_path / 'a.json'
    path.write_bytes(codecs.BOM_UTF8 + '["划痕"]'.encode())
    assert read_json(str(path)) == ['划痕'] and read_text(str(path)) == '["划痕"]'
    with open_text(str(path)) as f:
        assert f.name == str(path) and f.read() == '["划痕"]'


def test_numbers_agree_with_their_nouns():
    assert [counted(n, 'fault') for n in (0, 1, 2)] == ['0 faults', '1 fault', '2 faults']
    assert [counted(n, 'box') for n in (0, 1, 2)] == ['0 boxes', '1 box', '2 boxes']
