# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Text files are read in the locale's encoding.

Defect: ppdet and pycocotools open configs, lists and annotations without an encoding, so that
Chinese names are misread, or not read at all, unless the locale uses UTF-8, and a byte
order mark, as Notepad writes it, becomes part of the first name. VOC lists must not have empty
lines or blanks in names, and VOC annotations must not be in a Chinese encoding. Any Paddle.

Patch: they are read as UTF-8, or as their mark or XML head says; empty lines and blanks do not
matter.
"""
import importlib
import io

from ..compat import patching
from ..data.voc_list import label_lines, list_lines, split_list_line
from ..data.voc_xml import BrokenXmlError, parse_xml
from ..utils.files import open_text
from ..utils.text import clean_name

# Module, function and what it opens.
READERS = (('ppdet.core.workspace', '_load_config_with_base', 'open(file_path)'),
           ('ppdet.data.source.category', 'get_categories', 'open(anno_file)'),
           ('pycocotools.coco', 'COCO.__init__', "open(annotation_file, 'r')"))
VOC = 'ppdet.data.source.voc'


def patch():
    for module, function, text in READERS:
        patching.expect_text(module, function, text)
        importlib.import_module(module).open = _open_text
    patching.replace_text(VOC, 'VOCDataSet.parse_dataset', {
        "open(label_path, 'r')": 'open_labels(label_path)',
        "open(anno_path, 'r')": 'open_list(anno_path)',
        'line.strip().split()[:2]': 'split_line(line)[:2]',
        'ET.parse(xml_file)': 'parse_voc(xml_file)',
    })
    names = patching.find(VOC, 'VOCDataSet.parse_dataset')[2].__globals__
    names.update(open_labels=_open_labels, open_list=_open_list, split_line=split_list_line,
                 parse_voc=_parse_voc)


def _open_text(path, mode='r'):
    return open_text(path)


def _open_labels(path):
    return io.StringIO(''.join(f'{name}\n' for name in label_lines(path)))


def _open_list(path):
    return io.StringIO(''.join(f'{line}\n' for _, line in list_lines(path)))


def _parse_voc(path):
    try:
        root = parse_xml(path)
    except BrokenXmlError as error:
        raise ValueError(f'{path}:{error.args[0]}: {error.args[1]}') from error
    for name in root.iter('name'):
        name.text = clean_name(name.text or '')
    return root
