# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The registry of distillation methods."""
import contextlib

import ppdet.slim
from ppdet.core.workspace import global_config, merge_config
from ppdet.slim import build_slim_model as ppdet_build_slim_model

from ..config.run_config import RunConfig
from ..config.scope import SlimConfig
from ..config.yaml_file import check_bases, read_yaml
from ..utils.error_text import is_ours, summary
from ..utils.suggest import did_you_mean

__all__ = ['register_distill_method', 'distill_methods', 'read_slim_config', 'prepare_reader',
           'build_slim_model', 'install']

# ppdet's own values of slim_method; without the key it builds its common DistillModel.
PPDET_METHODS = ('FGD', 'CWD', 'LD', 'PPYOLOEDistill')
# Keys of a slim YAML that only ppdet's own methods read.
PPDET_KEYS = ('distill_loss', 'distill_loss_name')
# ppdet's own values of slim.
SLIMS = ('Distill', 'DistillPrune', 'OFA', 'PTQ', 'Pruner', 'PrunerQAT', 'QAT',
         'UnstructuredPruner')
_methods = {}


def register_distill_method(name):
    """Class decorator that makes a distillation model available as ``slim_method: name``.

    If PaddleDetection has a method of this name, the class is built only if the slim YAML lists
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


def read_slim_config(path, content=None):
    """Reads a slim YAML, before any model is built.

    Args:
        path (str): the slim YAML.
        content (dict|None): of the file, if it has already been read.

    Returns:
        SlimConfig or None: None for what PaddleDetection itself builds, including FGD, CWD and LD
        if the YAML lists no ``distill_losses``.

    Raises:
        ValueError: no ``slim`` key, an unknown ``slim_method``, a key that the method does not
            read, or a mixture of keys for PaddleDetection and for this project.
    """
    content = read_yaml(path) if content is None else content
    if 'slim' not in content:
        raise ValueError(f'{path}: the key "slim" is missing (for distillation: "slim: Distill")')
    if content['slim'] not in SLIMS:
        raise ValueError(f'{path}: unknown slim "{content["slim"]}"'
                         f'{did_you_mean(content["slim"], SLIMS)}; known: {", ".join(SLIMS)}')
    _check_method(path, content)
    model = _own_model(content)
    return SlimConfig(path, model.method_keys, content) if model else None


def prepare_reader(slim, cfg):
    """Makes the training reader provide what a distillation needs; see ``ConfiguredDistillModel``.

    Args:
        slim (SlimConfig): the slim YAML.
        cfg (dict): ppdet's global configuration; ``TrainReader`` may be changed.

    Raises:
        ValueError: an invalid entry, or a reader that cannot give it.
    """
    _own_model(slim.content).prepare_reader(cfg, slim)


def build_slim_model(cfg, slim_config, mode='train', options=None):
    """Builds the model a slim YAML asks for and puts it into the configuration.

    Replaces ``ppdet.slim.build_slim_model``; everything but the methods registered here is passed
    on to it, which merges the slim YAML and its base into ppdet's global configuration.

    Args:
        cfg (RunConfig|dict): the student's configuration, as :func:`load_run_config` has completed
            it with the slim YAML, or ppdet's global one, which is completed here.
        slim_config (SlimConfig|str): the slim YAML, as :func:`read_slim_config` has read it, or
            its path.
        mode (str): ``train``, ``eval`` or ``test``. A distilled student is evaluated as itself,
            so only ``train`` builds the distillation model.
        options (dict|None): what was given with ``-o``; overrides what PaddleDetection merges.

    Returns:
        dict: with ``model``, ``slim`` and ``slim_type``: ``cfg`` itself, or a copy of a RunConfig.

    Raises:
        ValueError: as ``read_slim_config``, the model cannot be built, or it does not read the
            ``teacher_weights`` that the configuration has.
    """
    slim = slim_config if isinstance(slim_config, SlimConfig) else read_slim_config(slim_config)
    if slim is None:
        return _build_of_ppdet(cfg, slim_config, mode, options)
    if mode != 'train':
        return cfg
    if slim is not slim_config:
        slim.merge_into(cfg)
        prepare_reader(slim, cfg)
    result = cfg.copy() if isinstance(cfg, RunConfig) else cfg
    result['model'] = _own_model(slim.content)(result, slim)
    result['slim'] = result['slim_type'] = 'Distill'
    return result


def _build_of_ppdet(cfg, path, mode, options):
    if mode == 'train' or read_yaml(path)['slim'] != 'Distill':
        check_bases(path)
    if mode == 'train' and cfg.get('teacher_weights'):
        raise ValueError(f'{path} is built by PaddleDetection itself, which does not read '
                         f'teacher_weights; remove it, and set pretrain_weights in {path}')
    loaded = isinstance(cfg, RunConfig)
    with _named(path):
        built = ppdet_build_slim_model(global_config if loaded else cfg, path, mode)
    return merge_config(options or {}).copy() if loaded else built


def _own_model(content):
    """class or None: the model class of a distillation; None for PaddleDetection's own."""
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
