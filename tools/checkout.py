# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Finds ``ppdet_ext`` and ``deploy`` beside the tools; every tool imports this before them.

A tool thus uses the packages of its own checkout, even if others are installed. Importing
``ppdet_ext`` imports Paddle, which takes seconds that ``--help`` and the preparation of data need
not spend: here the package is only located, so that modules which need no Paddle can be imported,
and ``load`` executes it.
"""
import importlib.util
import os
import sys

__all__ = ['CONFIGS', 'TOOLS', 'load']

TOOLS = os.path.dirname(os.path.abspath(__file__))
CONFIGS = os.path.join(os.path.dirname(TOOLS), 'configs')
PACKAGES = ('ppdet_ext', 'deploy')


class _NotYet:
    """Refuses Paddle before the package is loaded, whose patches would come too late."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ('paddle', 'ppdet'):
            raise ImportError(f'{name} is imported before checkout.load() is called')


def load():
    """Runs ``ppdet_ext``, which imports Paddle; a second call does nothing.

    Raises:
        ImportError: something that it needs is missing; the message says what to install.
    """
    if _NotYet in sys.meta_path:
        sys.meta_path.remove(_NotYet)
        for name in PACKAGES:
            package = sys.modules[name]
            package.__spec__.loader.exec_module(package)


if 'ppdet_ext' not in sys.modules:
    for _name in PACKAGES:
        _folder = os.path.join(os.path.dirname(TOOLS), _name)
        _specification = importlib.util.spec_from_file_location(
            _name, os.path.join(_folder, '__init__.py'), submodule_search_locations=[_folder])
        sys.modules[_name] = importlib.util.module_from_spec(_specification)
    sys.meta_path.insert(0, _NotYet)
    from ppdet_ext.utils.missing_package import explain

    explain()
