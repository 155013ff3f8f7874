# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from ppdet_ext.utils.files import replace_folder, write_text


def test_a_folder_is_replaced(tmp_path):
    for name in ('new', 'folder'):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(str(tmp_path / 'new'), str(tmp_path / 'folder'), str(tmp_path / 'aside'))
    assert [path.name for path in tmp_path.rglob('*')] == ['folder', 'new']


def test_a_folder_that_cannot_be_replaced_stays(tmp_path):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(FileNotFoundError):
        replace_folder(str(tmp_path / 'new'), str(tmp_path / 'folder'), str(tmp_path / 'aside'))
    assert os.listdir(tmp_path) == ['folder']


def test_the_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        write_text(str(tmp_path / 'none' / 'a.txt'), 'a')
    assert error.value.filename == str(tmp_path / 'none' / 'a.txt')
