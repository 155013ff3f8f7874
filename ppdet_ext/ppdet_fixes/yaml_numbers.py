# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A number such as 1e-3 is a number in configs and ``-o`` options.

Defect: PyYAML reads a number with an exponent but without a dot, or without the
exponent's sign, as text, and training stops with ``TypeError: can't multiply
sequence by non-int of type 'float'``.

Patch: the loader that ppdet uses knows it, as YAML 1.2 does.
"""
import re

from ..safe_io.safe_yaml import ConfigLoader, load_yaml

NUMBER = re.compile(r'[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$')


def patch():
    if isinstance(load_yaml('1e-3'), str):
        ConfigLoader.add_implicit_resolver('tag:yaml.org,2002:float', NUMBER, list('-+0123456789'))
