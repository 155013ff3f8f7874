# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Loads the configuration of a run."""
import contextlib

import paddle
from ppdet.core.workspace import (
    get_registered_modules,
    global_config,
    load_config,
    merge_config,
)

from ..utils.options import ConfigError
from .builds import check_builds
from .keys import check_keys
from .run_config import RunConfig
from .values import check_values
from .yaml_file import check_bases, read_yaml, yaml_files

__all__ = ['load_run_config', 'load_teacher_config', 'clear_config', 'choose_device']

DEVICES = ('gpu', 'npu', 'xpu', 'mlu')
_sections = {}  # every section ever registered, by name


def load_run_config(path, options=None, slim=None, prepare=()):
    """Loads a YAML with its ``_BASE_`` chain, merges further settings and checks every key.

    Nothing remains of a run that this process configured before. The result is read-only.

    Args:
        path (str): the YAML given with ``-c``.
        options (dict|None): what was given with ``-o``; takes precedence over everything else.
        slim (SlimConfig|None): the slim YAML, after which the run is named; its training keys take
            precedence over the YAML's. With ``auto_scale_lr``, the batch size that they or the YAML
            set becomes ``base_batch_size``, unless that is set itself.
        prepare (iterable of callable): functions that complete the checked configuration before it
            is frozen; each is called with ppdet's global configuration.

    Returns:
        RunConfig: the configuration.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an unknown section or key, or an invalid value; the message names
            the file, or ``-o``, and the near match.
    """
    check_bases(path)
    if 'slim' in read_yaml(path):
        raise ValueError(f'{path} is a slim YAML; give it with --slim_config, and the YAML of the '
                         f'detector with -c')
    clear_config()
    cfg = load_config(path)
    if slim:
        slim.merge_into(cfg)
    reader = cfg.get('TrainReader')
    base_batch = reader.get('batch_size') if isinstance(reader, dict) else None
    merge_config(options or {})
    if cfg.get('auto_scale_lr') and base_batch:
        cfg.setdefault('base_batch_size', base_batch)
    with _naming_the_origin(path, {'-o': options, '--slim_config': slim and slim.training}):
        check_keys(cfg, _sections, options or ())
        check_values(cfg)
        choose_device(cfg)
        check_builds(cfg)
    for complete in prepare:
        complete(cfg)
    return RunConfig(cfg)


def load_teacher_config(path):
    """Loads a YAML with its ``_BASE_`` chain and checks every key.

    Args:
        path (str): the teacher's YAML, or a slim YAML, whose own top-level keys were checked.

    Returns:
        dict: ppdet's global configuration.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an unknown section or key; the message names the file and the near match.
    """
    check_bases(path)
    clear_config()
    cfg = load_config(path)
    with _naming_the_origin(path):
        check_keys(cfg, _sections, others=read_yaml(path))
    return cfg


@contextlib.contextmanager
def _naming_the_origin(path, sources=()):
    try:
        yield
    except ConfigError as error:
        raise ValueError(f'{_origin(error.key, dict(sources), path)}: {error}') from error


def _origin(key, sources, path):
    """str: which of the sources, or file of the YAML's chain, has set a key; else the YAML."""
    keys = key.partition(':')[0].split('.')
    for depth in range(len(keys), 0, -1):
        for name, content in sources.items():
            if _holds(content, keys[:depth]):
                return name
        for file in yaml_files(path):
            if _holds(read_yaml(file), keys[:depth]):
                return file
    return path


def _holds(content, keys):
    for key in keys:
        if not isinstance(content, dict) or key not in content:
            return False
        content = content[key]
    return True


def clear_config():
    """Empties ppdet's global configuration: every registered section is there, without values."""
    _sections.update(get_registered_modules())
    for name in list(global_config):
        if name in _sections:
            # A copy, since a Trainer may still hold the section itself. It may have been replaced:
            # a YAML's "TrainDataset: !COCODataSet" puts an object there.
            global_config[name] = _sections[name].copy()
            global_config[name].clear()
        else:
            del global_config[name]


def choose_device(cfg):
    """Selects the device; without ``use_gpu`` in the config a GPU is used where there is one.

    Raises:
        ConfigError: ``use_gpu: true`` where this Paddle sees no GPU.
    """
    has_gpu = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if cfg.setdefault('use_gpu', has_gpu) and not has_gpu:
        raise ConfigError('use_gpu', 'use_gpu is true, but this Paddle sees no GPU; install '
                                     'paddlepaddle-gpu, or give -o use_gpu=false')
    for device in DEVICES[1:]:
        cfg.setdefault(f'use_{device}', False)
    chosen = [device for device in DEVICES if cfg[f'use_{device}']]
    paddle.set_device(chosen[0] if chosen else 'cpu')
