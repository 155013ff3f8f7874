# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Importing ppdet does not import what only tracking, poses and plots use.

Defect: half of the time of ``import ppdet`` goes to scikit-learn, pandas, matplotlib.pyplot and
numba, which no detector needs.

Patch: ppdet's modules see stand-ins for the first three, each of which imports its package when an
attribute of it is used. Numba compiles functions while it is imported, so the import is told that
it is missing: ppdet's trackers then compute with NumPy, as where numba is not installed. What is
imported later, by whomever, is the package itself.
"""
import contextlib
import importlib
import sys
import types

PACKAGES = ('matplotlib', 'matplotlib.pyplot', 'mpl_toolkits', 'mpl_toolkits.mplot3d', 'pandas',
            'sklearn')
# Imported by name, and never used.
UNUSED = {'mpl_toolkits.mplot3d': ('Axes3D', )}
MISSING = 'numba'


class StandIn(types.ModuleType):
    """A package that is imported when something of it is used."""
    __path__ = ()  # it has submodules

    def __getattr__(self, name):
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def postponed():
    """Within the block the packages that are not imported yet are stand-ins, or missing."""
    stand_ins = {name: StandIn(name) for name in PACKAGES if name not in sys.modules}
    for name, stand_in in stand_ins.items():
        parent, _, child = name.rpartition('.')
        if parent in stand_ins:
            setattr(stand_ins[parent], child, stand_in)
        for unused in UNUSED.get(name, ()):
            setattr(stand_in, unused, None)
    replaced = {**stand_ins, **({} if MISSING in sys.modules else {MISSING: None})}
    sys.modules.update(replaced)
    try:
        yield
    finally:
        for name, stand_in in replaced.items():
            if sys.modules.get(name, ...) is stand_in:
                del sys.modules[name]
