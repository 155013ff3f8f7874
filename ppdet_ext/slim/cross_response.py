# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Cross-response distillation: the student's features answer through the teacher's head."""
import paddle.distributed as dist
from paddle import nn
from paddle.nn import functional as F
from ppdet.core.workspace import register

from ..utils.options import FLAG, NOT_NEGATIVE, check_options
from . import functional
from .adapters import align_conv
from .head_access import head_adapters
from .levels import common_level_names, level_shapes
from .terms import HeadTerm

__all__ = ['CrossKDLoss', 'build_cross_response']


@register
class CrossKDLoss(HeadTerm):
    """CrossKD, https://arxiv.org/abs/2306.11369 (Wang et al., CVPR 2024); TSKD's cross response.

    The student's head is cut after some convolutions. Its features there, normalised to the
    teacher's statistics, run through the rest of the teacher's frozen head, and the class scores
    and boxes that come out mimic the teacher's own: ``cls`` by ``quality_focal_kd_loss``, ``box``
    by ``weighted_giou_loss``, weighted by the teacher's best score, and for GFL heads ``ld``, the
    divergence of the distributions of the sides, weighted likewise. All are divided by the number
    of objects that the teacher's head counts, except that for GFL heads ``box`` and ``ld`` are
    divided by the sum of their weights, as released; of several processes the mean counts. (The
    released code takes CIoU or IoU for some pairs.) Uses the ground-truth boxes, for the assignment
    of the teacher's head.

    Args:
        student (nn.Layer): the student.
        teacher (nn.Layer): the frozen teacher, kept out of the sublayers.
        name (str): what its values are called: ``<name>_cls`` and ``<name>_box`` in the log.
        weight (float): further factor of every value.
        reused_teacher_head_idx (int|None): convolutions of the teacher's towers before the cut,
            from 0 to their number; 3 of 4 in the released RetinaNet, 2 in FCOS. None leaves one
            behind the cut, where there is more than one.
        student_head_idx (int|None): the same for the student's towers; None takes the teacher's.
        align (bool): whether a 1x1 convolution in each tower brings the student's channels to the
            teacher's, where they differ.
        alpha_cls (float): weight of ``cls``. The defaults are those of the released RetinaNet.
        alpha_box (float): weight of ``box``; 2 in the released GFL.
        alpha_ld (float): weight of ``ld``; 3 in the released GFL, above 0 for its heads only.
        unlabelled (bool): must be false where the run has unlabelled images: the term is divided
            by the number of objects, and would be far too large where the teacher finds none.
        place (str): what errors call it.

    Raises:
        ValueError: a head without adapter, a cut that does not exist, or features that do not fit.
    """

    # The cuts are checked against the heads.
    OPTIONS = {'reused_teacher_head_idx': None, 'student_head_idx': None, 'align': FLAG,
               'alpha_cls': NOT_NEGATIVE, 'alpha_box': NOT_NEGATIVE, 'alpha_ld': NOT_NEGATIVE}

    def __init__(self,
                 student,
                 teacher,
                 name='crosskd',
                 weight=1.0,
                 reused_teacher_head_idx=None,
                 student_head_idx=None,
                 align=False,
                 alpha_cls=1.0,
                 alpha_box=1.0,
                 alpha_ld=0.0,
                 unlabelled=True,
                 place='distill_losses: CrossKDLoss'):
        super().__init__(student, teacher, name, weight, unlabelled, place)
        own, self.adapter = head_adapters(student, teacher, place)
        self.index = reused_teacher_head_idx
        if self.index is None:
            self.index = max(self.adapter.depth - 1, min(1, self.adapter.depth))
        _check_index(f'{place}: reused_teacher_head_idx', self.index, self.adapter)
        if student_head_idx is None:
            student_head_idx = self.index
            _check_depth(place, own, self.adapter)
        _check_index(f'{place}: student_head_idx', student_head_idx, own)
        self.alphas = {'cls': alpha_cls, 'box': alpha_box}
        if alpha_ld:
            self.adapter.check_distributions(own, place)
            self.alphas['ld'] = alpha_ld
        self.student_names = own.feature_names(student_head_idx)
        self.teacher_names = self.adapter.feature_names(self.index)
        self.aligns = nn.LayerList()
        self._align_wanted = align

    def connect(self, student_taps, teacher_taps):
        """Adds the taps, and checks or aligns what they give.

        Args:
            student_taps (FeatureTap): of the student.
            teacher_taps (FeatureTap): of the teacher.

        Raises:
            ValueError: levels, strides or channels that do not fit.
        """
        student_taps.add(self.student_names)
        teacher_taps.add((*self.teacher_names, *self.adapter.predictor_names()))
        shapes_s = level_shapes(student_taps, self.student_names)[self.student_names[0]]
        shapes_t = level_shapes(teacher_taps, self.teacher_names)[self.teacher_names[0]]
        self.level_names = common_level_names(shapes_s, shapes_t, self.place)
        channels_s, channels_t = shapes_s[0][0], shapes_t[0][0]
        if channels_s != channels_t and not self._align_wanted:
            raise ValueError(f'{self.place}: the student\'s head has {channels_s} channels, the '
                             f'teacher\'s {channels_t}; make them equal, or set "align: true"')
        if channels_s != channels_t:
            # Without bias, which the scaling to the teacher's statistics would cancel.
            self.aligns.extend(align_conv(channels_s, channels_t, bias=False)
                               for _ in self.student_names)
        self.layers[self.layer_name] = nn.LayerDict({'aligns': self.aligns})
        for part, alpha in self.alphas.items():
            self.add_value(part, self.level_names, alpha)

    def compute(self, student_taps, teacher_taps, batch):
        """The raw values ``<name>_<part>_<level>``."""
        features = self._aligned_features(student_taps, teacher_taps)
        scores_t, boxes_t = ([feature.astype('float32') for feature in teacher_taps[name]]
                             for name in self.adapter.predictor_names())
        priors = self.adapter.priors(scores_t)
        weights, objects = self.adapter.assign(batch, priors)
        divisor = mean_over_processes(objects).clip(min=1.0)
        logits_t = [self.adapter.logits(maps) for maps in scores_t]
        qualities = [F.sigmoid(logits.max(axis=1)) for logits in logits_t]
        if weights:
            qualities = [quality * weight for quality, weight in zip(qualities, weights)]
        box_divisor = self._box_divisor(divisor, qualities)
        values = {}
        for level, name in enumerate(self.level_names):
            answers = self.adapter.respond(*(maps[level] for maps in features), self.index)
            scores = self.adapter.logits(answers[0]), logits_t[level]
            boxes = [self.adapter.boxes(maps, priors[level], level)
                     for maps in (answers[1], boxes_t[level])]
            quality = qualities[level]
            values[f'{self.name}_cls_{name}'] = functional.quality_focal_kd_loss(
                *scores, weight=weights[level] if weights else None, avg_factor=divisor)
            values[f'{self.name}_box_{name}'] = functional.weighted_giou_loss(
                *boxes, weight=quality, avg_factor=box_divisor)
            if 'ld' in self.alphas:
                sides = [self.adapter.distributions(maps, level)
                         for maps in (answers[1], boxes_t[level])]
                divergence = functional.row_divergence(*sides, tau=1.0).mean(axis=1)
                values[f'{self.name}_ld_{name}'] = (divergence * quality).sum() / box_divisor
        return values

    @property
    def layer_name(self):
        """str: of its layers in the checkpoint."""
        return self.name

    def _box_divisor(self, divisor, qualities):
        if not self.adapter.boxes_by_quality:
            return divisor
        return mean_over_processes(sum(quality.sum() for quality in qualities)).clip(min=1.0)

    def _aligned_features(self, student_taps, teacher_taps):
        """list of list of Tensor: for each tower every level, with the teacher's statistics."""
        features = []
        for tower, (name_s, name_t) in enumerate(zip(self.student_names, self.teacher_names)):
            maps_s = [feature.astype('float32') for feature in student_taps[name_s]]
            if len(self.aligns):
                maps_s = [self.aligns[tower](feature) for feature in maps_s]
            features.append([functional.align_scale(feature_s, feature_t.astype('float32'))
                             for feature_s, feature_t in zip(maps_s, teacher_taps[name_t])])
        return features


class CrossResponse(CrossKDLoss):
    """TSKD's cross response, the section ``cross_response``: one divisor for all values."""

    layer_name = 'cross_response'

    def _box_divisor(self, divisor, qualities):
        return divisor


def mean_over_processes(value):
    """Averages a value over all processes, so that a sum divided by it has the same weight in each.

    Args:
        value (Tensor): scalar; gets no gradient.

    Returns:
        Tensor: scalar.
    """
    if dist.get_world_size() < 2:
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


def build_cross_response(student, teacher, options, name):
    """Builds the term as a slim YAML's ``cross_response`` asks for.

    Args:
        student (nn.Layer): the student.
        teacher (nn.Layer): the frozen teacher.
        options (dict): options of ``CrossKDLoss``.
        name (str): of its values.

    Returns:
        CrossResponse: not connected yet.

    Raises:
        ValueError: an unknown option, or one of another kind.
    """
    check_options('cross_response', options, {'unlabelled': FLAG, **CrossKDLoss.OPTIONS})
    return CrossResponse(student, teacher, name, place='cross_response', **options)


def _check_depth(place, own, reused):
    if own.depth != reused.depth:
        raise ValueError(f'{place}: the towers of the student\'s head have {own.depth} '
                         f'convolutions, the teacher\'s {reused.depth}; make them equal, or say '
                         f'with student_head_idx where the student\'s is cut')


def _check_index(key, index, adapter):
    if type(index) is not int or not 0 <= index <= adapter.depth:
        raise ValueError(f'{key} counts convolutions of a tower, from 0 to {adapter.depth} here, '
                         f'got {index!r}')
