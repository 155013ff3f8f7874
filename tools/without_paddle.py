# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Lets a tool import what needs no Paddle of ppdet_ext: the package's own import loads Paddle."""
import os
import sys
import types

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

if 'ppdet_ext' not in sys.modules:
    package = types.ModuleType('ppdet_ext')
    package.__path__ = [os.path.join(ROOT, 'ppdet_ext')]
    sys.modules['ppdet_ext'] = package
