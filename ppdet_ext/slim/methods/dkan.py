# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Dual knowledge align network: new classes from a few boxes, with the base detector as teacher."""
import paddle
from ppdet.modeling.architectures import FasterRCNN
from ppdet.modeling.heads import BBoxHead

from ...data.dataset_files import class_names_of
from ...modeling import CosineClassifier
from ...utils.options import FLAG, NOT_NEGATIVE, POSITIVE, check_options
from ..build import ConfiguredDistillModel
from ..factory import register_distill_method
from ..feature_tap import FeatureTap
from ..losses import ONLY, LogitKnowledgeAlignLoss
from ..terms import FeatureTerm, Term

__all__ = ['DKANDistillModel']

NECK, CLASSIFIER = 'neck', 'bbox_head.bbox_score'
LOGIT_TERM = 'dkan_lka'
LOGIT_OPTIONS = {'tau': POSITIVE, 'loss_weight': NOT_NEGATIVE, 'use_scaled_logits': FLAG,
                 'unlabelled': FLAG}


@register_distill_method('DKAN')
class DKANDistillModel(ConfiguredDistillModel):
    """DKAN, https://arxiv.org/abs/2209.00519, for Faster R-CNN.

    The teacher is the detector of the base classes, the student the same detector with an expanded
    head (``tools/expand_head.py``), which sees a few boxes of base and new classes. What the
    student's YAML lists under ``freeze`` stays as it is; the neck is held to the teacher's by
    ``FeatureKnowledgeAlignLoss``, the base classes' logits by ``LogitKnowledgeAlignLoss``.

    The teacher's box head runs on the boxes that the student has sampled, so that both classify the
    same boxes, row by row. Options of the slim YAML's section ``logit_loss``: ``tau``,
    ``loss_weight``, ``unlabelled``, which must be false where the run has unlabelled images, and
    ``use_scaled_logits``; false in the last compares the cosines without their scale.
    ``logit_loss: false`` leaves the term out. What differs from the released code: docs/dkan.md,
    "What differs".

    Raises:
        ValueError: as ``ConfiguredDistillModel``; a detector other than Faster R-CNN with a neck;
            a student without weights, or whose weights do not all fit, or that is frozen up to
            the neck; classes that do not begin with the teacher's.
    """

    default_loss = 'FeatureKnowledgeAlignLoss'
    default_terms = ({'levels': [0, 1, 2, 3]}, )  # P2 to P5
    term_name = 'dkan_fka'
    minimum_loaded = 1.0
    method_keys = (*ConfiguredDistillModel.method_keys, 'logit_loss')

    def __init__(self, cfg, slim_config):
        if not cfg.get('pretrain_weights'):
            raise ValueError('DKAN: the student starts from the base detector with an expanded '
                             'head; set pretrain_weights to the file that tools/expand_head.py '
                             'has written')
        super().__init__(cfg, slim_config)
        self._check_trainable()

    def _check_trainable(self):
        """Refuses a loss on the neck's maps where nothing that computes them is trained."""
        student = self.student_model
        if any(not parameter.stop_gradient for part in (student.backbone, student.neck)
               for parameter in part.parameters()):
            return
        for term in self.terms:
            if isinstance(term, FeatureTerm) and term.student_tap == NECK and any(
                    term.weights.values()):
                raise ValueError(f'{term.place} has nothing to train: the backbone and the neck '
                                 f'of the student are frozen. Take neck out of the YAML\'s key '
                                 f'freeze (the student of DKAN is ..._dkan.yml, not ..._tfa.yml), '
                                 f'or give this entry loss_weight: 0.0')

    @staticmethod
    def check_classes(student, teacher, path):
        """Refuses classes that do not begin with the teacher's."""
        count, base = student['num_classes'], teacher['num_classes']
        if base >= count:
            raise ValueError(f'{path}: the teacher detects {base} classes, the student {count}; '
                             f'DKAN needs a teacher of the base classes and a student of these '
                             f'and new ones')
        names, base_names = student['class_names'], class_names_of(teacher)
        if names and base_names and list(names[:base]) != list(base_names):
            raise ValueError(f'{path}: the teacher detects {", ".join(base_names)}, but the '
                             f'student\'s class_names begin with {", ".join(names[:base])}; the '
                             f'base classes come first, in the teacher\'s order')

    def build_terms(self, student, teacher, slim):
        """Builds the feature losses of ``distill_losses`` and the logit loss."""
        for role, model in (('student', student), ('teacher', teacher)):
            neck, head = (getattr(model, part, None) for part in ('neck', 'bbox_head'))
            if not isinstance(model, FasterRCNN) or neck is None or not isinstance(head, BBoxHead):
                names = ['none' if part is None else type(part).__name__ for part in (neck, head)]
                raise ValueError(f'DKAN is for FasterRCNN with a neck and a BBoxHead or '
                                 f'CosineSimBBoxHead; the {role} is {type(model).__name__} with '
                                 f'neck: {names[0]}, bbox_head: {names[1]}')
        terms = super().build_terms(student, teacher, slim)
        options = slim.content.get('logit_loss')
        if options is False:
            return terms
        options = {} if options is None else options  # the key alone, without options
        check_options('logit_loss', options, LOGIT_OPTIONS)
        return [*terms, LogitTerm(student, teacher, **options)]


class LogitTerm(Term):
    """Holds the student's logits of the base classes to the teacher's.

    Args:
        student (nn.Layer): Faster R-CNN.
        teacher (nn.Layer): Faster R-CNN of the base classes.
        use_scaled_logits (bool): false compares cosines without their scale.
        unlabelled (bool): must be false if the run has unlabelled images: the student samples its
            boxes with the help of the labels.
        options: keyword arguments of ``LogitKnowledgeAlignLoss``.

    Raises:
        ValueError: ``use_scaled_logits: false`` with a head whose logits have no scale.
    """

    def __init__(self, student, teacher, use_scaled_logits=True, unlabelled=True, **options):
        super().__init__('logit_loss', unlabelled)
        self._student_head, self._teacher_head = student.bbox_head, teacher.bbox_head
        self._use_scaled_logits = use_scaled_logits
        if not use_scaled_logits and not isinstance(self._student_head.bbox_score,
                                                    CosineClassifier):
            raise ValueError('logit_loss: use_scaled_logits: false needs a student with a '
                             'CosineSimBBoxHead; other logits have no scale')
        self.loss = LogitKnowledgeAlignLoss(self._teacher_head.num_classes, **options)
        self.layers[LOGIT_TERM] = self.loss
        self.weights[LOGIT_TERM] = self.loss.weights[ONLY]
        self.logged[LOGIT_TERM] = LOGIT_TERM

    def connect(self, student_taps, teacher_taps):
        """Taps the student's classifier and the teacher's neck."""
        student_taps.add([CLASSIFIER])
        teacher_taps.add([NECK])
        self._teacher_classifier = FeatureTap(teacher_taps.model, [CLASSIFIER])

    def compute(self, student_taps, teacher_taps, batch):
        """The divergence between the paired logits."""
        logits = self.paired_logits(student_taps, teacher_taps)
        return {LOGIT_TERM: self.loss.raw_values(*logits)[ONLY]}

    def paired_logits(self, student_taps, teacher_taps):
        """The logits of both detectors for the boxes that the student has sampled in this step.

        Returns:
            tuple of Tensor: the student's, shape [R, K_s], and the teacher's, shape [R, K_t], row
            by row of the same boxes; K classes and the background.
        """
        logits_s = student_taps[CLASSIFIER][0].astype('float32')
        if not self._use_scaled_logits:
            logits_s = logits_s / self._student_head.bbox_score.scale
        rois, rois_num = self._student_head.get_assigned_rois()
        features = [feature.astype('float32') for feature in teacher_taps[NECK]]
        with self._teacher_classifier as tap, paddle.no_grad():
            self._teacher_head(features, rois, rois_num)
        logits_t, = tap[CLASSIFIER]
        tap.clear()
        return logits_s, logits_t
