# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The terms that distillation adds to the loss, each with its taps, layers and weights."""
import inspect
import re

import paddle
from paddle.nn import functional as F
from ppdet.core.config.schema import SchemaDict
from ppdet.core.workspace import global_config

from ..utils.options import (
    FLAG,
    NOT_NEGATIVE,
    NUMBER,
    Kind,
    check_options,
    check_value,
    is_number,
    one_of,
    optional,
)
from ..utils.suggest import did_you_mean
from .batch import Batch
from .levels import level_names, level_shapes
from .losses import ONLY, DistillLoss

__all__ = ['FeatureTerm', 'HeadTerm', 'Term', 'adjust_reader', 'build_term']


def _are_levels(value):
    return isinstance(value, list) and bool(value) and len(set(map(str, value))) == len(value) and (
        all(type(level) is int for level in value))


def _are_pairs_of_levels(value):
    return isinstance(value, dict) and set(value) == {'student', 'teacher'} and (
        all(map(_are_levels, value.values())) and len(set(map(len, value.values()))) == 1)


LEVELS = Kind('a list of indices, each once, counted from 0, like [0, 1], or two of equal length '
              'like {student: [1, 2], teacher: [0, 1]}',
              lambda value: _are_levels(value) or _are_pairs_of_levels(value))
# Values for unlabelled images are logged with this prefix, which must not clash with a name.
NAME = Kind('a name of letters, digits, "_" and "-" that does not begin with "unlabelled"',
            lambda value: isinstance(value, str) and bool(
                re.fullmatch(r'(?!unlabelled)[\w-]+', value, re.IGNORECASE)))
# Loss, name and feature are checked where they are read.
TERM_KEYS = {'loss': None, 'name': None, 'feature': None, 'levels': optional(LEVELS),
             'weight': NOT_NEGATIVE, 'unlabelled': FLAG,
             'interpolate': optional(one_of('nearest', 'bilinear', 'bicubic', 'area'))}
CHANNELS = {'student_channels', 'teacher_channels'}


class Term:
    """A term that a distillation method adds to the student's own losses.

    A subclass fills ``layers``, ``weights`` and ``logged`` when it is connected, and computes the
    values of every step.

    Attributes:
        layers (dict of str to nn.Layer): what trains with the student and is saved with it.
        weights (dict of str to float): factor of each raw value, by its name.
        logged (dict of str to str): name under which each value is logged, without ``distill_``.
            Values with the same name have the same weight and are summed in the log.
        unlabelled (bool): whether it is to see unlabelled images too, if the run has any.
        place (str): the entry of the slim YAML that it comes from, for messages.
        needs_boxes (bool): whether it reads the boxes of a batch, or anything else of its labels.
            A subclass that does not must say so, and can then see unlabelled images.
        takes_pseudo_boxes (bool): whether ``batch.gt_boxes`` is all that it reads of the labels,
            so that the teacher's detections can replace them.
    """

    needs_boxes = True
    takes_pseudo_boxes = False

    def __init__(self, place='distill_losses', unlabelled=True):
        self.layers, self.weights, self.logged = {}, {}, {}
        self.place, self.unlabelled = place, unlabelled

    def connect(self, student_taps, teacher_taps):
        """Adds its taps, checks what they give and builds its layers.

        Args:
            student_taps (FeatureTap): of the student.
            teacher_taps (FeatureTap): of the teacher.

        Raises:
            ValueError: features that do not fit.
        """
        raise NotImplementedError

    def compute(self, student_taps, teacher_taps, batch):
        """Computes the raw values of a step, in float32.

        Args:
            student_taps (FeatureTap): with the features of this step.
            teacher_taps (FeatureTap): with the features of this step.
            batch (Batch): the batch.

        Returns:
            dict of str to Tensor: scalars, those that ``weights`` names, at every step.
        """
        raise NotImplementedError


class HeadTerm(Term):
    """A term that compares heads instead of maps; its class is the ``loss`` of its entry.

    A subclass carries PaddleDetection's ``@register``, so that a slim YAML can name it, and takes
    the arguments of this class and its options.

    Attributes:
        OPTIONS (dict of str to Kind): the options of an entry, besides ``loss``, ``name``,
            ``weight`` and ``unlabelled``.

    Args:
        student (nn.Layer): the student.
        teacher (nn.Layer): the frozen teacher, kept out of the sublayers.
        name (str): what its values are called in the log.
        weight (float): further factor of every value.
        unlabelled (bool): whether it is to see unlabelled images too, where the run has any.
        place (str|None): the entry of the slim YAML that it comes from, for messages.
    """

    OPTIONS = {}

    def __init__(self, student, teacher, name, weight=1.0, unlabelled=True, place=None):
        super().__init__(place or f'distill_losses: {type(self).__name__}', unlabelled)
        self.name, self.weight = name, weight

    @staticmethod
    def adjust_reader(cfg, options):
        """Makes the training reader provide what the loss needs besides boxes; usually nothing.

        Args:
            cfg (dict): ppdet's global configuration; ``TrainReader`` may be changed.
            options (dict): the entry.

        Raises:
            ValueError: the reader cannot give it.
        """

    def add_value(self, part, levels, alpha):
        """Adds ``<name>_<part>_<level>`` to ``weights``, for each level, logged as their sum.

        Args:
            part (str): which value.
            levels (list of str): names of the levels.
            alpha (float): its weight.
        """
        for level in levels:
            value = f'{self.name}_{part}_{level}'
            self.weights[value] = self.weight * alpha
            self.logged[value] = f'{self.name}_{part}'


class FeatureTerm(Term):
    """One entry of ``distill_losses`` in the slim YAML, checked.

    Keys of an entry: ``loss`` (registered class), ``name`` (in the log; by default that of the
    method, or for a loss other than the method's own that of the loss, like ``fgd`` for
    ``FGDLoss``), ``feature`` (dotted sublayer, or ``{student: a, teacher: b}``; default ``neck``),
    ``levels`` (indices into what the sublayer returns, or ``{student: [...], teacher: [...]}``;
    default all), ``weight`` (default 1), ``interpolate`` (mode of ``F.interpolate`` for the
    student's map if sizes differ), ``unlabelled`` (false restricts it to the labelled images,
    default true); all others are options of the loss class.

    Args:
        entry (dict): the entry.
        method_name (str): default name.
        default_loss (str|None): default loss class.

    Raises:
        ValueError: an unknown loss or option, for which the message suggests the nearest, or a
            value of the wrong kind.
    """

    takes_pseudo_boxes = True

    def __init__(self, entry, method_name, default_loss):
        super().__init__()
        self.loss_class, self.name = _loss_and_name(entry, method_name, default_loss)
        self.place = f'distill_losses: {self.loss_class.__name__} "{self.name}"'
        self.student_tap, self.teacher_tap = _taps(entry.get('feature', 'neck'))
        self.levels = entry.get('levels')
        self.weight = entry.get('weight', 1.0)
        self.interpolate = entry.get('interpolate')
        self.options = {k: v for k, v in entry.items() if k not in TERM_KEYS}
        for key in TERM_KEYS.keys() & entry.keys():
            if TERM_KEYS[key]:
                check_value(f'{self.name}: {key}', entry[key], TERM_KEYS[key])
        self.unlabelled = entry.get('unlabelled', True)
        self._check_options()

    def _check_options(self):
        parameters = dict(inspect.signature(self.loss_class.__init__).parameters)
        del parameters['self']
        for key in CHANNELS & set(self.options):
            raise ValueError(f'distill_losses: delete {key} from {self.loss_class.__name__}: '
                             f'channels are read from the built models')
        known = {key: _kind(parameter.default) for key, parameter in parameters.items()
                 if key not in CHANNELS and parameter.kind is parameter.POSITIONAL_OR_KEYWORD}
        needed = [key for key in known if parameters[key].default is inspect.Parameter.empty]
        check_options(f'distill_losses: {self.loss_class.__name__}', self.options, known, needed)

    @property
    def needs_boxes(self):
        """bool: whether the loss asks for boxes; otherwise it gets nothing from the labels."""
        return 'gt_boxes' in self._batch_arguments

    @property
    def _batch_arguments(self):
        asked = inspect.signature(self.loss_class.raw_values).parameters
        return [name for name in Batch.ARGUMENTS if name in asked]

    def connect(self, student_taps, teacher_taps):
        """Taps the feature and builds one loss per level."""
        student_taps.add([self.student_tap])
        teacher_taps.add([self.teacher_tap])
        self.build(level_shapes(student_taps, [self.student_tap])[self.student_tap],
                   level_shapes(teacher_taps, [self.teacher_tap])[self.teacher_tap])

    def build(self, shapes_s, shapes_t):
        """Builds the losses, one per level; ``layers`` names them as ``mgd_p3``.

        Args:
            shapes_s (list of tuple): (channels, stride) of every level of the student's tap.
            shapes_t (list of tuple): the same of the teacher's.

        Raises:
            ValueError: levels, channels or sizes that do not fit.
        """
        names = level_names([stride for _, stride in shapes_s])
        self.chosen_levels = self._chosen_levels(shapes_s, shapes_t)
        for level, level_t in self.chosen_levels:
            (channels_s, stride_s), (channels_t, stride_t) = shapes_s[level], shapes_t[level_t]
            if stride_s != stride_t and not self.interpolate:
                raise ValueError(
                    f'{self.name}, level {level}: student "{self.student_tap}" has stride '
                    f'{stride_s:g}, teacher "{self.teacher_tap}" {stride_t:g}; choose matching '
                    f'levels{_of_equal_stride(shapes_s, shapes_t)}, or set "interpolate: '
                    f'bilinear" in this entry')
            layer = self.loss_class(student_channels=channels_s, teacher_channels=channels_t,
                                    **self.options)
            self.layers[f'{self.name}_{names[level]}'] = layer
            for part, weight in layer.weights.items():
                value = self._value_name(part, names[level])
                self.weights[value] = self.weight * weight
                # Several values are each logged once for all levels, a single one for each level.
                self.logged[value] = value if part == ONLY else f'{self.name}_{part}'
        self._names = [names[level] for level, _ in self.chosen_levels]

    def _value_name(self, part, level_name):
        return '_'.join(word for word in (self.name, part, level_name) if word)

    def compute(self, student_taps, teacher_taps, batch):
        """The raw values of all levels; the teacher's features get no gradient.

        Raises:
            ValueError: the student's sublayer returns no such maps in training.
        """
        options = {name: getattr(batch, name) for name in self._batch_arguments}
        features_s, features_t = student_taps[self.student_tap], teacher_taps[self.teacher_tap]
        values = {}
        for levels, name, layer in zip(self.chosen_levels, self._names, self.layers.values()):
            self._check_map(features_s, levels[0])
            feature_s = _float32(features_s[levels[0]])
            feature_t = _float32(features_t[levels[1]]).detach()
            if self.interpolate and feature_s.shape[2:] != feature_t.shape[2:]:
                feature_s = F.interpolate(feature_s, feature_t.shape[2:], mode=self.interpolate)
            for part, value in layer.raw_values(feature_s, feature_t, **options).items():
                values[self._value_name(part, name)] = value
        return values

    def _check_map(self, features, level):
        """Refuses what is no map: a head returns predictions in evaluation, losses in training."""
        if level < len(features) and features[level].ndim == 4:
            return
        found = ', '.join(str(feature.shape) for feature in features)
        raise ValueError(f'{self.place}: level {level} of the student\'s "{self.student_tap}" is '
                         f'no feature map in training, where it returns tensors of shape {found}; '
                         f'tap a layer inside it, such as head.retina_cls')

    def _chosen_levels(self, shapes_s, shapes_t):
        """list of tuple: indices of the levels that are compared, student's and teacher's."""
        count_s, count_t = len(shapes_s), len(shapes_t)
        if self.levels is None and count_s != count_t:
            raise ValueError(
                f'{self.name}: student "{self.student_tap}" has {count_s} levels, teacher '
                f'"{self.teacher_tap}" {count_t}; name the ones to compare with "levels"'
                f'{_of_equal_stride(shapes_s, shapes_t)}')
        levels = list(range(count_s)) if self.levels is None else self.levels
        levels = levels if isinstance(levels, dict) else {'student': levels, 'teacher': levels}
        pairs = list(zip(levels['student'], levels['teacher']))
        bad = sorted({level for count, of_one in ((count_s, levels['student']),
                                                  (count_t, levels['teacher']))
                      for level in of_one if not 0 <= level < count})
        if bad:
            raise ValueError(f'{self.name}: levels {bad} do not exist; student '
                             f'"{self.student_tap}" has {count_s}, teacher "{self.teacher_tap}" '
                             f'{count_t}, counted from 0')
        return pairs


def _of_equal_stride(shapes_s, shapes_t):
    """str: the levels that can be compared directly, as a slim YAML names them."""
    strides_s, strides_t = ([stride for _, stride in shapes] for shapes in (shapes_s, shapes_t))
    common = [stride for stride in strides_s if strides_t.count(stride) == 1
              and strides_s.count(stride) == 1]
    if not common:
        return ''
    own, other = ([strides.index(stride) for stride in common]
                  for strides in (strides_s, strides_t))
    levels = own if own == other else f'{{student: {own}, teacher: {other}}}'
    return f' (of equal stride are levels: {levels})'


def _float32(feature):
    return feature if feature.dtype == paddle.float32 else feature.astype('float32')


def _taps(feature):
    """tuple of str: the student's and the teacher's sublayer."""
    taps = feature if isinstance(feature, dict) else {'student': feature, 'teacher': feature}
    if set(taps) != {'student', 'teacher'} or not all(isinstance(t, str) for t in taps.values()):
        raise ValueError(f'distill_losses: feature must be a sublayer name or {{student: '
                         f'name, teacher: name}}, got {feature!r}')
    return taps['student'], taps['teacher']


def build_term(entry, method_name, default_loss, student, teacher):
    """Builds what an entry of ``distill_losses`` asks for.

    Args:
        entry (dict): the entry.
        method_name (str): default name of the method's own loss.
        default_loss (str|None): default loss class.
        student (nn.Layer): the student.
        teacher (nn.Layer): the teacher.

    Returns:
        Term: not connected yet.

    Raises:
        ValueError: an unknown loss or option, a value of the wrong kind, or heads that do not fit.
    """
    loss_class, name = _loss_and_name(entry, method_name, default_loss)
    if not issubclass(loss_class, HeadTerm):
        return FeatureTerm(entry, method_name, default_loss)
    return loss_class(student, teacher, name, **_head_options(loss_class, entry))


def _head_options(loss_class, entry):
    """dict: the checked options of an entry with a loss on heads."""
    options = {key: value for key, value in entry.items() if key not in ('loss', 'name')}
    check_options(f'distill_losses: {loss_class.__name__}', options,
                  {'weight': NOT_NEGATIVE, 'unlabelled': FLAG, **loss_class.OPTIONS})
    return options


def adjust_reader(entry, method_name, default_loss, cfg):
    """Checks an entry of ``distill_losses`` before any network is built, and makes the training
    reader provide what it needs besides boxes.

    Args:
        entry (dict): the entry.
        method_name (str): default name of the method's own loss.
        default_loss (str|None): default loss class.
        cfg (dict): ppdet's global configuration; ``TrainReader`` may be changed.

    Raises:
        ValueError: as :func:`build_term`, or a reader that cannot provide it.
    """
    loss_class, _ = _loss_and_name(entry, method_name, default_loss)
    if issubclass(loss_class, HeadTerm):
        loss_class.adjust_reader(cfg, _head_options(loss_class, entry))
    else:
        FeatureTerm(entry, method_name, default_loss)


def _loss_and_name(entry, method_name, default_loss):
    """tuple: the class that an entry names, and what its values are called."""
    if not isinstance(entry, dict):
        raise ValueError(f'distill_losses: every entry must be a mapping like "loss: '
                         f'MGDFeatureLoss", got {entry!r}')
    loss = entry.get('loss', default_loss)
    loss_class = _loss_class(loss)
    if 'name' in entry:
        check_value(f'distill_losses: {loss}: name', entry['name'], NAME)
    usual = method_name if loss == default_loss else re.sub('(Feature)?Loss$', '', loss)
    return loss_class, entry.get('name', usual).lower()


def _loss_class(name):
    section = global_config.get(str(name))
    if _is_distill_loss(section):
        return getattr(section.pymodule, name)
    losses = [key for key, value in global_config.items() if _is_distill_loss(value)]
    # PaddleDetection's FGDFeatureLoss is FGDLoss here, and so on.
    ours = str(name).replace('Feature', '')
    near = did_you_mean(ours if ours in losses else name, losses)
    what = (f'no registered loss "{name}"' if not isinstance(section, SchemaDict) else
            f'{name} is not a loss of distill_losses')
    raise ValueError(f'distill_losses: {what}{near}; known: {", ".join(sorted(losses))}')


def _is_distill_loss(section):
    """Whether a section of the configuration is a class that an entry may name."""
    if not isinstance(section, SchemaDict):
        return False
    loss_class = getattr(section.pymodule, section.name, None)
    return inspect.isclass(loss_class) and (issubclass(loss_class, HeadTerm) or (
        issubclass(loss_class, DistillLoss) and CHANNELS <= set(section.schema)))


def _kind(default):
    """Kind or None: of an option of a loss, by its default."""
    if isinstance(default, bool):
        return FLAG
    if not is_number(default):
        return None
    return NOT_NEGATIVE if default > 0 else NUMBER
