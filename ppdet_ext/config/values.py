# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What the values of a configuration may be."""
import math
from typing import Callable, NamedTuple

from ppdet.core.config.schema import SchemaDict

__all__ = ['ConfigError', 'check_value', 'check_values', 'is_number', 'whole', 'FLAG',
           'NOT_NEGATIVE', 'NUMBER', 'SHARE']


class ConfigError(ValueError):
    """A section, key or value that cannot be meant so.

    Args:
        key (str): where it stands, sections and key joined by dots.
        message (str): what is wrong, the key included.
    """

    def __init__(self, key, message):
        super().__init__(message)
        self.key = key


class Kind(NamedTuple):
    """What a value is in words, and the function that tells whether one is that."""
    words: str
    fits: Callable


def is_number(value):
    """bool: a finite int or float."""
    return type(value) in (int, float) and math.isfinite(value)


def whole(minimum, maximum=math.inf):
    """Kind: a whole number in a range."""
    words = f'a whole number from {minimum}' + (f' to {maximum}' if maximum < math.inf else '')
    return Kind(words, lambda value: type(value) is int and minimum <= value <= maximum)


def optional(kind):
    """Kind: the same, or null."""
    return Kind(kind.words, lambda value: value is None or kind.fits(value))


def one_of(*names):
    """Kind: one of these texts."""
    return Kind(f'one of {", ".join(names)}', lambda value: value in names)


def entries(example):
    """Kind: a list of mappings; a YAML may write an entry with a tag, which makes it an object."""
    return Kind(f'a list of entries like "- {example}"', lambda value: (
        isinstance(value, (list, tuple)) and
        all(isinstance(entry, dict) or hasattr(entry, '__dict__') for entry in value)))


def filled(kind):
    """Kind: the same, and not empty."""
    return Kind(kind.words, lambda value: kind.fits(value) and len(value) > 0)


def _is_regularizer(value):
    return not value or value == 'None' or (
        isinstance(value, dict) and set(value) == {'type', 'factor'} and
        value['type'] in ('L1', 'L2') and is_number(value['factor']))


NUMBER = Kind('a number', is_number)
POSITIVE = Kind('a number above 0', lambda value: is_number(value) and value > 0)
NOT_NEGATIVE = Kind('a number from 0', lambda value: is_number(value) and value >= 0)
SHARE = Kind('a number from 0 to 1', lambda value: is_number(value) and 0 <= value <= 1)
FLAG = Kind('true or false', lambda value: isinstance(value, bool))
PATH = Kind('a path', lambda value: isinstance(value, str))
NAMES = Kind('a list of names', lambda value: (
    isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)))
FIRST_EPOCHS = whole(-1)  # -1 for none

VALUES = {
    **dict.fromkeys(('epoch', 'log_iter', 'num_classes', 'snapshot_epoch'), whole(1)),
    **dict.fromkeys(('keep_checkpoints', 'base_batch_size'), optional(whole(1))),
    'seed': optional(whole(0, 2**32 - 1)),  # NumPy's
    'vdl_images': optional(whole(0)),
    'image_maximum': optional(whole(1, 2**16 - 1)),  # of images with 16 bits a channel
    'font': optional(PATH),
    'worker_num': whole(0, 1000),  # processes
    **dict.fromkeys(('save_dir', 'vdl_log_dir'), PATH),
    **dict.fromkeys(('pretrain_weights', 'weights', 'teacher_weights', 'output_eval'),
                    optional(PATH)),
    **dict.fromkeys(('auto_scale_lr', 'use_ema', 'use_gpu', 'use_npu', 'use_xpu', 'use_mlu',
                     'use_vdl', 'save_prediction_only', 'bias', 'find_unused_parameters',
                     'print_flops', 'print_params', 'ema_filter_no_grad'), FLAG),
    'filename': Kind('a name', lambda value: isinstance(value, str)),
    'class_names': optional(NAMES),
    'ema_decay': SHARE,
    'cycle_epoch': whole(-1),
    'ema_decay_type': one_of('threshold', 'normal', 'exponential'),
}
# By the end of the section's name.
SECTION_VALUES = {
    'Reader': {
        'batch_size': whole(1),
        **dict.fromkeys(('shuffle', 'drop_last', 'collate_batch', 'use_shared_memory'), FLAG),
        **dict.fromkeys(('mixup_epoch', 'cutmix_epoch', 'mosaic_epoch', 'pre_img_epoch'),
                        FIRST_EPOCHS),
        'sample_transforms': filled(entries('Decode: {}')),
        'batch_transforms': entries('PadBatch: {pad_to_stride: 32}'),
    },
    'Dataset': dict.fromkeys(('dataset_dir', 'image_dir', 'anno_path'), optional(PATH)),
    'LearningRate': {'base_lr': POSITIVE, 'schedulers': filled(entries('name: CosineDecay'))},
    'OptimizerBuilder': {
        'clip_grad_by_norm': optional(POSITIVE),
        'clip_grad_by_value': optional(NUMBER),
        'regularizer': Kind('{type: L1 or L2, factor: NUMBER} or false', _is_regularizer),
        'optimizer': Kind('a mapping like {type: Momentum, momentum: 0.9}', lambda value: (
            isinstance(value, dict) and 'type' in value)),
    },
}


def check_value(key, value, kind):
    """Refuses a value of another kind.

    Raises:
        ConfigError: names key, kind and value.
    """
    if not kind.fits(value):
        raise ConfigError(key, f'{key} is {kind.words}, got {value!r}')


def check_values(cfg):
    """Refuses values of which no run could make sense.

    Args:
        cfg (dict): ppdet's global configuration.

    Raises:
        ConfigError: names the key, what it is and what it got.
    """
    for key, kind in VALUES.items():
        if key in cfg:
            check_value(key, cfg[key], kind)
    for name, section in cfg.items():
        for end, kinds in SECTION_VALUES.items():
            if isinstance(section, SchemaDict) and name.endswith(end):
                for key in kinds.keys() & section.keys():
                    check_value(f'{name}.{key}', section[key], kinds[key])
    names = cfg.get('class_names')
    if names and len(names) != cfg['num_classes']:
        raise ConfigError('class_names', f'class_names has {len(names)} names, but num_classes is '
                                         f'{cfg["num_classes"]}; give -o num_classes={len(names)}, '
                                         f'or name all classes')
