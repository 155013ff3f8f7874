# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Knowledge distillation for surface-defect detectors on PaddleDetection.

Import it before ``paddle``. What importing it changes in the process:

===================================  ==============================================================
``OMP_NUM_THREADS``                  all usable cores, unless it is set; ``compat.threads``
``MKL_DEBUG_CPU_TYPE``               5 on AMD with AVX2, unless it is set; ``compat.mkl_on_amd``
SIGTERM                              as before Paddle's import; ``compat.termination``
packages that ppdet imports          SciPy, matplotlib, pandas, scikit-learn and requests at first
                                     use, Numba not at all; ``compat.postponed_imports``
Paddle's ``Adam`` and ``AdamW``      the step runs on one thread on a CPU; ``compat.adam_threads``
Paddle's ``DataLoader``              raises the errors of its processes where a batch is awaited,
                                     and they end with the program; ``ppdet_fixes.reader_errors``
processes forked from this one       never collect the garbage that it had (``gc.freeze``);
                                     ``ppdet_fixes.reader_errors``
``pycocotools.coco.COCO``            reads files as UTF-8; ``ppdet_fixes.text_files``
``PIL.ImageDraw.ImageDraw``          has ``textsize`` again; ``ppdet_fixes.pillow_textsize``
functions of ``ppdet``               replaced or changed in memory, each by a module of ``compat``
                                     (for this version of Paddle) or ``ppdet_fixes`` (for any)
``ppdet.slim.build_slim_model``      our factory, which knows MGD, TSKD and DKAN too;
                                     ``slim.factory.install``
ppdet's registry                     our losses, heads, backbones, transforms, and the sections of
                                     unlabelled images; ``MGDFeatureLoss`` takes the place of
                                     ppdet's, ``slim.losses.mgd_loss``
===================================  ==============================================================
"""
from .utils.missing_package import explained

with explained():
    from . import compat

    compat.apply()

    from . import ppdet_fixes

    ppdet_fixes.apply()

    from . import engine, metrics, modeling, slim
    from .data import unlabelled_images  # noqa: F401  (registers its sections)

__version__ = '0.1.0'
__all__ = ['engine', 'metrics', 'modeling', 'slim']

slim.install()
