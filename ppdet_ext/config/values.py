# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What the values of a configuration may be."""
from ppdet.core.config.schema import SchemaDict

from ..utils.options import (
    FLAG,
    FRACTION,
    NAMES,
    NUMBER,
    PATH,
    POSITIVE,
    ConfigError,
    Kind,
    check_value,
    entries,
    filled,
    integer,
    is_number,
    one_of,
    optional,
)

__all__ = ['check_values']


def _is_regularizer(value):
    return not value or value == 'None' or (
        isinstance(value, dict) and set(value) == {'type', 'factor'} and
        value['type'] in ('L1', 'L2') and is_number(value['factor']))


FIRST_EPOCHS = integer(-1)  # -1 for none

VALUES = {
    **dict.fromkeys(('epoch', 'log_iter', 'num_classes', 'snapshot_epoch'), integer(1)),
    **dict.fromkeys(('keep_checkpoints', 'base_batch_size'), optional(integer(1))),
    'seed': optional(integer(0, 2**32 - 1)),  # NumPy's
    'vdl_images': integer(0),
    'image_maximum': optional(integer(1, 2**16 - 1)),  # of images with 16 bits per channel
    'font': optional(PATH),
    'worker_num': integer(0, 1000),  # processes
    **dict.fromkeys(('save_dir', 'vdl_log_dir'), PATH),
    **dict.fromkeys(('pretrain_weights', 'weights', 'teacher_weights', 'output_eval',
                     'base_weights'), optional(PATH)),
    **dict.fromkeys(('amp', 'fleet', 'auto_scale_lr', 'use_ema', 'use_gpu', 'use_npu', 'use_xpu',
                     'use_mlu', 'use_vdl', 'save_prediction_only', 'bias', 'find_unused_parameters',
                     'print_flops', 'print_params', 'ema_filter_no_grad', 'classwise'), FLAG),
    'filename': Kind('a name', lambda value: isinstance(value, str)),
    'class_names': optional(NAMES),
    'ema_decay': FRACTION,
    'cycle_epoch': integer(-1),
    'amp_level': one_of('O0', 'OD', 'O1', 'O2'),
    'map_type': one_of('11point', 'integral'),
    'norm_type': optional(one_of('bn', 'sync_bn', 'gn')),
    'ema_decay_type': one_of('threshold', 'normal', 'exponential'),
}
# By the end of the section's name.
SECTION_VALUES = {
    'Reader': {
        'batch_size': integer(1),
        **dict.fromkeys(('shuffle', 'drop_last', 'collate_batch', 'use_shared_memory'), FLAG),
        **dict.fromkeys(('mixup_epoch', 'cutmix_epoch', 'mosaic_epoch', 'pre_img_epoch'),
                        FIRST_EPOCHS),
        'sample_transforms': filled(entries('Decode: {}')),
        'batch_transforms': entries('PadBatch: {pad_to_stride: 32}'),
    },
    'Dataset': {
        **dict.fromkeys(('dataset_dir', 'image_dir', 'anno_path'), optional(PATH)),
        'sample_num': integer(-1),  # -1 for all
        'allow_empty': FLAG,
        'empty_ratio': NUMBER,
    },
    'UnlabelledDataset': {'image_list': optional(PATH), 'pseudo_boxes': FLAG,
                          'score_threshold': FRACTION},
    'LearningRate': {'base_lr': POSITIVE, 'schedulers': filled(
        entries('name: CosineDecay', tagged=True))},
    'OptimizerBuilder': {
        'clip_grad_by_norm': optional(POSITIVE),
        'clip_grad_by_value': optional(NUMBER),
        'regularizer': Kind('{type: L1 or L2, factor: NUMBER} or false', _is_regularizer),
        'optimizer': Kind('a mapping like {type: Momentum, momentum: 0.9}', lambda value: (
            isinstance(value, dict) and 'type' in value)),
    },
}


def check_values(cfg):
    """Refuses values that make no sense in any run.

    Args:
        cfg (dict): ppdet's global configuration.

    Raises:
        ConfigError: names the key, what it must be and what it is.
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
