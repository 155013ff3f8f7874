# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Builds a distillation model from the student's configuration and a slim YAML."""
from ppdet.core.workspace import create
from ppdet.utils.logger import setup_logger

from ..config.scope import SlimConfig, isolated_config
from ..data.dataset_files import class_names_of
from ..modeling.freeze import freeze_modules
from ..modeling.trained_classes import check_trained_classes
from ..modeling.weights import load_weights
from ..utils.options import PATH, check_value
from .batch import check_boxes, keep_boxes
from .distill_model import DistillModel
from .terms import adjust_reader, build_term

__all__ = ['ConfiguredDistillModel']

logger = setup_logger('ppdet.engine')

# With a smaller fraction of loaded tensors the file is not this teacher's.
MINIMUM_LOADED = 0.9


class ConfiguredDistillModel(DistillModel):
    """The base of distillation methods: a ``DistillModel`` described by a slim YAML.

    Subclasses carry ``@register_distill_method`` and set ``default_loss``; a method with terms of
    another form overrides ``build_terms``, one whose teacher detects other classes
    ``check_classes``.

    Args:
        cfg (dict): the configuration of the run, holding the student's YAML.
        slim_config (SlimConfig|str): the slim YAML: teacher, terms, training keys. For a path, as
            PaddleDetection's own tools pass it, ``cfg`` is completed here.

    Raises:
        ValueError: terms, channels, class counts or weights that do not fit.
    """

    method_name = None  # set by register_distill_method
    default_loss = None
    default_terms = ({}, )  # entries of distill_losses, where the slim YAML has none
    term_name = None  # in the log; the method's name
    minimum_loaded = 0.0  # fraction of the student's tensors that its weights must fill
    method_keys = ('distill_losses', 'inherit')

    def __init__(self, cfg, slim_config):
        slim = slim_config
        if not isinstance(slim, SlimConfig):
            slim = SlimConfig(slim_config, self.method_keys)
            slim.merge_into(cfg)
            self.prepare_reader(cfg, slim)
        student = _build_student(cfg, self.minimum_loaded)
        teacher, classes = self._build_teacher(cfg, slim)
        _inherit(student, teacher, slim.content.get('inherit') or [])
        freeze_modules(student, cfg.get('freeze'))
        super().__init__(student, teacher, self.build_terms(student, teacher, slim))
        self.teacher_classes = classes  # how many the teacher detects
        if any(term.needs_boxes for term in self.terms):
            check_boxes(cfg)

    def _build_teacher(self, cfg, slim):
        weights = cfg.get('teacher_weights') or slim.content.get('pretrain_weights')
        if not weights:
            raise ValueError(f'{slim.path}: the teacher has no weights; set pretrain_weights to '
                             f'the .pdparams of a trained teacher (or -o teacher_weights=PATH)')
        check_value(f'{slim.path}: pretrain_weights', weights, PATH)
        student = {'num_classes': cfg.get('num_classes'), 'class_names': class_names_of(cfg)}
        with isolated_config(slim.path) as teacher_cfg:
            self.check_classes(student, teacher_cfg, slim.path)
            check_trained_classes(weights, class_names_of(teacher_cfg))
            teacher, classes = create(teacher_cfg.architecture), teacher_cfg.num_classes
        load_weights(teacher, weights, 'teacher', minimum=MINIMUM_LOADED)
        return teacher, classes

    @staticmethod
    def check_classes(student, teacher, path):
        """Refuses a teacher whose classes do not suit the student's.

        Args:
            student (dict): the student's ``num_classes`` and ``class_names``.
            teacher (dict): the teacher's configuration.
            path (str): the slim YAML.

        Raises:
            ValueError: they do not.
        """
        if teacher.get('num_classes') != student['num_classes']:
            raise ValueError(
                f'{path}: the teacher detects {teacher.get("num_classes")} classes, the student '
                f'{student["num_classes"]}; train the teacher on the student\'s data set, or '
                f'correct num_classes')
        names_s, names_t = student['class_names'], class_names_of(teacher)
        if names_s and names_t and list(names_s) != list(names_t):
            raise ValueError(
                f'{path}: the teacher\'s class_names are {", ".join(names_t)}, the student\'s '
                f'{", ".join(names_s)}; the losses compare them by their position, so train the '
                f'teacher with the student\'s names in the same order')

    def build_terms(self, student, teacher, slim):
        """Builds the terms that the slim YAML asks for.

        Args:
            student (nn.Layer): the student.
            teacher (nn.Layer): the teacher.
            slim (SlimConfig): the slim YAML.

        Returns:
            list of Term: not connected yet; here the entries of ``distill_losses``.

        Raises:
            ValueError: an invalid entry.
        """
        name = self.term_name or self.method_name
        return [build_term(entry, name, self.default_loss, student, teacher)
                for entry in self._entries(slim)]

    @classmethod
    def prepare_reader(cls, cfg, slim):
        """Checks the entries of ``distill_losses``, and makes the training reader keep the boxes
        and give what the entries need besides, before the configuration is frozen.

        Args:
            cfg (dict): ppdet's global configuration; ``TrainReader`` may be changed.
            slim (SlimConfig): the slim YAML.

        Raises:
            ValueError: an invalid entry, or a reader that cannot give it.
        """
        keep_boxes(cfg)
        for entry in cls._entries(slim):
            adjust_reader(entry, cls.term_name or cls.method_name, cls.default_loss, cfg)

    @classmethod
    def _entries(cls, slim):
        entries = slim.content.get('distill_losses')
        entries = list(cls.default_terms) if entries is None else entries
        if not isinstance(entries, list) or not entries:
            raise ValueError(f'{slim.path}: distill_losses must be a list of entries like "- loss: '
                             f'MGDFeatureLoss", got {entries!r}; without the key the method uses '
                             f'its defaults')
        return entries


def _build_student(cfg, minimum_loaded):
    student = create(cfg.architecture)
    if cfg.get('pretrain_weights'):
        check_trained_classes(cfg.pretrain_weights, class_names_of(cfg), learns=True)
        load_weights(student, cfg.pretrain_weights, 'student', minimum_loaded)
    else:
        logger.info('student: no pretrain_weights, it starts from random weights')
    return student


def _inherit(student, teacher, prefixes):
    """Copies the teacher's weights of the named sublayers into the student."""
    if not isinstance(prefixes, list):
        raise ValueError(f'inherit must be a list of sublayers, like [head], got {prefixes!r}')
    target, source = student.state_dict(), teacher.state_dict()
    for prefix in prefixes:
        keys = [key for key in target if key.startswith(f'{prefix}.')]
        unfit = [key for key in keys if key not in source or
                 source[key].shape != target[key].shape]
        if not keys:
            parts = sorted({key.partition('.')[0] for key in target})
            raise ValueError(f'inherit: the student has no sublayer "{prefix}" with weights; its '
                             f'parts are {", ".join(parts)}')
        if unfit:
            raise ValueError(f'inherit: "{prefix}" of the teacher does not fit the student at '
                             f'{unfit[0]}; leave it out of inherit')
        for key in keys:
            target[key].set_value(source[key])
        logger.info(f'student inherits {len(keys)} tensors of "{prefix}" from the teacher')
