# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""PicoDet's necks append to the list of scales they are given, often their default argument.

Defect: every further PicoDet in a process has one more level in its neck. In a
distillation the second model then fits no checkpoint; with ``spatial_scales``
in the YAML the same list grows instead.

Patch: they append to a list of their own.
"""
from ..compat import patching

NECKS = (('ppdet.modeling.necks.lc_pan', 'LCPAN.__init__'),
         ('ppdet.modeling.necks.csp_pan', 'CSPPAN.__init__'),
         ('ppdet.modeling.necks.es_pan', 'ESPAN.__init__'))


def patch():
    for module, qualname in NECKS:
        patching.replace_text(module, qualname, {
            'self.spatial_scales = spatial_scales': 'self.spatial_scales = list(spatial_scales)'})
