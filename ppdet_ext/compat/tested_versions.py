# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Which versions of Paddle the package is tested with, and which one is installed.

``pip install -e .`` keeps an installed Paddle, so that any version may be in use.
It is logged at import, to the logger ``ppdet_ext``: as one warning where the
version is untested, else for debugging only, since Paddle shows all messages of level INFO.
"""
import logging

__all__ = ['TESTED', 'log_version', 'describe']

TESTED = ('2.6.2', '3.0.0', '3.1.1', '3.2.2', '3.3.1')


def _series(version):
    return version.split('.')[:2]


def describe(version):
    """tuple: whether a release of this series is tested; a line with this and the tested ones."""
    is_tested = _series(version) in map(_series, TESTED)
    return is_tested, (f'PaddlePaddle {version} is installed; ppdet_ext is tested with '
                       f'{", ".join(TESTED)}, on CPUs')


def log_version():
    """Say once which Paddle is installed and which ones are tested."""
    import paddle

    is_tested, text = describe(paddle.__version__)
    logger = logging.getLogger('ppdet_ext')
    if is_tested:
        logger.debug(text)
    elif paddle.distributed.ParallelEnv().rank == 0:
        logger.warning(f'{text}. It may work; if not, see docs/compatibility.md')
