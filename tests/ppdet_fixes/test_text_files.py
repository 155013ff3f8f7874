# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What ppdet and pycocotools read as text does not depend on the computer or the editor."""
import codecs
import json

import pytest
from ppdet.data.source.category import get_categories
from pycocotools.coco import COCO
from tiny import student_yaml

from ppdet_ext.config.load import load_run_config

CATEGORIES = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': '划痕'}]}
IN_ANOTHER_LOCALE = '''
import locale, sys
assert locale.getpreferredencoding(False).lower() not in ('utf-8', 'utf8'), 'no test'
import ppdet_ext
from ppdet.data.source.category import get_categories
kinds = zip(('VOC', 'COCO', 'COCO'), sys.argv[1:])
names = [get_categories(metric, path)[1] for metric, path in kinds]
print(ascii([list(n.values()) for n in names]))
'''


@pytest.fixture
def files(tmp_path):
    """A label list and a COCO file with Chinese names."""
    (tmp_path / 'labels.txt').write_text('划痕\n凹坑\n', encoding='utf-8')
    (tmp_path / 'a.json').write_text(json.dumps(CATEGORIES, ensure_ascii=False), encoding='utf-8')
    return str(tmp_path / 'labels.txt'), str(tmp_path / 'a.json')


def test_marks_are_no_part_of_the_first_name(files):
    for path in files:
        with open(path, 'rb+') as f:
            content = f.read()
            f.seek(0)
            f.write(codecs.BOM_UTF8 + content)
    labels, annotations = files
    assert list(get_categories('VOC', labels)[1].values()) == ['划痕', '凹坑']
    assert list(get_categories('COCO', labels)[1].values()) == ['划痕', '凹坑']
    assert list(get_categories('COCO', annotations)[1].values()) == ['划痕']
    assert COCO(annotations).cats[1]['name'] == '划痕'


def test_another_locale_reads_the_same(files, run_python):
    finished = run_python('-c', IN_ANOTHER_LOCALE, files[0], files[1], files[0], LC_ALL='C',
                          PYTHONUTF8='0', PYTHONCOERCECLOCALE='0')
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == ascii([['划痕', '凹坑'], ['划痕'], ['划痕', '凹坑']])


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
def test_configs_with_a_mark(tmp_path, encoding):
    path = student_yaml(tmp_path)
    with open(path, encoding='utf-8') as f:
        text = f.read()
    with open(path, 'w', encoding=encoding) as f:
        f.write(text + 'class_names: [划痕, 2a, 3a, 4a, 5a, 6a]\n')
    assert load_run_config(path)['class_names'][0] == '划痕'


def test_a_config_in_another_encoding_is_named(tmp_path):
    path = tmp_path / 'a.yml'
    path.write_bytes('class_names: [划痕]\n'.encode('gbk'))
    with pytest.raises(ValueError, match='a.yml is not text in UTF-8 .*as GB18030 it reads '
                                         '"class_names: .划痕.'):
        load_run_config(str(path))
