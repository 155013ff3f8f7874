# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A student that trains with its own losses and with distillation terms from a frozen teacher."""
import paddle
from paddle import nn
from ppdet.utils.logger import setup_logger

from ..compat.low_precision import keep_float32
from ..data.unlabelled_batches import UNLABELLED
from ..modeling.finite import check_finite
from .batch import Batch
from .feature_tap import FeatureTap
from .unlabelled_step import check_terms, detected_boxes, kept_statistics

__all__ = ['DistillModel']

logger = setup_logger('ppdet.engine')

# A distillation loss this many times the detection loss drowns it out.
DWARFING_RATIO = 5.0


class DistillModel(nn.Layer):
    """Student, teacher and the terms between them.

    The student's forward is its own: features are tapped, not recomputed. In evaluation this
    model is the student. The teacher is kept out of the sublayers, so that neither ``train()``,
    the optimizer, the checkpoint nor ``DataParallel`` can reach it.

    Args:
        student (nn.Layer): a detector of PaddleDetection.
        teacher (nn.Layer): another one; it is frozen here.
        terms (list of Term): what is added to the student's losses.

    Raises:
        ValueError: a term that does not fit the two, or two values with the same name.
    """

    def __init__(self, student, teacher, terms):
        super().__init__()
        for parameter in teacher.parameters():
            parameter.stop_gradient = True
        for layer in teacher.sublayers():
            if hasattr(layer, 'eval_size'):
                layer.eval_size = None  # it predicts for images of any size
        teacher.eval()
        self.student_model = student
        self._teacher = (teacher, )
        self.student_taps, self.teacher_taps = FeatureTap(student), FeatureTap(teacher)
        self.terms = list(terms)
        layers, self._weights, self._logged = {}, {}, {}
        self._student_names = {}  # of each term
        for term in self.terms:
            earlier = len(self.student_taps.asked)
            term.connect(self.student_taps, self.teacher_taps)
            self._student_names[term] = self.student_taps.asked[earlier:]
            twice = sorted(set(term.weights) & set(self._weights) | set(term.layers) & set(layers))
            if twice:
                raise ValueError(f'distill_losses: two entries add {", ".join(twice)}; give one of '
                                 f'them another "name"')
            layers.update(term.layers)
            self._weights.update(term.weights)
            self._logged.update(term.logged)
        self.distill_losses = nn.LayerDict(layers)
        keep_float32(self.distill_losses)  # as the features they are given
        self._unlabelled_terms, self._score_threshold = [], None
        self._step = 0

    @property
    def teacher_model(self):
        """nn.Layer: the frozen teacher."""
        return self._teacher[0]

    def see_unlabelled(self, score_threshold=None):
        """Prepares for batches that hold unlabelled images in addition to labelled ones.

        Args:
            score_threshold (float|None): lowest score at which the teacher's detections serve as
                their boxes; None refuses terms that need boxes.

        Raises:
            ValueError: a term that sees them needs labels, or no term sees them.
        """
        self._unlabelled_terms = check_terms(self.terms, score_threshold is not None)
        self._score_threshold = score_threshold
        for term in self._unlabelled_terms:
            self._logged.update({_unlabelled(value): _unlabelled(logged)
                                 for value, logged in term.logged.items()})

    def forward(self, inputs):
        """Runs the student; in training also the teacher, and adds the distillation terms.

        A term that sees unlabelled images counts for each kind by its share of the images. For
        terms that are means over images, that is their value for one batch of all of them.

        Args:
            inputs (dict): a batch of PaddleDetection's reader. In training ``unlabelled`` may be a
                batch of images without labels, of any size, which the student's own losses do not
                see; it is ignored without ``see_unlabelled``.

        Returns:
            dict: in training the student's own losses, the weighted terms as ``distill_<name>``,
            those of unlabelled images as ``distill_unlabelled_<name>``, and the sum ``loss``, all
            scalars; in evaluation the student's own output.

        Raises:
            FloatingPointError: a value is not finite; the message names it and the step.
        """
        if not self.training:
            return self.student_model(inputs)
        inputs = dict(inputs)
        unlabelled = inputs.pop(UNLABELLED, None)
        # The student first: YOLOX resizes images and boxes in the dictionary that it is given.
        with self.student_taps:
            losses = self.student_model(inputs)
        self.teacher_forward(inputs)
        raw = self.raw_values(inputs)
        weighted = {name: self._weights[name] * value for name, value in raw.items()}
        if self._unlabelled_terms and unlabelled is not None:
            values = self._unlabelled_values({**unlabelled, 'epoch_id': inputs.get('epoch_id')})
            fraction = len(unlabelled['image']) / (len(inputs['image']) + len(unlabelled['image']))
            for name, value in values.items():
                weighted[name] = (1.0 - fraction) * weighted[name]
                raw[_unlabelled(name)] = value
                weighted[_unlabelled(name)] = fraction * self._weights[name] * value
        total = losses['loss'].astype('float32') + sum(weighted.values())
        self.student_taps.clear()
        self.teacher_taps.clear()
        self._check_finite(losses, weighted, total)
        logged = self._by_logged_name(weighted)
        if self._step == 0:
            self._report(float(losses['loss']), self._by_logged_name(raw), logged)
        self._step += 1
        return {**losses, **{f'distill_{name}': value for name, value in logged.items()},
                'loss': total}

    def teacher_forward(self, inputs):
        """Runs the teacher without gradient, as far as its last tapped sublayer."""
        # Undoes a call of train() on the teacher itself.
        self.teacher_model.eval()
        self.teacher_taps.run(inputs)

    def _unlabelled_values(self, inputs):
        """The raw values of the terms that see unlabelled images.

        The student's batch-norm statistics are left alone, so that they remain those of the images
        that its head learns from.
        """
        calls = self.student_taps.calls()
        calls = {name: calls[name] for term in self._unlabelled_terms
                 for name in self._student_names[term]}
        images = inputs['image']
        if self._score_threshold is not None:
            inputs['gt_bbox'] = self._pseudo_boxes(inputs)
        with kept_statistics(self.student_model):
            self.student_taps.follow(inputs, calls)
        if self._score_threshold is None or inputs['image'] is not images:
            self.teacher_forward(inputs)
        return self.raw_values(inputs, self._unlabelled_terms)

    def _pseudo_boxes(self, inputs):
        """Runs the whole teacher; its boxes come in pixels of the batch."""
        images, _, height, width = inputs['image'].shape
        with self.teacher_taps, paddle.no_grad():
            detections = self.teacher_model({
                **inputs, 'scale_factor': paddle.ones([images, 2]),
                'im_shape': paddle.to_tensor([[height, width]] * images, dtype='float32')})
        return detected_boxes(detections, self._score_threshold)

    def raw_values(self, inputs, terms=None):
        """Computes the values of terms from what the taps hold.

        Args:
            inputs (dict): the batch.
            terms (list of Term|None): the terms to compute; None for all.

        Returns:
            dict of str to Tensor: float32 scalars without their weights, the same names at every
            step, by term and level (``mgd_p3``).
        """
        batch, values = Batch(inputs), {}
        with paddle.amp.auto_cast(enable=False):
            for term in self.terms if terms is None else terms:
                values.update(term.compute(self.student_taps, self.teacher_taps, batch))
        return values

    def _by_logged_name(self, values):
        sums = {}
        for name, value in values.items():
            logged = self._logged[name]
            sums[logged] = sums[logged] + value if logged in sums else value
        return sums

    def _check_finite(self, losses, terms, total):
        named = {f'distill_{name}': value for name, value in terms.items()}
        try:
            check_finite({**losses, **named, 'loss': total})
        except FloatingPointError as error:
            raise FloatingPointError(f'step {self._step} of this run: {error}') from None

    def _report(self, detection_loss, raw, weighted):
        """Logs the size of each term at the first step, where a wrong weight shows at once."""
        logger.info(f'first step: detection loss {detection_loss:.4f}')
        for name, value in weighted.items():
            logger.info(f'first step: distill_{name} raw {float(raw[name]):.4g}, weighted '
                        f'{float(value):.4f} ({float(value) / detection_loss:.2f} of the '
                        f'detection loss)')
        total = sum(float(value) for value in weighted.values())
        if total > DWARFING_RATIO * detection_loss:
            logger.warning(f'the distillation terms ({total:.4g}) dwarf the detection loss '
                           f'({detection_loss:.4g}); lower their weight in the slim YAML')


def _unlabelled(name):
    return f'{UNLABELLED}_{name}'
