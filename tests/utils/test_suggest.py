# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A slip of the hand in the name of a file is answered with the file that was meant."""
import pytest

from ppdet_ext.utils.suggest import near_file


@pytest.mark.parametrize('name, meant', [
    ('best_modl.pdparams', 'best_model.pdparams'), ('Best_model.pdparams', 'best_model.pdparams'),
    ('teacher.yml', None), ('teacher.yml.pdparams', None)])
def test_files_of_nearly_the_same_name(tmp_path, name, meant):
    (tmp_path / 'best_model.pdparams').write_text('')
    expected = f' (did you mean "{tmp_path / meant}"?)' if meant else (
        ' (the folder has best_model.pdparams)' if name.endswith('.pdparams') else '')
    assert near_file(str(tmp_path / name)) == expected


def test_a_folder_that_is_not_there(tmp_path):
    assert near_file(str(tmp_path / 'none' / 'a.yml')) == ''
