# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What all distillation methods share: student, frozen teacher, taps and losses."""
import paddle
from paddle import nn
from ppdet.core.workspace import create, merge_config
from ppdet.utils.logger import setup_logger

from ..compat.low_precision import keep_float32
from ..config.scope import SlimConfig, isolated_config
from ..data.dataset_files import class_names_of
from ..modeling.finite import check_finite
from ..modeling.freeze import freeze_parts
from ..modeling.weights import load_weights
from .batch import Batch, keep_boxes
from .feature_tap import FeatureTap
from .wiring import FeatureTerm, level_shapes

__all__ = ['DistillModel']

logger = setup_logger('ppdet.engine')

# Below this share of loaded tensors the file is not this teacher's.
MINIMUM_LOADED = 0.9
# A distillation loss this many times the detection loss drowns it.
DWARFING_RATIO = 5.0


class DistillModel(nn.Layer):
    """A student that trains with its own losses and distillation terms from a frozen teacher.

    The student's forward is its own: features are tapped, not recomputed. In evaluation this
    model is the student. The teacher is kept out of the sublayers, so that neither ``train()``,
    the optimizer, the checkpoint nor ``DataParallel`` can reach it.

    Subclasses carry ``@register_distill_method`` and set ``default_loss``; a method with losses of
    another form overrides ``distill_terms``, one whose teacher knows other classes
    ``check_classes``.

    Args:
        cfg (dict): ppdet's global configuration, holding the student's YAML.
        slim_config_path (str): the slim YAML: teacher, wiring, training keys.

    Raises:
        ValueError: wiring, channels, class counts or weights that do not fit.
    """

    method_name = None  # set by register_distill_method
    default_loss = None
    default_terms = ({}, )  # entries of distill_losses, where the slim YAML has none
    term_name = None  # in the log; the method's name
    minimum_loaded = 0.0  # share of the student's tensors that its weights must fill
    method_keys = ('distill_losses', 'inherit')

    def __init__(self, cfg, slim_config_path):
        super().__init__()
        slim = self.slim_config = SlimConfig(slim_config_path, self.method_keys)
        merge_config(slim.training)
        cfg['filename'] = slim.name
        self.student_model = create(cfg.architecture)
        if cfg.get('pretrain_weights'):
            load_weights(self.student_model, cfg.pretrain_weights, 'student',
                         self.minimum_loaded)
        else:
            logger.info('student: no pretrain_weights, it starts from random weights')
        weights = cfg.get('teacher_weights') or slim.content.get('pretrain_weights')
        classes = {'num_classes': cfg.get('num_classes'), 'class_names': class_names_of(cfg)}
        teacher, self.teacher_classes = build_teacher(
            slim.path, weights, lambda teacher_cfg: self.check_classes(classes, teacher_cfg))
        self._teacher = (teacher, )
        self._inherit(slim.content.get('inherit') or [])
        freeze_parts(self.student_model, cfg.get('freeze'))
        terms = slim.content.get('distill_losses')
        terms = list(self.default_terms) if terms is None else terms
        if not isinstance(terms, list) or not terms:
            raise ValueError(f'{slim.path}: distill_losses is a list of entries like "- loss: '
                             f'MGDFeatureLoss", got {terms!r}; without the key the method has its '
                             f'usual ones')
        self._build_terms(terms)
        if any('gt_boxes' in level.batch_arguments for level in self.levels.values()):
            keep_boxes(cfg)
        self._step = 0

    @property
    def teacher_model(self):
        """nn.Layer: the frozen teacher."""
        return self._teacher[0]

    def check_classes(self, student, teacher):
        """Refuses a teacher whose classes do not suit the student's.

        Args:
            student (dict): the student's ``num_classes`` and ``class_names``.
            teacher (dict): the teacher's configuration.

        Raises:
            ValueError: they do not.
        """
        if teacher.get('num_classes') != student['num_classes']:
            raise ValueError(
                f'{self.slim_config.path}: the teacher detects {teacher.get("num_classes")} '
                f'classes, the student {student["num_classes"]}; train the teacher on the '
                f'student\'s data set, or correct num_classes')
        names_s, names_t = student['class_names'], class_names_of(teacher)
        if names_s and names_t and list(names_s) != list(names_t):
            raise ValueError(
                f'{self.slim_config.path}: the teacher\'s class_names are {", ".join(names_t)}, '
                f'the student\'s {", ".join(names_s)}; the losses compare them by their position, '
                f'so train the teacher with the student\'s names in the same order')

    def _build_terms(self, entries):
        name = self.term_name or self.method_name
        terms = [FeatureTerm(entry, name, self.default_loss) for entry in entries]
        names_s = {term.student_tap for term in terms}
        names_t = {term.teacher_tap for term in terms}
        self.student_taps = FeatureTap(self.student_model, names_s)
        self.teacher_taps = FeatureTap(self.teacher_model, names_t)
        shapes_s = level_shapes(self.student_taps, names_s)
        shapes_t = level_shapes(self.teacher_taps, names_t)
        self.levels = {}
        for term in terms:
            losses = term.build(shapes_s[term.student_tap], shapes_t[term.teacher_tap])
            twice = set(losses) & set(self.levels)
            if twice:
                raise ValueError(f'distill_losses: {", ".join(sorted(twice))} stands there twice; '
                                 f'give one of the entries a "name"')
            self.levels.update(losses)
        self.distill_losses = nn.LayerDict({k: v.layer for k, v in self.levels.items()})
        keep_float32(self.distill_losses)  # as the features they are given

    def _inherit(self, prefixes):
        """Copies the teacher's weights of the named sublayers into the student."""
        if not isinstance(prefixes, list):
            raise ValueError(f'inherit is a list of sublayers, like [head], got {prefixes!r}')
        target, source = self.student_model.state_dict(), self.teacher_model.state_dict()
        for prefix in prefixes:
            keys = [key for key in target if key.startswith(f'{prefix}.')]
            unfit = [key for key in keys if key not in source or
                     source[key].shape != target[key].shape]
            if unfit or not keys:
                raise ValueError(f'inherit: "{prefix}" of the teacher does not fit the student'
                                 f'{f", first at {unfit[0]}" if unfit else ": no such sublayer"}')
            for key in keys:
                target[key].set_value(source[key])
            logger.info(f'student inherits {len(keys)} tensors of "{prefix}" from the teacher')

    def forward(self, inputs):
        """Runs the student; in training also the teacher, and adds the distillation terms.

        Args:
            inputs (dict): a batch of PaddleDetection's reader.

        Returns:
            dict: in training the student's own losses, those of ``logged_terms`` as
            ``distill_<name>``, and the sum ``loss``, all scalars; in evaluation the student's own
            output.

        Raises:
            FloatingPointError: a term is not finite; the message names it and the step.
        """
        if not self.training:
            return self.student_model(inputs)
        self.teacher_forward(inputs)
        with self.student_taps:
            losses = self.student_model(inputs)
        with paddle.amp.auto_cast(enable=False):
            terms = self.distill_terms(inputs)
            total = losses['loss'].astype('float32') + sum(terms.values())
        self.student_taps.clear()
        self.teacher_taps.clear()
        self._check_finite(losses, terms, total)
        logged = self.logged_terms(terms)
        if self._step == 0:
            self._report(losses['loss'], logged)
        self._step += 1
        named = {f'distill_{name}': value for name, value in logged.items()}
        return {**losses, **named, 'loss': total}

    def teacher_forward(self, inputs):
        """Runs the teacher without gradient, as far as its last tapped sublayer."""
        # Somebody may have called train() on it by name; here it is undone.
        self.teacher_model.eval()
        self.teacher_taps.run(inputs)

    def distill_terms(self, inputs):
        """Computes every distillation term of this step.

        Args:
            inputs (dict): the batch.

        Returns:
            dict of str to Tensor: weighted scalars, the same names at every step, by term and
            level (``mgd_p3``).
        """
        batch, terms = Batch(inputs), {}
        for level in self.levels.values():
            terms.update(level.terms(self.student_taps, self.teacher_taps, batch))
        return terms

    def logged_terms(self, terms):
        """What of the terms is logged: as they are, unless a method groups them.

        Args:
            terms (dict of str to Tensor): of ``distill_terms``.

        Returns:
            dict of str to Tensor: with the same sum.
        """
        return terms

    def _check_finite(self, losses, terms, total):
        named = {f'distill_{name}': value for name, value in terms.items()}
        try:
            check_finite({**losses, **named, 'loss': total})
        except FloatingPointError as error:
            raise FloatingPointError(f'step {self._step} of this run: {error}') from None

    def _report(self, detection_loss, terms):
        """Logs the size of each term at the first step; a wrong weight shows here at once."""
        detection = float(detection_loss)
        logger.info(f'first step: detection loss {detection:.4f}')
        for name, value in terms.items():
            # Only a term of distill_losses has a weight that is known here; it may be 0.
            weight = self.levels[name].total_weight if name in self.levels else 0.0
            raw = f'raw {float(value) / weight:.4g}, ' if weight else ''
            logger.info(f'first step: distill_{name} {raw}weighted {float(value):.4f} '
                        f'({float(value) / detection:.2f} of the detection loss)')
        total = sum(float(value) for value in terms.values())
        if total > DWARFING_RATIO * detection:
            logger.warning(f'the distillation terms ({total:.4g}) dwarf the detection loss '
                           f'({detection:.4g}); lower their weight in the slim YAML')


def build_teacher(slim_path, weights, check_classes):
    """Builds and loads the teacher in a configuration scope of its own.

    Args:
        slim_path (str): the slim YAML, whose ``_BASE_`` is the teacher's.
        weights (str): path or URL of the teacher's weights.
        check_classes (callable): takes the teacher's configuration and raises where its classes
            do not suit the student.

    Returns:
        tuple: the teacher (nn.Layer), in evaluation mode, without trainable parameters, and how
        many classes it detects.

    Raises:
        ValueError: no weights, too few that fit, or what ``check_classes`` raises.
    """
    if not weights:
        raise ValueError(f'{slim_path}: the teacher has no weights; set pretrain_weights to the '
                         f'.pdparams of a trained teacher (or -o teacher_weights=PATH)')
    with isolated_config(slim_path) as cfg:
        check_classes(cfg)
        teacher, classes = create(cfg.architecture), cfg.num_classes
    load_weights(teacher, weights, 'teacher', minimum=MINIMUM_LOADED)
    for parameter in teacher.parameters():
        parameter.stop_gradient = True
    teacher.eval()
    return teacher, classes
