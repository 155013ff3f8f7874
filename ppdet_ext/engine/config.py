# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Loads and checks the configuration of a run."""
import inspect
import json
import os

import paddle
import ppdet.data.transform
import ppdet.optimizer.optimizer
from PIL import Image, UnidentifiedImageError
from ppdet.core.config.schema import SchemaDict
from ppdet.core.workspace import (
    get_registered_modules,
    global_config,
    load_config,
    merge_config,
)

from .yaml_file import check_bases, near_match

__all__ = ['load_run_config', 'clear_config', 'check_keys', 'check_datasets', 'choose_device',
           'dataset_fields', 'teacher_check_options']

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
COUNTS = ('epoch', 'log_iter', 'num_classes', 'snapshot_epoch')
OPTIONAL_NUMBERS = {'keep_checkpoints': 1, 'seed': 0, 'worker_num': 0}  # with their minimum
# What PaddleDetection reads of a reader beside the arguments of its constructor.
READER_KEYS = ('use_shared_memory', 'mixup_epoch', 'cutmix_epoch', 'mosaic_epoch', 'pre_img_epoch',
               'inputs_def', 'fuse_normalize')
METRICS = ('COCO', 'VOC', 'SNIPERCOCO', 'RBOX', 'WiderFace', 'MOTDet', 'MOT', 'ReID', 'KITTI',
           'MCMOT', 'KeyPointTopDownCOCOEval', 'KeyPointTopDownMPIIEval', 'Pose3DEval')
DEVICES = ('gpu', 'npu', 'xpu', 'mlu')
_sections = {}  # what was ever registered, by name
TEACHER_CHECK = {'images': 100, 'minimum_ap50': 0.3}  # options of check_teacher


def load_run_config(path, *settings):
    """Loads a YAML with its ``_BASE_`` chain, merges further settings and checks every key.

    Nothing is left of a run that this process has configured before.

    Args:
        path (str): the YAML given with ``-c``.
        *settings (dict): what wins over it, the last one over all: training keys of a slim YAML,
            parsed ``-o`` options. ``base_batch_size`` is the batch before the last of them, unless
            one of them sets it.

    Returns:
        dict: ppdet's global configuration.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a section or key nobody reads; the message names the near match.
    """
    check_bases(path)
    clear_config()
    cfg = load_config(path)
    base_batch = None
    for options in settings:
        base_batch = (cfg.get('TrainReader') or {}).get('batch_size')
        merge_config(options)
    if cfg.get('auto_scale_lr') and base_batch:
        cfg.setdefault('base_batch_size', base_batch)
    check_keys(cfg)
    choose_device(cfg)
    return cfg


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


def check_keys(cfg):
    """Refuses sections and keys that nobody reads, and misses those that every run needs.

    Raises:
        ValueError: names the section, the key and the near match.
    """
    modules = get_registered_modules()
    shared = {key for module in modules.values() for key in getattr(module, 'shared', ())}
    known = {*modules, *PLAIN_KEYS, *shared}
    for name, section in cfg.items():
        if name not in known and not _is_anchor(section) and not _is_object(section):
            raise ValueError(f'"{name}" is no section or key of a detection config'
                             f'{near_match(name, known)}')
        if isinstance(section, SchemaDict):
            _check_section(name, section, modules)
    _check_batch_scaling(cfg)
    _check_training(cfg)
    teacher_check_options(cfg)
    for key in REQUIRED_KEYS:
        if key not in cfg:
            raise ValueError(f'the config has no "{key}"; is a file missing in its _BASE_?')
    for key, known in (('architecture', modules), ('metric', METRICS)):
        if cfg[key] not in known:
            raise ValueError(f'{key}: unknown name "{cfg[key]}"{near_match(cfg[key], known)}')
    for key in COUNTS:
        if type(cfg[key]) is not int or cfg[key] < 1:
            raise ValueError(f'{key} is a whole number from 1, got {cfg[key]!r}')
    for key, minimum in OPTIONAL_NUMBERS.items():
        value = cfg.get(key)
        if value is not None and (type(value) is not int or value < minimum):
            raise ValueError(f'{key} is a whole number from {minimum}, got {value!r}')


def _check_training(cfg):
    rate = (cfg.get('LearningRate') or {}).get('base_lr', 0.01)
    if type(rate) not in (int, float):
        raise ValueError(f'LearningRate.base_lr is a number, got {rate!r}')
    optimizer = ((cfg.get('OptimizerBuilder') or {}).get('optimizer') or {}).get('type', 'Momentum')
    if not hasattr(paddle.optimizer, str(optimizer)):
        raise ValueError(f'OptimizerBuilder.optimizer.type: unknown name "{optimizer}"'
                         f'{near_match(optimizer, paddle.optimizer.__all__)}')


def _check_batch_scaling(cfg):
    if not isinstance(cfg.get('auto_scale_lr', False), bool):
        raise ValueError(f'auto_scale_lr is true or false, got {cfg["auto_scale_lr"]!r}')
    base = cfg.get('base_batch_size', 1)
    if type(base) is not int or base < 1:
        raise ValueError(f'base_batch_size is a whole number from 1, got {base!r}')


def teacher_check_options(cfg):
    """Reads the key ``check_teacher``.

    Args:
        cfg (dict): the configuration.

    Returns:
        dict or None: ``images`` to evaluate and ``minimum_ap50``; None where it is false.

    Raises:
        ValueError: no such option, or a value out of its range.
    """
    value = cfg.get('check_teacher', True)
    if isinstance(value, bool):
        return dict(TEACHER_CHECK) if value else None
    if not isinstance(value, dict):
        raise ValueError(f'check_teacher is true, false or a mapping of '
                         f'{", ".join(TEACHER_CHECK)}, got {value!r}')
    _check_options('check_teacher', value, TEACHER_CHECK)
    options = {**TEACHER_CHECK, **value}
    if type(options['images']) is not int or options['images'] < 1:
        raise ValueError(f'check_teacher.images is a whole number from 1, got '
                         f'{options["images"]!r}')
    minimum = options['minimum_ap50']
    if type(minimum) not in (int, float) or not 0 <= minimum <= 1:
        raise ValueError(f'check_teacher.minimum_ap50 is a number from 0 to 1, got {minimum!r}')
    return options


def _is_anchor(value):
    """PaddleDetection's YAMLs keep lists under names of their own, to refer to them as *anchor."""
    return isinstance(value, (list, tuple))


def _is_object(value):
    """What a YAML writes with a tag, such as ``TrainDataset: !COCODataSet``, is built already."""
    return hasattr(value, '__dict__') and not isinstance(value, SchemaDict)


def _check_section(name, section, modules):
    if name.endswith('Reader'):
        _check_options(name, section, (*section.schema, *READER_KEYS))
        size = section.get('batch_size', 1)
        if type(size) is not int or size < 1:
            raise ValueError(f'{name}.batch_size is a whole number from 1, got {size!r}')
        for key in ('sample_transforms', 'batch_transforms'):
            for transform in section.get(key) or ():
                for operator, options in transform.items():
                    _check_class(f'{name}.{key}', ppdet.data.transform, operator, options)
    elif section.strict:
        _check_options(name, section, section.schema)
    if name.endswith('Dataset') and 'name' in section:
        _check_named(name, section, modules)
    for key in section.inject:
        if isinstance(section.get(key), dict) and 'name' in section[key]:
            _check_named(f'{name}.{key}', section[key], modules)
    if name == 'LearningRate':
        for scheduler in section.get('schedulers') or ():
            if isinstance(scheduler, dict):
                options = {k: v for k, v in scheduler.items() if k != 'name'}
                _check_class('LearningRate.schedulers', ppdet.optimizer.optimizer,
                             scheduler.get('name'), options)


def _check_named(where, content, modules):
    """Checks ``{name: Class, option: value ...}`` against a registered class."""
    if content['name'] not in modules:
        raise ValueError(f'{where}: unknown name "{content["name"]}"'
                         f'{near_match(content["name"], modules)}')
    module = modules[content['name']]
    if module.strict:
        _check_options(where, content, ('name', *module.schema))


def _check_class(where, module, name, options):
    """Checks options against the constructor of a class of ``module``."""
    constructor = getattr(module, str(name), None)
    if constructor is None:
        raise ValueError(f'{where}: unknown name "{name}"{near_match(name, vars(module))}')
    parameters = inspect.signature(constructor).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        _check_options(f'{where}: {name}', options or (), parameters)


def _check_options(where, options, known):
    for key in options:
        if key not in known:
            raise ValueError(f'{where}: unknown key "{key}"{near_match(key, known)}; known: '
                             f'{", ".join(known)}')


def choose_device(cfg):
    """Selects the device; without ``use_gpu`` in the config a GPU is used where there is one.

    Raises:
        ValueError: ``use_gpu: true`` where this Paddle sees no GPU.
    """
    has_gpu = paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if cfg.setdefault('use_gpu', has_gpu) and not has_gpu:
        raise ValueError('use_gpu is true, but this Paddle sees no GPU; install paddlepaddle-gpu, '
                         'or give -o use_gpu=false')
    for device in DEVICES[1:]:
        cfg.setdefault(f'use_{device}', False)
    chosen = [device for device in DEVICES if cfg[f'use_{device}']]
    paddle.set_device(chosen[0] if chosen else 'cpu')


def dataset_fields(cfg, section):
    """Finds the fields of a data set, whether a YAML says ``name: X`` or, as older ones, ``!X``.

    Args:
        cfg (dict): the configuration.
        section (str): ``TrainDataset`` ...

    Returns:
        dict: the fields themselves, so that setting one has effect.
    """
    dataset = cfg[section]
    return dataset if isinstance(dataset, dict) else vars(dataset)


def check_datasets(cfg, sections):
    """Makes sure that the data sets of a run are there and hold the classes the model has.

    Args:
        cfg (dict): the configuration.
        sections (iterable of str): ``TrainDataset`` ...

    Raises:
        FileNotFoundError: annotations or images are missing.
        ValueError: the annotations hold another number of classes, or no image.
    """
    checks = {'COCODataSet': _check_coco, 'VOCDataSet': _check_voc}
    for section in sections:
        dataset = dataset_fields(cfg, section)
        check = checks.get(dataset.get('name', type(cfg[section]).__name__))
        if check:
            check(section, dataset, cfg.num_classes)


def _check_coco(section, dataset, num_classes):
    folder = dataset.get('dataset_dir') or ''
    annotations = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    try:
        with open(annotations, encoding='utf-8') as f:
            content = json.load(f)
        classes = len(content['categories'])
        names = [image['file_name'] for image in content['images']]
        boxes = [(box['category_id'], *box['bbox']) for box in content.get('annotations') or ()]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{section}: {annotations} is no COCO annotation file ({error!r}); '
                         f'prepare the data set anew, or correct the file') from error
    paths = [os.path.join(images, name) for name in names]
    _check_files(section, annotations, paths)
    _check_images(section, annotations, paths)
    _check_classes(section, annotations, classes, num_classes)
    _check_boxes(section, annotations, boxes, {kind.get('id') for kind in content['categories']})


def _check_voc(section, dataset, num_classes):
    folder = dataset.get('dataset_dir') or ''
    image_list = _existing(section, folder, dataset, 'anno_path')
    images = _existing(section, folder, dataset, 'image_dir')
    with open(image_list, encoding='utf-8') as f:
        names = [name for line in f for name in line.split()[:2]]  # the image and its XML
    _check_files(section, image_list, [os.path.join(images, name) for name in names])
    if dataset.get('label_list'):
        labels = _existing(section, folder, dataset, 'label_list')
        with open(labels, encoding='utf-8') as f:
            _check_classes(section, labels, sum(bool(line.strip()) for line in f), num_classes)


def _existing(section, folder, dataset, key):
    """str: path of the data set's file or folder of that key."""
    path = os.path.join(folder, dataset.get(key) or '')
    if not os.path.exists(path):
        raise FileNotFoundError(
            f'{section}: {path} does not exist. Prepare the data set (tools/prepare_neu_det.py '
            f'for NEU-DET), or give its folder with -o {section}.dataset_dir=PATH')
    return path


def _check_files(section, annotations, paths):
    if not paths:
        raise ValueError(f'{section}: {annotations} lists no image')
    missing = [path for path in paths if not os.path.isfile(path)]
    if missing:
        # The reader would leave them out of training with no more than a warning.
        raise FileNotFoundError(f'{section}: {len(missing)} of the {len(paths)} files that '
                                f'{annotations} lists do not exist, first {missing[0]}')


def _check_images(section, annotations, paths):
    """Reads the beginning of every image: a reader without workers would wait for ever."""
    for path in paths:
        try:
            Image.open(path).close()
        except (UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise ValueError(f'{section}: {path}, which {annotations} lists, is no image that can '
                             f'be read; copy it anew, or remove it from the list') from error


def _check_boxes(section, annotations, boxes, categories):
    for position, (category, *numbers) in enumerate(boxes):
        if category not in categories:
            raise ValueError(f'{section}: {annotations}, annotations[{position}]: category_id '
                             f'{category} is not among the categories; correct the annotation')
        if len(numbers) != 4 or not all(isinstance(number, (int, float)) for number in numbers):
            raise ValueError(f'{section}: {annotations}, annotations[{position}]: bbox is x, y, '
                             f'width, height in pixels, got {numbers}; correct the annotation')
    if section == 'TrainDataset' and not any(w > 0 and h > 0 for _, _, _, w, h in boxes):
        raise ValueError(f'{section}: {annotations} has no box of positive size: nothing could be '
                         f'learned; annotate its images')


def _check_classes(section, path, classes, num_classes):
    if classes != num_classes:
        raise ValueError(f'{section}: {path} has {classes} classes, but num_classes is '
                         f'{num_classes}; correct num_classes in the config')
