# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Checks the sections and keys of a configuration."""
from ppdet.core.config.schema import SchemaDict

from ..utils.options import FRACTION, ConfigError, check_options, integer
from ..utils.suggest import did_you_mean

__all__ = ['check_keys', 'check_name', 'teacher_check_options']

# Top-level keys that ppdet or our tools read and that are not a registered module.
PLAIN_KEYS = (
    'amp', 'architecture', 'base_metrics', 'base_weights', 'bias', 'class_names', 'classwise',
    'custom_black_list', 'custom_white_list', 'cycle_epoch', 'ema_black_list', 'ema_decay',
    'ema_decay_type', 'ema_filter_no_grad', 'epoch', 'eval_height', 'eval_width', 'export',
    'filename', 'find_unused_parameters', 'fleet', 'font', 'freeze', 'amp_level', 'image_maximum',
    'init_loss_scaling', 'IouType',
    'keep_checkpoints', 'log_iter', 'map_type', 'metric', 'num_classes', 'output_eval',
    'pretrain_weights', 'print_flops', 'print_params', 'save_dir', 'save_prediction_only', 'seed',
    'snapshot_epoch', 'teacher_weights', 'to_static', 'use_ema', 'use_fused_allreduce_gradients',
    'use_gpu', 'use_mlu', 'use_npu', 'use_vdl', 'use_xpu', 'vdl_images', 'vdl_log_dir', 'weights',
    'worker_num', 'TrainMOTDataset', 'EvalMOTDataset', 'TestMOTDataset', 'auto_scale_lr',
    'base_batch_size', 'check_teacher')
LIST_KEYS = ('class_names', 'custom_black_list', 'custom_white_list', 'ema_black_list', 'freeze')
REQUIRED_KEYS = ('architecture', 'epoch', 'log_iter', 'metric', 'num_classes', 'save_dir',
                 'snapshot_epoch', 'worker_num')
# What PaddleDetection reads from a reader's section besides the constructor's arguments.
READER_KEYS = ('use_shared_memory', 'mixup_epoch', 'cutmix_epoch', 'mosaic_epoch', 'pre_img_epoch',
               'inputs_def', 'fuse_normalize')
METRICS = ('COCO', 'VOC', 'SNIPERCOCO', 'RBOX', 'WiderFace', 'MOTDet', 'MOT', 'ReID', 'KITTI',
           'MCMOT', 'KeyPointTopDownCOCOEval', 'KeyPointTopDownMPIIEval', 'Pose3DEval')
# Options of check_teacher, and their defaults.
TEACHER_CHECK = {'images': integer(1), 'minimum_ap50': FRACTION}
TEACHER_CHECK_DEFAULTS = {'images': 100, 'minimum_ap50': 0.3}


def check_keys(cfg, modules, options=(), others=()):
    """Refuses sections and keys that are never read, and requires those that every run needs.

    Args:
        cfg (dict): ppdet's global configuration.
        modules (dict): every registered section, by name.
        options (iterable of str): the sections and keys given with ``-o``.
        others (iterable of str): further top-level keys that are allowed.

    Raises:
        ConfigError: names the section, the key and the near match.
    """
    shared = {key for module in modules.values() for key in getattr(module, 'shared', ())}
    known = {*modules, *PLAIN_KEYS, *shared, *others}
    for name, section in cfg.items():
        anchor = name not in options and _is_anchor(name, section, cfg)
        if name not in known and not anchor and not _is_object(section):
            raise ConfigError(name, f'"{name}" is not a section or key of a detection config'
                                    f'{_meant(name, known, cfg)}; correct or remove it')
        if isinstance(section, SchemaDict):
            _check_section(name, section, modules)
        elif name in modules and name not in shared and not _is_object(section):
            # A data set may be null, for none.
            if section is not None or not name.endswith('Dataset'):
                raise ConfigError(name, f'{name} must be a section of "key: value" lines, got '
                                        f'{section!r}; to set one of its keys, write '
                                        f'{name}.KEY=VALUE after -o')
    for key in REQUIRED_KEYS:
        if key not in cfg:
            raise ConfigError(key, f'the config has no "{key}"; is a file missing in its _BASE_?')
    teacher_check_options(cfg)
    for key, names in (('architecture', modules), ('metric', METRICS)):
        check_name(key, cfg[key], names)


def _is_anchor(name, value, cfg):
    """bool: a list under a name of its own, as PaddleDetection's YAMLs keep to refer to *name.

    Under the name of a section's key, or nearly that of a list, only where it is referred to.
    """
    sections = _sections_with(name, cfg)
    values = [cfg[section].get(name) for section in sections] + [cfg.get(key) for key in LIST_KEYS]
    return isinstance(value, (list, tuple)) and (
        value in values or not (sections or did_you_mean(name, LIST_KEYS)))


def _meant(name, known, cfg):
    """str: the section that has such a key, or else the near match."""
    sections = _sections_with(name, cfg)
    return f' (did you mean "{sections[0]}.{name}"?)' if sections else did_you_mean(name, known)


def _sections_with(name, cfg):
    return [section for section, content in cfg.items()
            if isinstance(content, SchemaDict) and content and name in content.schema]


def check_name(key, name, known):
    """Refuses an unknown name.

    Raises:
        ConfigError: suggests the nearest name, or lists all if they are few.
    """
    if not isinstance(name, str) or name not in known:
        names = f'; known: {", ".join(sorted(known))}' if len(known) < 20 else ''
        raise ConfigError(key, f'{key}: unknown name "{name}"{did_you_mean(name, known) or names}')


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
        return dict(TEACHER_CHECK_DEFAULTS) if value else None
    if not isinstance(value, dict):
        raise ConfigError('check_teacher', f'check_teacher must be true, false or a mapping of '
                                           f'{", ".join(TEACHER_CHECK)}, got {value!r}')
    check_options('check_teacher', value, TEACHER_CHECK)
    return {**TEACHER_CHECK_DEFAULTS, **value}


def _is_object(value):
    """bool: built by a tag of the YAML, such as ``TrainDataset: !COCODataSet``."""
    return hasattr(value, '__dict__') and not isinstance(value, SchemaDict)


def _check_section(name, section, modules):
    if name.endswith('Reader'):
        check_options(name, section, (*section.schema, *READER_KEYS))
    elif section.strict:
        check_options(name, section, section.schema)
    if name.endswith('Dataset') and 'name' in section:
        _check_named(name, section, modules)
    for key in section.inject:
        if isinstance(section.get(key), dict) and 'name' in section[key]:
            _check_named(f'{name}.{key}', section[key], modules)


def _check_named(where, content, modules):
    """Checks ``{name: Class, option: value ...}`` against a registered class."""
    check_name(where, content['name'], modules)
    module = modules[content['name']]
    if module.strict:
        check_options(where, content, ('name', *module.schema))
