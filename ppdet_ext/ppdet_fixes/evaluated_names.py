# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The name of a layer in a config is run as Python.

Defect: some modules of ppdet call ``eval`` on a value of the config, as on
PPYOLOE's ``CustomCSPPAN.block_fn``, so that a plain text there runs code. On
any Paddle.

Patch: in these modules ``eval`` finds a layer, or a function of ppdet, by name.
"""
import functools
import importlib
import inspect
import re

from ..compat import patching

CALLERS = {
    'ppdet.modeling.backbones.trans_encoder': 'BertFeedForward.__init__',
    'ppdet.modeling.backbones.vision_transformer': 'Block.__init__',
    'ppdet.modeling.necks.custom_pan': 'CSPStage.__init__',
    'ppdet.modeling.reid.pyramidal_embedding': 'PCBPyramid.__init__',
    'ppdet.modeling.reid.resnet_embedding': 'ResNetEmbedding.__init__',
    'ppdet.optimizer.adamw': 'build_adamwdl',
}
NAME = re.compile(r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)?')


def find_layer(module, name):
    """Finds a layer or a function of ppdet, like ``BasicBlock`` or ``nn.LayerNorm``.

    Args:
        module (str): where the name is known.
        name (str): with at most one dot.

    Raises:
        ValueError: it is something else.
    """
    from paddle import nn
    value = None
    if isinstance(name, str) and NAME.fullmatch(name):
        value = importlib.import_module(module)
        for part in name.split('.'):
            value = getattr(value, part, None)
    is_layer = inspect.isclass(value) and issubclass(value, nn.Layer)
    is_function = inspect.isfunction(value) and value.__module__.startswith('ppdet.')
    if not is_layer and not is_function:
        raise ValueError(f'the config gives {name!r} where {module} expects the name of a layer, '
                         f'such as BasicBlock or nn.LayerNorm')
    return value


def patch():
    for module, function in CALLERS.items():
        patching.expect_text(module, function, 'eval(')
        importlib.import_module(module).eval = functools.partial(find_layer, module)
