# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A config or an ``-o`` option runs code.

Defect: ppdet reads YAML with ``yaml.Loader``, which calls any function that a
tag such as ``!!python/object/apply:os.system`` names; ppdet's own tag
``!Callable`` does so too when it stands for a data set. On any Paddle.

Patch: ppdet reads YAML with ``load_yaml`` of :mod:`ppdet_ext.safe_io.safe_yaml`.
It is the loader itself that is replaced, so every file of a ``_BASE_`` chain
passes it and nothing is read twice.
"""
from ..compat import patching
from ..safe_io.safe_yaml import REGISTRY, load_yaml

READERS = {
    'ppdet.core.workspace': '_load_config_with_base',
    'ppdet.slim': None,  # its function is replaced by ppdet_ext's own
    'ppdet.utils.cli': 'ArgsParser._parse_opt',
}


def patch():
    patching.expect_text(REGISTRY, '_make_python_constructor', 'return cls(**kwargs)')
    for module, function in READERS.items():
        if function:
            patching.expect_text(module, function, 'yaml.load(')
        patching.replace_in_import(module, 'yaml', load=load_yaml)
