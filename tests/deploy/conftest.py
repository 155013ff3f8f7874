# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
import functools

import pytest
from families import READER, family_yaml
from tool_runs import imported

from ppdet_ext.data.synthetic_steel import make_synthetic_steel


@pytest.fixture(scope='session')
def steel(tmp_path_factory):
    """A folder of synthetic steel: 42 images to train with, 12 to validate, 6 to test."""
    folder = tmp_path_factory.mktemp('steel') / 'data'
    make_synthetic_steel(str(folder), 10)
    return folder


@pytest.fixture(scope='session')
def exported(steel, tmp_path_factory):
    """Exports a family once, in all its formats.

    Returns:
        callable: maps the family to a folder with its YAML and weights, and the exported model in
        ``inference/<family>``.
    """
    @functools.cache
    def export(family):
        pytest.importorskip('paddle2onnx')
        pytest.importorskip('openvino')
        folder = tmp_path_factory.mktemp(family)
        data = {'dataset_dir': str(steel)}
        path = family_yaml(folder, family, EvalReader=READER, TrainDataset=data, TestDataset=data,
                           EvalDataset={**data, 'anno_path': 'annotations/test.json'})
        formats = 'paddle' if family == 'faster_rcnn' else 'paddle,onnx,openvino'
        imported('export_model').main(['-c', path, '--output_dir', str(folder / 'inference'),
                                       '--format', formats])
        return folder

    return export
