# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The techniques of the patches, on a module made for the test."""
import importlib
import inspect
import sys
import traceback

import pytest

from ppdet_ext.compat import patching

SOURCE = '''
import math


class Circle:
    def area(self, radius):
        return math.pi * radius * radius


def twice(value):
    return value + value
'''


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    (tmp_path / 'shapes_to_mend.py').write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'shapes_to_mend', raising=False)
    yield importlib.import_module('shapes_to_mend')
    sys.modules.pop('shapes_to_mend')


def test_replace_text_of_a_method(shapes):
    patching.replace_text('shapes_to_mend', 'Circle.area', {'radius * radius': 'radius ** 3'})
    assert shapes.Circle().area(2) == pytest.approx(8 * 3.14159265)
    assert not hasattr(shapes, 'area')
    assert shapes.Circle.area.__qualname__ == 'Circle.area'


def test_replace_text_twice_is_once(shapes):
    for _ in range(2):
        patching.replace_text('shapes_to_mend', 'twice', {'value + value': '3 * value'})
    assert shapes.twice(2) == 6


def test_replaced_source_can_be_read_again(shapes):
    patching.replace_text('shapes_to_mend', 'twice', {'value + value': '2 * value / 0'})
    assert 'return 2 * value / 0' in inspect.getsource(shapes.twice)
    with pytest.raises(ZeroDivisionError) as error:
        shapes.twice(1)
    assert 'return 2 * value / 0' in ''.join(traceback.format_tb(error.value.__traceback__))


@pytest.mark.parametrize('module, qualname, old, expected', [
    ('shapes_to_mend', 'twice', 'value * 2', "the text 'value * 2'"),
    ('shapes_to_mend', 'thrice', 'value', "'thrice' to be defined here"),
    ('shapes_to_mend', 'Circle.perimeter', 'value', "'perimeter' to be defined here"),
    ('no_such_shapes', 'twice', 'value', 'this module'),
])
def test_what_is_missing_is_named(shapes, module, qualname, old, expected):
    with pytest.raises(ImportError) as refusal:
        patching.replace_text(module, qualname, {old: 'new'})
    message = str(refusal.value)
    assert f'{module}.{qualname}: expected {expected}' in message
    assert f'This is not a tested version of {module}' in message


def test_another_paddledet_is_named():
    with pytest.raises(ImportError, match='2.6.0 is installed: pip install paddledet==2.6.0'):
        patching.find('ppdet.no_such_module', 'value')


def test_wrap_passes_original_and_arguments(shapes):
    patching.wrap('shapes_to_mend', 'twice', lambda original, value: original(value) + 1)
    assert shapes.twice(value=2) == 5
    assert shapes.twice.__name__ == 'twice'


def test_replace_in_import_touches_one_module_only(shapes):
    import math
    patching.replace_in_import('shapes_to_mend', 'math', pi=3)
    assert shapes.Circle().area(1) == 3
    assert shapes.math.sqrt(9) == 3
    assert math.pi != 3
