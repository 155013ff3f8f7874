# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Localization distillation: the teacher's distribution for each side of a box."""
from paddle.nn import functional as F
from ppdet.core.workspace import register
from ppdet.utils.logger import setup_logger

from ..utils.options import NOT_NEGATIVE, POSITIVE
from . import functional
from .head_access import head_adapters
from .levels import common_level_names, level_shapes
from .terms import HeadTerm

__all__ = ['LDLoss']

logger = setup_logger('ppdet.engine')

TARGETS = 'Gt2GFLTarget'


@register
class LDLoss(HeadTerm):
    """Localization distillation, https://arxiv.org/abs/2102.12252 (Zheng et al., CVPR 2022).

    A GFLHead predicts each side of a box as a distribution, and the student's is to match the
    teacher's: ``main`` in the cells that the labels assign to a box, weighted by the student's best
    score, and ``vlr`` in the valuable region around them, weighted by the overlap; ``cls`` does the
    same for the class scores of the assigned cells. Uses the ground-truth boxes, through the
    reader's targets.

    Args:
        student (nn.Layer): the student.
        teacher (nn.Layer): the frozen teacher, kept out of the sublayers.
        name (str): what its values are called: ``<name>_main`` and so on in the log.
        weight (float): further factor of every value.
        tau (float): temperature of the softmax over the bins of a side.
        tau_cls (float): temperature of the softmax over the classes.
        alpha_main (float): weight of ``main``; the released 0.25 belongs to a sum over the two
            images of a GPU, and 0.5 to the mean over images computed here.
        alpha_vlr (float): weight of ``vlr``, likewise; 0 leaves it out, and the region with it.
        alpha_cls (float): weight of ``cls``; the released 10 belongs to a mean over the 80 classes
            of COCO, and 10 / 80 to the sum computed here. 0 leaves it out.
        unlabelled (bool): whether it is to see unlabelled images too, where the run has any.

    Raises:
        ValueError: a head other than GFLHead, or heads with different bins or strides.
    """

    OPTIONS = {'tau': POSITIVE, 'tau_cls': POSITIVE, 'alpha_main': NOT_NEGATIVE,
               'alpha_vlr': NOT_NEGATIVE, 'alpha_cls': NOT_NEGATIVE}

    def __init__(self,
                 student,
                 teacher,
                 name='ld',
                 weight=1.0,
                 tau=10.0,
                 tau_cls=2.0,
                 alpha_main=0.5,
                 alpha_vlr=0.5,
                 alpha_cls=0.125,
                 unlabelled=True):
        super().__init__(student, teacher, name, weight, unlabelled)
        self.own, self.adapter = head_adapters(student, teacher, self.place)
        self.adapter.check_distributions(self.own, self.place)
        self.tau, self.tau_cls = tau, tau_cls
        self.alphas = {'main': alpha_main, **{part: alpha for part, alpha in (
            ('vlr', alpha_vlr), ('cls', alpha_cls)) if alpha}}

    @staticmethod
    def adjust_reader(cfg, options):
        """Adds the valuable region to the reader's targets."""
        if options.get('alpha_vlr') == 0:
            return
        reader = cfg.get('TrainReader') or {}
        batch = list(reader.get('batch_transforms') or [])
        found = [k for k, entry in enumerate(batch) if TARGETS in entry]
        if not found:
            raise ValueError(f'distill_losses: LDLoss: alpha_vlr needs the operator {TARGETS} in '
                             f'TrainReader.batch_transforms; set alpha_vlr: 0 to do without')
        for k in found:
            batch[k] = {TARGETS: {**(batch[k][TARGETS] or {}), 'compute_vlr_region': True}}
        reader['batch_transforms'] = batch
        logger.info(f'TrainReader: {TARGETS} gives the valuable region, for the distillation')

    def connect(self, student_taps, teacher_taps):
        """Taps the predictors of both heads."""
        shapes = []
        for taps, adapter in ((student_taps, self.own), (teacher_taps, self.adapter)):
            names = adapter.predictor_names()
            taps.add(names)
            shapes.append(level_shapes(taps, names)[names[0]])
        self.level_names = common_level_names(*shapes, self.place)
        for part, alpha in self.alphas.items():
            self.add_value(part, self.level_names, alpha)

    def compute(self, student_taps, teacher_taps, batch):
        """The raw values ``<name>_<part>_<level>``."""
        scores_s, boxes_s = _predictions(student_taps, self.own)
        scores_t, boxes_t = _predictions(teacher_taps, self.adapter)
        priors = self.adapter.priors(scores_t)
        positives = self.adapter.positives(batch, priors)
        regions = self.adapter.valuable(batch, priors) if 'vlr' in self.alphas else positives
        values = {}
        for level, level_name in enumerate(self.level_names):
            logits = [self.adapter.logits(scores[level]) for scores in (scores_s, scores_t)]
            sides = [adapter.distributions(boxes[level], level)
                     for adapter, boxes in ((self.own, boxes_s), (self.adapter, boxes_t))]
            parts = self._parts(logits, sides, positives[level], regions[level])
            images = scores_s[level].shape[0]
            parts.update({part: parts[part] / images for part in ('main', 'vlr')})
            values.update({f'{self.name}_{part}_{level_name}': parts[part]
                           for part in self.alphas})
        return values

    def _parts(self, logits, sides, positive, region):
        """dict of str to Tensor: of one level; ``main`` and ``vlr`` summed over the batch."""
        # The mean over the four sides and their bins, as released.
        divergence = functional.row_divergence(*sides, self.tau).mean(axis=1) / self.adapter.bins
        quality = F.sigmoid(logits[0].detach().max(axis=1)) * positive
        classes = functional.row_divergence(*logits, self.tau_cls)
        # PaddleDetection's gfl_head.py divides main by the 4 sides, and the region by 16.
        return {'main': (divergence * quality).sum(), 'vlr': (divergence * region).sum() / 4.0,
                'cls': (classes * positive).sum() / positive.sum().clip(min=1.0)}


def _predictions(taps, adapter):
    """list of list of Tensor: class scores and boxes of every level, in float32."""
    return [[maps.astype('float32') for maps in taps[name]] for name in adapter.predictor_names()]
