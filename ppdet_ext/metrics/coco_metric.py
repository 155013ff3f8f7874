# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""COCO box metric with a table by class and size, kept as JSON."""
import contextlib
import io
import os

import numpy as np
from ppdet.metrics import COCOMetric
from ppdet.utils.logger import setup_logger
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from terminaltables import AsciiTable

from ..data.coco_file import detection_fault, read_sound_coco
from ..data.dataset_files import dataset_paths
from ..utils.files import read_json, sha256, write_json
from .few_shot import forgetting, group_metrics, load_base_classes

__all__ = ['ClasswiseCOCOMetric', 'evaluate_boxes', 'evaluate_saved_boxes',
           'scalars']

logger = setup_logger('ppdet.engine')

SUMMARY_NAMES = ('mAP', 'AP50', 'AP75', 'AP_small', 'AP_medium', 'AP_large')


class ClasswiseCOCOMetric(COCOMetric):
    """ppdet's COCO metric for boxes, with AP and AP50 of every class.

    ``bbox.json`` (detections, COCO result format) and ``metrics.json`` (the metrics) go to
    ``output_eval``. Without any detection every metric is 0 instead of missing.

    Args:
        anno_file (str): COCO annotations.
        output_eval (str): folder of the two files.
        base_metrics (str|None): ``metrics.json`` of the base detector, for computing forgetting.
        base_weights (str|None): the weights that ``base_metrics`` has to belong to.
        fingerprint (callable|None): returns the fingerprint of the evaluated weights, which is kept
            with the metrics.
        **kwargs: as for ``ppdet.metrics.COCOMetric``.

    Raises:
        ValueError: as :func:`ppdet_ext.metrics.few_shot.load_base_classes`.
    """

    def __init__(self, anno_file, output_eval, base_metrics=None, base_weights=None,
                 fingerprint=None, **kwargs):
        os.makedirs(output_eval, exist_ok=True)
        self.base_classes = load_base_classes(base_metrics, base_weights)
        self.summary = None
        self._fingerprint = fingerprint
        super().__init__(anno_file, output_eval=output_eval, **kwargs)

    def accumulate(self):
        """Writes the detections and, unless only these are wanted, computes the metrics."""
        path = os.path.join(self.output_eval, 'bbox.json')
        write_json(path, self.results['bbox'])
        if self.save_prediction_only:
            logger.info(f'detections saved to {path}; nothing was evaluated, as requested')
            return
        weights = self._fingerprint() if self._fingerprint else None
        self.summary = _evaluate(self.anno_file, self.results['bbox'], self.output_eval,
                                 self.base_classes, weights)
        self.eval_results = {'bbox': [self.summary[name] for name in SUMMARY_NAMES]}


def evaluate_saved_boxes(cfg, folder):
    """Evaluates the ``bbox.json`` that an earlier evaluation left in a folder.

    The metrics belong to the weights of that evaluation if the file is unchanged since then.

    Args:
        cfg (dict): the configuration, for its EvalDataset.
        folder (str): where ``bbox.json`` lies.

    Raises:
        FileNotFoundError: no ``bbox.json`` there.
        ValueError: it holds no detections, or those of other images or classes.
    """
    if cfg.get('metric', 'COCO') != 'COCO':
        raise ValueError(f'--json_eval is for metric: COCO, but metric is {cfg["metric"]}; '
                         f'evaluate without it, or make a COCO data set: tools/prepare_data.py')
    path = os.path.join(folder, 'bbox.json')
    if not os.path.isfile(path):
        raise FileNotFoundError(f'--json_eval: {path} does not exist; name its folder with '
                                f'--output_eval')
    annotations = dataset_paths(cfg, 'EvalDataset')['annotations']
    content = read_sound_coco(annotations)
    try:
        detections = read_json(path)
        if not isinstance(detections, list):
            raise ValueError(f'{path} is not a list of detections')
        fault = detection_fault(detections, content)
        if fault:
            raise ValueError(f'{path}, {fault}')
    except ValueError as error:
        raise ValueError(f'--json_eval: {error}; evaluate again, without --json_eval') from error
    base_classes = load_base_classes(cfg.get('base_metrics'), cfg.get('base_weights'))
    _evaluate(annotations, detections, folder, base_classes, _evaluated_weights(folder))


def _evaluated_weights(folder):
    """str or None: fingerprint of the weights that made a ``bbox.json``, if it is still theirs."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        metrics = read_json(os.path.join(folder, 'metrics.json'))
        if metrics['bbox_sha256'] == sha256(os.path.join(folder, 'bbox.json')):
            return metrics['fingerprint']
    return None


def _evaluate(anno_file, detections, folder, base_classes, weights):
    # Before they are evaluated, as another evaluation may replace the file meanwhile.
    checksum = sha256(os.path.join(folder, 'bbox.json'))
    summary = {**evaluate_boxes(anno_file, detections, base_classes), 'bbox_sha256': checksum}
    if weights:
        summary['fingerprint'] = weights
    path = os.path.join(folder, 'metrics.json')
    write_json(path, summary)
    logger.info(f'evaluation of {anno_file}, kept in {path}:\n{summary_table(summary)}')
    return summary


def evaluate_boxes(anno_file, detections, base_classes=None, image_ids=None):
    """Computes COCO's box metrics in all, by class, and for base and novel classes.

    Args:
        anno_file (str): COCO annotations.
        detections (list of dict): COCO results: image_id, category_id, bbox, score.
        base_classes (dict|None): ``classes`` of the base detector's evaluation.
        image_ids (list of int|None): the images that count; None for all.

    Returns:
        dict: ``mAP`` (IoU 0.5:0.95), ``AP50``, ``AP75``, ``AP_small`` (area below 32^2 pixels),
        ``AP_medium`` (below 96^2), ``AP_large``, and ``classes``: class name to ``AP``, ``AP50``
        and ``objects``, their number. Fractions from 0 to 1; None where there is no such object.
        ``images`` and ``detections`` are the numbers of images and of detections.
        For a few-shot set also ``few_shot``: ``base``, ``novel``, ``all`` and, with
        ``base_classes``, ``forgetting``, each with ``AP`` and ``AP50``.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints, the log has the table
        truth = COCO(anno_file)
        # pycocotools mistakes a detection that matched the box of id 0 for one without a match.
        for number, box in enumerate(truth.dataset['annotations'], start=1):
            box['id'] = number
        truth.createIndex()
        if detections:
            evaluation = COCOeval(truth, truth.loadRes(detections), 'bbox')
        else:
            evaluation = COCOeval(truth, COCO(), 'bbox')
        if image_ids is not None:
            evaluation.params.imgIds = sorted(image_ids)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval['precision']  # [IoU, recall, class, size, detections]
    classes = {
        category['name']: {'AP': _mean(precision[:, :, k, 0, -1]),
                           'AP50': _mean(precision[0, :, k, 0, -1]),
                           'objects': len(truth.getAnnIds(evaluation.params.imgIds, category['id'],
                                                iscrowd=False))}
        for k, category in enumerate(truth.loadCats(evaluation.params.catIds))
    }
    metrics = {name: float(value) if value > -1 else None
               for name, value in zip(SUMMARY_NAMES, evaluation.stats)}
    summary = {**metrics, 'classes': classes, 'images': len(evaluation.params.imgIds),
               'detections': len(detections)}
    info = truth.dataset.get('info')
    info = info if isinstance(info, dict) else {}
    few_shot = group_metrics(classes, info)
    if few_shot:
        lost = forgetting(classes, info['base_classes'], base_classes)
        summary['few_shot'] = {**few_shot, 'forgetting': lost} if lost else few_shot
    return summary


def summary_table(summary):
    """str: the metrics of ``evaluate_boxes`` as text tables."""
    total = [list(SUMMARY_NAMES), [_text(summary[name]) for name in SUMMARY_NAMES]]
    classes = [['class', 'objects', 'AP', 'AP50']]
    classes += [[name, value['objects'], _text(value['AP']), _text(value['AP50'])]
                for name, value in summary['classes'].items()]
    groups = [['classes', 'AP', 'AP50']]
    groups += [[name, _text(value['AP']), _text(value['AP50'])]
               for name, value in summary.get('few_shot', {}).items()]
    return '\n'.join(AsciiTable(rows).table for rows in (total, classes, groups) if len(rows) > 1)


def scalars(summary):
    """dict: the metrics of ``evaluate_boxes``, without missing ones, by the tag of their curve."""
    tagged = {f'evaluation/{name}': summary.get(name) for name in SUMMARY_NAMES}
    for group, key in (('class', 'classes'), ('few_shot', 'few_shot')):
        for name, value in summary.get(key, {}).items():
            tagged.update({f'{group}_{metric}/{name}': value[metric] for metric in ('AP', 'AP50')})
    return {tag: value for tag, value in tagged.items() if value is not None}


def _mean(precision):
    valid = precision[precision > -1]
    return float(np.mean(valid)) if valid.size else None


def _text(value):
    return '-' if value is None else f'{value:.3f}'
