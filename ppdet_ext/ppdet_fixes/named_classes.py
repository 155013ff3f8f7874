# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The name of a class in a config calls a function.

Defect: ppdet looks up data sets, operators of readers and schedulers by the
name in the config, among all that their modules have imported, and calls what
it finds with the config's values: ``video2frames``, which hands them to the
shell, or ``setup_logger``, which makes folders. On any Paddle.

Patch: in these places only classes are found that ppdet has registered, and
classes derived from them.
"""
import importlib

from ..compat import patching
from ..safe_io.safe_yaml import registered_classes

SCHEDULERS = 'ppdet.optimizer.optimizer'


class _RegisteredClasses:
    """A view of a module that shows only its registered classes."""

    def __init__(self, module):
        self._module = module

    def __getattribute__(self, name):
        module = object.__getattribute__(self, '_module')
        known = registered_classes(module)
        if name not in known:
            raise ValueError(
                f'the config gives {name!r} where a class of {module.__name__} is expected; '
                f'register one of your own with @ppdet.core.workspace.serializable')
        return known[name]


def patch():
    for module, function, name, source in (
            ('ppdet.data.source.dataset', 'CommonDataset.__init__', 'source', 'ppdet.data.source'),
            ('ppdet.data.reader', 'Compose.__init__', 'transform', 'ppdet.data.transform'),
            ('ppdet.data.reader', 'Compose_SSOD.__init__', 'transform', 'ppdet.data.transform')):
        patching.expect_text(module, function, f'getattr({name}, ')
        owner = patching.find(module, name)[0]
        setattr(owner, name, _RegisteredClasses(importlib.import_module(source)))
    patching.expect_text(SCHEDULERS, 'LearningRate.__init__', 'module = sys.modules[__name__]',
                        'getattr(module, type)(')
    schedulers = _RegisteredClasses(importlib.import_module(SCHEDULERS))
    patching.replace_in_import(SCHEDULERS, 'sys', modules={SCHEDULERS: schedulers})
