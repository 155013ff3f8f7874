# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Importing ppdet does not import packages that only tracking, poses, plots and downloads use.

Defect: more than half of the time of ``import ppdet`` goes to SciPy, scikit-learn, pandas,
matplotlib.pyplot, requests and numba, which training a detector hardly needs.

Patch: ppdet's modules see stand-ins for all but the last, each of which imports its package when an
attribute of it is used, or a function of it is called. Numba compiles functions while it is
imported, so the import is told that it is missing: ppdet's trackers then compute with NumPy, as
where numba is not installed. Any later import gets the package itself.
"""
import contextlib
import importlib
import importlib.machinery
import sys
import types

PACKAGES = ('matplotlib', 'matplotlib.pyplot', 'mpl_toolkits', 'mpl_toolkits.mplot3d', 'pandas',
            'requests', 'scipy', 'scipy.io', 'scipy.linalg', 'scipy.ndimage', 'scipy.optimize',
            'scipy.spatial', 'scipy.spatial.distance', 'sklearn')
# What ppdet imports from them by name.
FUNCTIONS = {'mpl_toolkits.mplot3d': ('Axes3D', ), 'scipy.io': ('loadmat', 'savemat'),
             'scipy.optimize': ('linear_sum_assignment', ), 'scipy.spatial.distance': ('cdist', )}
MISSING = 'numba'


class StandIn(types.ModuleType):
    """A package that is imported when something of it is used."""
    __path__ = ()  # it has submodules

    def __init__(self, name):
        super().__init__(name)
        self.__spec__ = importlib.machinery.ModuleSpec(name, None)  # motmetrics asks for SciPy's

    def __getattr__(self, name):
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def _at_its_call(package, name):
    def function(*args, **kwargs):
        return getattr(importlib.import_module(package), name)(*args, **kwargs)

    return function


@contextlib.contextmanager
def postponed():
    """Within the block the packages that are not imported yet are stand-ins, or missing."""
    stand_ins = {name: StandIn(name) for name in PACKAGES if name not in sys.modules}
    for name, stand_in in stand_ins.items():
        parent, _, child = name.rpartition('.')
        if parent in stand_ins:
            setattr(stand_ins[parent], child, stand_in)
        for function in FUNCTIONS.get(name, ()):
            setattr(stand_in, function, _at_its_call(name, function))
    replaced = {**stand_ins, **({} if MISSING in sys.modules else {MISSING: None})}
    sys.modules.update(replaced)
    try:
        yield
    finally:
        for name, stand_in in replaced.items():
            if sys.modules.get(name, ...) is stand_in:
                del sys.modules[name]
