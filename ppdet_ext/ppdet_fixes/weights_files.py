# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A file of weights runs code.

Defect: ``.pdparams``, ``.pdopt`` and ``.pdema`` are pickles. ``paddle.load``
unpickles them with ``pickle.load``, which calls any function that the file
names; so does ppdet's ``DecodeCache`` with its cached images. On any Paddle.

Patch: wherever ppdet calls ``paddle.load`` it gets ``load_state`` of
:mod:`ppdet_ext.safe_io.safe_pickle`. The file is read once, and none of the
other formats that ``paddle.load`` would try is accepted. ``paddle.load`` itself
stays as it is, since a program that imports ppdet_ext may keep objects of its
own in its files.
"""
from ..compat import patching
from ..safe_io.safe_pickle import load_plain, load_state

READERS = ('ppdet.utils.checkpoint', 'ppdet.modeling.backbones.convnext',
           'ppdet.modeling.backbones.swin_transformer',
           'ppdet.modeling.backbones.vision_transformer', 'ppdet.modeling.reid.resnet')


def patch():
    for function in ('load_weight', 'load_pretrain_weight'):
        patching.expect_text('ppdet.utils.checkpoint', function, 'paddle.load(')
    for module in READERS:
        patching.replace_in_import(module, 'paddle', load=load_state)
    operators = 'ppdet.data.transform.operators'
    patching.expect_text(operators, 'DecodeCache.load', 'pickle.load(')
    patching.replace_in_import(operators, 'pickle', load=load_plain)
