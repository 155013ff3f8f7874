# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checks the sections, keys and values of a configuration."""
import inspect

import paddle
import ppdet.data.transform
import ppdet.optimizer.optimizer
from ppdet.core.config.schema import SchemaDict

from ..compat.named_classes import registered_classes
from .yaml_file import near_match

__all__ = ['ConfigError', 'check_keys', 'teacher_check_options']

# Top-level keys that ppdet or our tools read and that are no registered module.
PLAIN_KEYS = (
    'architecture', 'base_lr', 'base_metrics', 'bias', 'class_names', 'classwise',
    'custom_black_list', 'custom_white_list', 'cycle_epoch', 'ema_black_list', 'ema_decay',
    'ema_decay_type', 'ema_filter_no_grad', 'epoch', 'eval_height', 'eval_width', 'export',
    'filename', 'find_unused_parameters', 'freeze', 'amp_level', 'init_loss_scaling', 'IouType',
    'keep_checkpoints', 'log_iter', 'map_type', 'metric', 'num_classes', 'output_eval',
    'pretrain_weights', 'print_flops', 'print_params', 'save_dir', 'save_prediction_only', 'seed',
    'snapshot_epoch', 'teacher_weights', 'to_static', 'use_ema', 'use_fused_allreduce_gradients',
    'use_gpu', 'use_mlu', 'use_npu', 'use_vdl', 'use_xpu', 'vdl_images', 'vdl_log_dir', 'weights',
    'worker_num', 'TrainMOTDataset', 'EvalMOTDataset', 'TestMOTDataset', 'auto_scale_lr',
    'base_batch_size', 'check_teacher')
REQUIRED_KEYS = ('architecture', 'epoch', 'log_iter', 'metric', 'num_classes', 'save_dir',
                 'snapshot_epoch', 'worker_num')
# Whole numbers, with their minimum; those that are not required may be null.
WHOLE_NUMBERS = {'epoch': 1, 'log_iter': 1, 'num_classes': 1, 'snapshot_epoch': 1, 'worker_num': 0,
                 'keep_checkpoints': 1, 'seed': 0, 'base_batch_size': 1, 'vdl_images': 0}
PATHS = ('save_dir', 'pretrain_weights', 'weights', 'teacher_weights', 'output_eval', 'vdl_log_dir')
FLAGS = ('auto_scale_lr', 'use_ema', 'use_gpu', 'use_npu', 'use_xpu', 'use_mlu')
# What PaddleDetection reads of a reader beside the arguments of its constructor.
READER_KEYS = ('use_shared_memory', 'mixup_epoch', 'cutmix_epoch', 'mosaic_epoch', 'pre_img_epoch',
               'inputs_def', 'fuse_normalize')
METRICS = ('COCO', 'VOC', 'SNIPERCOCO', 'RBOX', 'WiderFace', 'MOTDet', 'MOT', 'ReID', 'KITTI',
           'MCMOT', 'KeyPointTopDownCOCOEval', 'KeyPointTopDownMPIIEval', 'Pose3DEval')
TEACHER_CHECK = {'images': 100, 'minimum_ap50': 0.3}  # options of check_teacher


class ConfigError(ValueError):
    """A section, key or value that cannot be meant so.

    Args:
        key (str): where it stands, sections and key joined by dots.
        message (str): what is wrong, the key included.
    """

    def __init__(self, key, message):
        super().__init__(message)
        self.key = key


def check_keys(cfg, modules):
    """Refuses sections and keys that nobody reads, and misses those that every run needs.

    Args:
        cfg (dict): ppdet's global configuration.
        modules (dict): every registered section, by name.

    Raises:
        ConfigError: names the section, the key and the near match.
    """
    shared = {key for module in modules.values() for key in getattr(module, 'shared', ())}
    known = {*modules, *PLAIN_KEYS, *shared}
    for name, section in cfg.items():
        if name not in known and not _is_anchor(section) and not _is_object(section):
            raise ConfigError(name, f'"{name}" is no section or key of a detection config'
                                    f'{near_match(name, known)}; correct or remove it')
        if isinstance(section, SchemaDict):
            _check_section(name, section, modules)
        elif name in modules and name not in shared and not _is_object(section):
            _check_replaced(name, section)
    for key in REQUIRED_KEYS:
        if key not in cfg:
            raise ConfigError(key, f'the config has no "{key}"; is a file missing in its _BASE_?')
    _check_values(cfg)
    _check_training(cfg)
    teacher_check_options(cfg)
    for key, known in (('architecture', modules), ('metric', METRICS)):
        _check_name(key, cfg[key], known)


def _check_values(cfg):
    for key, minimum in WHOLE_NUMBERS.items():
        if key in REQUIRED_KEYS or cfg.get(key) is not None:
            _check_whole_number(key, cfg[key], minimum)
    for key in PATHS:
        if not isinstance(cfg.get(key), (str, type(None))):
            raise ConfigError(key, f'{key} is a path, got {cfg[key]!r}')
    for key in FLAGS:
        if not isinstance(cfg.get(key, False), bool):
            raise ConfigError(key, f'{key} is true or false, got {cfg[key]!r}')


def _check_whole_number(key, value, minimum):
    if type(value) is not int or value < minimum:
        raise ConfigError(key, f'{key} is a whole number from {minimum}, got {value!r}')


def _check_name(key, name, known):
    if not isinstance(name, str) or name not in known:
        raise ConfigError(key, f'{key}: unknown name "{name}"{near_match(name, known)}')


def _check_training(cfg):
    rate = (cfg.get('LearningRate') or {}).get('base_lr', 0.01)
    if type(rate) not in (int, float) or not 0 < rate < float('inf'):
        raise ConfigError('LearningRate.base_lr',
                          f'LearningRate.base_lr is a number above 0, got {rate!r}')
    optimizer = ((cfg.get('OptimizerBuilder') or {}).get('optimizer') or {}).get('type', 'Momentum')
    _check_name('OptimizerBuilder.optimizer.type', optimizer, paddle.optimizer.__all__)


def teacher_check_options(cfg):
    """Reads the key ``check_teacher``.

    Args:
        cfg (dict): the configuration.

    Returns:
        dict or None: ``images`` to evaluate and ``minimum_ap50``; None where it is false.

    Raises:
        ConfigError: no such option, or a value out of its range.
    """
    value = cfg.get('check_teacher', True)
    if isinstance(value, bool):
        return dict(TEACHER_CHECK) if value else None
    if not isinstance(value, dict):
        raise ConfigError('check_teacher', f'check_teacher is true, false or a mapping of '
                                           f'{", ".join(TEACHER_CHECK)}, got {value!r}')
    _check_options('check_teacher', value, TEACHER_CHECK)
    options = {**TEACHER_CHECK, **value}
    _check_whole_number('check_teacher.images', options['images'], 1)
    minimum = options['minimum_ap50']
    if type(minimum) not in (int, float) or not 0 <= minimum <= 1:
        raise ConfigError('check_teacher.minimum_ap50', f'check_teacher.minimum_ap50 is a number '
                                                        f'from 0 to 1, got {minimum!r}')
    return options


def _is_anchor(value):
    """PaddleDetection's YAMLs keep lists under names of their own, to refer to them as *anchor."""
    return isinstance(value, (list, tuple))


def _is_object(value):
    """What a YAML writes with a tag, such as ``TrainDataset: !COCODataSet``, is built already."""
    return hasattr(value, '__dict__') and not isinstance(value, SchemaDict)


def _check_replaced(name, value):
    """Checks what stands in the place of a section; a data set may be null, for none."""
    if value is not None or not name.endswith('Dataset'):
        raise ConfigError(name, f'{name} is a section of "key: value" lines, got {value!r}; to set '
                                f'one of its keys, write {name}.KEY=VALUE after -o')


def _check_section(name, section, modules):
    if name.endswith('Reader'):
        _check_reader(name, section)
    elif section.strict:
        _check_options(name, section, section.schema)
    if name.endswith('Dataset') and 'name' in section:
        _check_named(name, section, modules)
    for key in section.inject:
        if isinstance(section.get(key), dict) and 'name' in section[key]:
            _check_named(f'{name}.{key}', section[key], modules)
    if name == 'LearningRate':
        for scheduler in _list_of_mappings(f'{name}.schedulers', section.get('schedulers')):
            options = {k: v for k, v in scheduler.items() if k != 'name'}
            _check_class(f'{name}.schedulers', ppdet.optimizer.optimizer, scheduler.get('name'),
                         options)


def _check_reader(name, section):
    _check_options(name, section, (*section.schema, *READER_KEYS))
    _check_whole_number(f'{name}.batch_size', section.get('batch_size', 1), 1)
    for key in ('sample_transforms', 'batch_transforms'):
        for transform in _list_of_mappings(f'{name}.{key}', section.get(key)):
            for operator, options in transform.items():
                _check_class(f'{name}.{key}', ppdet.data.transform, operator, options)


def _list_of_mappings(key, value):
    if not isinstance(value, (list, tuple, type(None))):
        raise ConfigError(key, f'{key} is a list, each entry beginning with a dash, got {value!r}')
    # Schedulers may be objects, which a YAML writes with tags.
    return [entry for entry in value or () if isinstance(entry, dict)]


def _check_named(where, content, modules):
    """Checks ``{name: Class, option: value ...}`` against a registered class."""
    _check_name(where, content['name'], modules)
    module = modules[content['name']]
    if module.strict:
        _check_options(where, content, ('name', *module.schema))


def _check_class(where, module, name, options):
    """Checks options against the constructor of a class of ``module``."""
    known = registered_classes(module)
    _check_name(where, name, known)
    parameters = inspect.signature(known[name]).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        _check_options(f'{where}: {name}', options or (), parameters)


def _check_options(where, options, known):
    if options and not isinstance(options, dict):
        raise ConfigError(where, f'{where} takes "key: value" pairs, got {options!r}; its keys: '
                                 f'{", ".join(known)}')
    for key in options:
        if key not in known:
            raise ConfigError(f'{where}.{key}', f'{where}: unknown key "{key}"'
                                                f'{near_match(key, known)}; known: '
                                                f'{", ".join(known)}')
