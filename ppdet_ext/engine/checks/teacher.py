# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Evaluates the teacher of a distillation before it teaches."""
import contextlib
import copy
import itertools
import random
import time

import numpy as np
import paddle
import paddle.distributed as dist
from ppdet.core.workspace import create
from ppdet.metrics import COCOMetric, VOCMetric
from ppdet.utils.logger import setup_logger

from ...config.keys import teacher_check_options
from ...data.dataset_files import check_datasets
from ...metrics import evaluate_boxes

__all__ = ['check_teacher']

logger = setup_logger('ppdet.engine')

SAMPLE_SEED = 0  # of the choice of images


def check_teacher(cfg):
    """Evaluates the teacher on some images of EvalDataset, logs its AP50 and warns of a weak one.

    Only AP50 of the teacher's own classes counts. The first process evaluates alone. The random
    streams, the model and the data set of the run are left unchanged.

    Args:
        cfg (dict): configuration of a run; nothing happens without a distillation model of ours in
            it, without EvalDataset, or with ``check_teacher: false``.

    Raises:
        ValueError: ``check_teacher`` is neither true, false nor a mapping of its options.
    """
    options = teacher_check_options(cfg)
    model = cfg.get('model')
    if not options or not hasattr(model, 'teacher_classes') or dist.get_rank() != 0:
        return
    obstacle = _obstacle(cfg)
    if obstacle:
        logger.info(f'teacher: not checked, {obstacle}')
        return
    start = time.monotonic()
    try:
        with _same_random_streams():
            ap50, sample, images = _evaluate(cfg, model, options['images'])
    except (ValueError, RuntimeError) as error:
        # Some detectors predict for fewer sizes than they can teach at.
        logger.warning(f'teacher: not checked, it does not predict for the images of EvalReader: '
                       f'{str(error).strip().splitlines()[0][:200]}')
        return
    if ap50 is None:
        logger.info(f'teacher: not checked, none of its classes is in {sample} images of '
                    f'EvalDataset')
        return
    logger.info(f'teacher: AP50 {ap50:.3f} on {sample} of {images} images of EvalDataset, '
                f'{time.monotonic() - start:.1f} s')
    if ap50 < options['minimum_ap50']:
        logger.warning(
            f'the teacher is weak: its AP50 of {ap50:.3f} is below {options["minimum_ap50"]:g} '
            f'(check_teacher.minimum_ap50), and a student rarely becomes better than its teacher. '
            f'Were its weights trained on this data set, with its classes in this order? Does '
            f'EvalReader resize and normalize the images as its own reader does?')


def _obstacle(cfg):
    """str or None: why the teacher cannot be evaluated."""
    if not cfg.get('EvalDataset'):
        return 'there is no EvalDataset'
    if cfg.get('metric') not in METRICS:
        return f'metric is {cfg.get("metric")}, not one of {", ".join(METRICS)}'
    try:
        check_datasets(cfg, ('EvalDataset', ))
    except (OSError, ValueError) as error:  # without --eval a run does not need these files
        return str(error)
    return None


@contextlib.contextmanager
def _same_random_streams():
    """Puts the random streams of this process back to where they were."""
    python, numpy, framework = random.getstate(), np.random.get_state(), paddle.get_rng_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        paddle.set_rng_state(framework)


def _evaluate(cfg, model, images):
    """tuple: AP50 or None, number of images in the sample and in the data set."""
    dataset = copy.copy(create('EvalDataset')())
    dataset.check_or_download_dataset()
    dataset.parse_dataset()
    # The first images of a data set may all be of one class.
    order = np.random.default_rng(SAMPLE_SEED).permutation(len(dataset)).tolist()
    chosen, size = sorted(order[:images]), create('EvalReader').batch_size
    batches = [chosen[k:k + size] for k in range(0, len(chosen), size)]
    # As an evaluation of the student reads them, but without worker processes.
    options = {'collate_batch': False} if cfg['metric'] == 'VOC' else {}
    reader = create('EvalReader', **options)(dataset, 0, batch_sampler=batches)
    teacher = model.teacher_model
    teacher.eval()
    with paddle.no_grad():
        # The reader would start over at the end of its batches.
        answers = ((data, teacher(data)) for data in itertools.islice(reader, len(batches)))
        ap50 = METRICS[cfg['metric']](cfg, dataset, answers, model.teacher_classes)
    return ap50, len(chosen), len(dataset)


def _coco_ap50(cfg, dataset, answers, classes):
    anno_file = dataset.get_anno()
    categories = {index: category for category, index in dataset.catid2clsid.items()}
    metric = COCOMetric(anno_file, clsid2catid=categories, bias=int(bool(cfg.get('bias'))))
    images = []
    for data, answer in answers:
        metric.update(data, answer)
        images += data['im_id'].numpy().flatten().tolist()
    of_class = evaluate_boxes(anno_file, metric.results['bbox'], image_ids=images)['classes']
    known = [of_class[name]['AP50'] for name, index in dataset.cname2cid.items() if index < classes]
    known = [value for value in known if value is not None]
    return float(np.mean(known)) if known else None


def _voc_ap50(cfg, dataset, answers, classes):
    metric = VOCMetric(dataset.get_label_list(), cfg['num_classes'],
                       map_type=cfg.get('map_type', '11point'))
    for data, answer in answers:
        metric.update(data, answer)
    precision = metric.detection_map
    precision.class_gt_counts = precision.class_gt_counts[:classes]
    precision.accumulate()
    return precision.get_map() if any(precision.class_gt_counts) else None


METRICS = {'COCO': _coco_ap50, 'VOC': _voc_ap50}
