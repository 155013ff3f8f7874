# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Which class builds which distillation method."""
import contextlib

import ppdet.slim
from ppdet.slim import build_slim_model as ppdet_build_slim_model

from ..config.scope import SlimConfig
from ..config.yaml_file import check_bases, read_yaml
from ..utils.error_text import is_ours, summary
from ..utils.suggest import did_you_mean

__all__ = ['register_distill_method', 'distill_methods', 'training_keys', 'build_slim_model',
           'install']

# ppdet's own values of slim_method; without the key it builds its common DistillModel.
PPDET_METHODS = ('FGD', 'CWD', 'LD', 'PPYOLOEDistill')
# What ppdet's own methods read of a slim YAML, and those here do not.
PPDET_KEYS = ('distill_loss', 'distill_loss_name')
# ppdet's own values of slim.
SLIMS = ('Distill', 'DistillPrune', 'OFA', 'PTQ', 'Pruner', 'PrunerQAT', 'QAT',
         'UnstructuredPruner')
_methods = {}


def register_distill_method(name):
    """Class decorator that makes a distillation model available as ``slim_method: name``.

    Under a name of PaddleDetection's own methods it is built where the slim YAML lists
    ``distill_losses``.

    Args:
        name (str): the value of ``slim_method`` in the slim YAML.

    Raises:
        ValueError: another class has the name already.
    """

    def register(cls):
        if name in _methods:
            raise ValueError(f'slim_method "{name}" is registered already; choose another name '
                             f'for {cls.__name__}')
        cls.method_name = name
        _methods[name] = cls
        return cls

    return register


def distill_methods():
    """list of str: every known value of ``slim_method``."""
    return sorted({*_methods, *PPDET_METHODS})


def training_keys(slim_config_path):
    """Reads what a slim YAML sets for the training run itself, before any model is built.

    Args:
        slim_config_path (str): the slim YAML.

    Returns:
        dict: these keys; none for what PaddleDetection itself builds.

    Raises:
        ValueError: an unknown key, and the errors of ``build_slim_model`` on ``slim_method``.
    """
    content = read_yaml(slim_config_path)
    _check_method(slim_config_path, content)
    model = _own_model(content)
    return SlimConfig(slim_config_path, model.method_keys).training if model else {}


def build_slim_model(cfg, slim_config_path, mode='train'):
    """Builds the model a slim YAML asks for and puts it into the configuration.

    Replaces ``ppdet.slim.build_slim_model``; everything but the methods registered here is passed
    on to it, and so are FGD, CWD and LD where the YAML lists no ``distill_losses``.

    Args:
        cfg (dict): ppdet's global configuration, holding the student's YAML.
        slim_config_path (str): the slim YAML.
        mode (str): ``train``, ``eval`` or ``test``. A distilled student is evaluated as itself,
            so only ``train`` builds the distillation model.

    Returns:
        dict: ``cfg``, with ``model``, ``slim`` and ``slim_type`` set.

    Raises:
        ValueError: no ``slim`` key, an unknown ``slim_method``, or keys of which some are for
            PaddleDetection and some for this project.
    """
    content = read_yaml(slim_config_path)
    if 'slim' not in content:
        raise ValueError(f'{slim_config_path}: the key "slim" is missing (for distillation: '
                         f'"slim: Distill")')
    if content['slim'] not in SLIMS:
        raise ValueError(f'{slim_config_path}: unknown slim "{content["slim"]}"'
                         f'{did_you_mean(content["slim"], SLIMS)}; known: {", ".join(SLIMS)}')
    _check_method(slim_config_path, content)
    model = _own_model(content)
    if model is None:
        if mode == 'train' or content['slim'] != 'Distill':
            check_bases(slim_config_path)
        with _named(slim_config_path):
            return ppdet_build_slim_model(cfg, slim_config_path, mode)
    if mode == 'train':
        cfg['model'] = model(cfg, slim_config_path)
        cfg['slim'] = cfg['slim_type'] = 'Distill'
    return cfg


def _own_model(content):
    """class or None: what builds a distillation here; None for PaddleDetection's own."""
    method = str(content.get('slim_method'))
    if content.get('slim') != 'Distill' or (
            method in PPDET_METHODS and 'distill_losses' not in content):
        return None
    return _methods.get(method)


def _check_method(path, content):
    """Refuses an unknown method, and terms of this project in a YAML of PaddleDetection's own."""
    method = content.get('slim_method')
    if content.get('slim') != 'Distill':
        return
    if method is not None and method not in distill_methods():
        raise ValueError(f'{path}: unknown slim_method "{method}"'
                         f'{did_you_mean(method, distill_methods())}; known: '
                         f'{", ".join(distill_methods())}')
    if 'distill_losses' not in content:
        return
    if method not in _methods:
        raise ValueError(f'{path}: distill_losses is built by the methods of ppdet_ext, and '
                         f'slim_method is {method or "missing"}; set it to one of '
                         f'{", ".join(sorted(_methods))}')
    both = [key for key in PPDET_KEYS if key in content]
    if both:
        raise ValueError(f'{path}: distill_losses asks for the {method} of ppdet_ext, '
                         f'{" and ".join(both)} for PaddleDetection\'s own; delete one of them')


@contextlib.contextmanager
def _named(slim_config_path):
    """Names the slim YAML in errors of PaddleDetection's own builder, which does not check it."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (OSError, ImportError)) or is_ours(error):
            raise
        raise ValueError(f'{slim_config_path}: PaddleDetection cannot build it with this detector '
                         f'({summary(error)}); is a section missing, or the detector not one that '
                         f'it supports?') from error


def install():
    """Makes PaddleDetection's own tools build with this factory."""
    ppdet.slim.build_slim_model = build_slim_model
