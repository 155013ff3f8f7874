# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What importing ppdet_ext leaves for later, and that it comes when it is used."""
import types

import pytest

from ppdet_ext.compat import postponed_imports

LATER = ('matplotlib', 'mpl_toolkits', 'numba', 'pandas', 'requests', 'scipy', 'sklearn',
         'visualdl')
IN_USE = '''
import sys, ppdet_ext
import ppdet.modeling.mot.motion.gmc as gmc, ppdet.metrics.mcmot_metrics as mcmot
print(*(name for name in {later} if name in sys.modules))
sparse, jde, operators, download = (sys.modules['ppdet.' + name] for name in (
    'modeling.losses.sparsercnn_loss', 'modeling.mot.matching.jde_matching',
    'data.transform.batch_operators', 'utils.download'))
print(sparse.linear_sum_assignment([[1, 0], [0, 1]])[1], jde.cdist([[0]], [[2]]),
      jde.scipy.linalg.norm([3, 4]), operators.ndimage.maximum([3, 1]), download.requests.get)
gmc.plt.figure, mcmot.pd.DataFrame({{'a': [1]}})
import matplotlib.pyplot, numba, pandas, sklearn
print(matplotlib.pyplot.figure is gmc.plt.figure, pandas.DataFrame is mcmot.pd.DataFrame,
      numba.njit is not None, sklearn.__version__ > '')
'''


def test_packages_come_when_they_are_used(run_python):
    pytest.importorskip('numba', reason='the extra "cpu" is not installed')
    finished = run_python('-c', IN_USE.format(later=LATER))
    assert finished.stderr == ''
    later, used, same = finished.stdout.splitlines()
    assert (later, same) == ('', 'True True True True')
    assert used.startswith('[1 0] [[2.]] 5.0 3 <function get at ')


def test_what_is_imported_already_stays(monkeypatch):
    real = types.ModuleType('pandas')
    monkeypatch.setitem(postponed_imports.sys.modules, 'pandas', real)
    with postponed_imports.postponed():
        assert postponed_imports.sys.modules['pandas'] is real
    assert postponed_imports.sys.modules['pandas'] is real


def test_an_error_within_leaves_no_stand_in(monkeypatch):
    monkeypatch.delitem(postponed_imports.sys.modules, 'sklearn', raising=False)
    with pytest.raises(ImportError), postponed_imports.postponed():
        assert isinstance(postponed_imports.sys.modules['sklearn'], postponed_imports.StandIn)
        raise ImportError
    assert 'sklearn' not in postponed_imports.sys.modules
