# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Which tap goes into which loss, at which level, with which weight: the YAML's list of terms."""
import inspect
import math

import paddle
from paddle.nn import functional as F
from ppdet.core.config.schema import SchemaDict
from ppdet.core.workspace import global_config

from ..config.values import NOT_NEGATIVE, NUMBER, is_number
from ..utils.suggest import did_you_mean
from .batch import Batch

__all__ = ['FeatureTerm', 'LevelLoss', 'level_names', 'level_shapes']

# Strides up to this are exact in the trial forward.
PROBE_SIZE = 128
TERM_KEYS = ('loss', 'name', 'feature', 'levels', 'weight', 'interpolate')
INTERPOLATIONS = ('nearest', 'bilinear', 'bicubic', 'area')


class FeatureTerm:
    """One entry of ``distill_losses`` in the slim YAML, checked.

    Keys of an entry: ``loss`` (registered class), ``name`` (in the log, default the method's),
    ``feature`` (dotted sublayer, or ``{student: a, teacher: b}``; default ``neck``), ``levels``
    (indices into what the sublayer returns, default all), ``weight`` (default 1),
    ``interpolate`` (mode of ``F.interpolate`` for the student's map where sizes differ); all
    others are options of the loss class.

    Args:
        entry (dict): the entry.
        method_name (str): default name.
        default_loss (str|None): default loss class.

    Raises:
        ValueError: an unknown loss or option, whose near match the message names, or a value of
            another kind than the key takes.
    """

    def __init__(self, entry, method_name, default_loss):
        if not isinstance(entry, dict):
            raise ValueError(f'distill_losses: every entry is a mapping like "loss: '
                             f'MGDFeatureLoss", got {entry!r}')
        self.loss_class = _loss_class(entry.get('loss', default_loss))
        self.name = str(entry.get('name', method_name)).lower()
        self.student_tap, self.teacher_tap = _taps(entry.get('feature', 'neck'))
        self.levels = entry.get('levels')
        self.weight = entry.get('weight', 1.0)
        self.interpolate = entry.get('interpolate')
        self.options = {k: v for k, v in entry.items() if k not in TERM_KEYS}
        self._check_values()
        self._check_options()

    def _check_values(self):
        levels = self.levels
        if levels is not None and not (isinstance(levels, list) and levels and
                                       all(type(level) is int for level in levels)):
            raise ValueError(f'{self.name}: levels is a list of indices, counted from 0, like '
                             f'[0, 1], got {levels!r}')
        if not NOT_NEGATIVE.fits(self.weight):
            raise ValueError(f'{self.name}: weight is {NOT_NEGATIVE.words}, got {self.weight!r}')
        if self.interpolate is not None and self.interpolate not in INTERPOLATIONS:
            raise ValueError(f'{self.name}: interpolate is one of {", ".join(INTERPOLATIONS)}, '
                             f'got {self.interpolate!r}')

    def _check_options(self):
        known = dict(inspect.signature(self.loss_class.__init__).parameters)
        known.pop('self')
        for key, value in self.options.items():
            if key in ('student_channels', 'teacher_channels'):
                raise ValueError(f'distill_losses: delete {key} from {self.loss_class.__name__}: '
                                 f'channels are read from the built models')
            if key not in known:
                allowed = (*TERM_KEYS, *(k for k in known if not k.endswith('_channels')))
                raise ValueError(
                    f'distill_losses: "{key}" is no option of {self.loss_class.__name__}'
                    f'{did_you_mean(key, allowed)}; known: {", ".join(allowed)}')
            default = known[key].default
            kind = NOT_NEGATIVE if is_number(default) and default > 0 else NUMBER
            if is_number(default) and not kind.fits(value):
                raise ValueError(f'distill_losses: {key} of {self.loss_class.__name__} is '
                                 f'{kind.words}, got {value!r}')
        missing = [key for key, parameter in known.items() if key not in self.options and
                   parameter.default is parameter.empty and not key.endswith('_channels') and
                   parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
        if missing:
            raise ValueError(f'distill_losses: {self.loss_class.__name__} needs '
                             f'{", ".join(missing)}')

    def build(self, shapes_s, shapes_t):
        """Builds the term's losses, one a level.

        Args:
            shapes_s (list of tuple): (channels, stride) of every level of the student's tap.
            shapes_t (list of tuple): the same of the teacher's.

        Returns:
            dict of str to LevelLoss: keyed by the name in the log, without the prefix
            ``distill_``.

        Raises:
            ValueError: levels, channels or sizes that do not fit.
        """
        losses = {}
        names = level_names([stride for _, stride in shapes_s])
        for level in self._chosen_levels(shapes_s, shapes_t):
            (channels_s, stride_s), (channels_t, stride_t) = shapes_s[level], shapes_t[level]
            where = f'{self.name}, level {level}'
            if stride_s != stride_t and not self.interpolate:
                raise ValueError(
                    f'{where}: student "{self.student_tap}" has stride {stride_s:g}, teacher '
                    f'"{self.teacher_tap}" {stride_t:g}; choose matching levels, or set '
                    f'"interpolate: bilinear" in this entry')
            layer = self.loss_class(student_channels=channels_s, teacher_channels=channels_t,
                                    **self.options)
            losses[f'{self.name}_{names[level]}'] = LevelLoss(self, level, names[level], layer)
        return losses

    def _chosen_levels(self, shapes_s, shapes_t):
        count_s, count_t = len(shapes_s), len(shapes_t)
        if self.levels is None and count_s != count_t:
            raise ValueError(
                f'{self.name}: student "{self.student_tap}" has {count_s} levels, teacher '
                f'"{self.teacher_tap}" {count_t}; name the ones to compare with "levels: [0, ...]"')
        levels = range(count_s) if self.levels is None else self.levels
        bad = [level for level in levels if not 0 <= level < min(count_s, count_t)]
        if bad:
            raise ValueError(f'{self.name}: levels {bad} do not exist; student '
                             f'"{self.student_tap}" has {count_s}, teacher "{self.teacher_tap}" '
                             f'{count_t}, counted from 0')
        return levels


class LevelLoss:
    """One loss layer with the place its two feature maps come from.

    Its ``forward`` takes the student's and the teacher's map, and of the batch what else it names
    (``Batch.ARGUMENTS``). It returns a scalar, or a dict of scalars whose ``loss`` is the sum of
    the others.
    """

    def __init__(self, term, level, level_name, layer):
        self.term = term
        self.level = level
        self.level_name = level_name
        self.layer = layer
        asked = inspect.signature(layer.forward).parameters
        self.batch_arguments = [name for name in Batch.ARGUMENTS if name in asked]

    @property
    def total_weight(self):
        """float: what the raw loss is multiplied with in all."""
        return self.term.weight * getattr(self.layer, 'term_weight', 1.0)

    def terms(self, student_taps, teacher_taps, batch):
        """dict of str to Tensor: this level's weighted terms, by name."""
        arguments = {name: getattr(batch, name) for name in self.batch_arguments}
        losses = self.layer(*self.features(student_taps, teacher_taps), **arguments)
        name = self.term.name
        if not isinstance(losses, dict):
            return {f'{name}_{self.level_name}': self.term.weight * losses}
        return {f'{name}_{part}_{self.level_name}': self.term.weight * value
                for part, value in losses.items() if part != 'loss'}

    def features(self, student_taps, teacher_taps):
        """tuple of Tensor: the student's and the teacher's map, in float32, of one size."""
        feature_s = _float32(student_taps[self.term.student_tap][self.level])
        feature_t = _float32(teacher_taps[self.term.teacher_tap][self.level])
        if self.term.interpolate and feature_s.shape[2:] != feature_t.shape[2:]:
            feature_s = F.interpolate(feature_s, feature_t.shape[2:], mode=self.term.interpolate)
        return feature_s, feature_t.detach()


def level_shapes(tap, names):
    """Reads channels and strides of tapped features off a trial forward on a blank image.

    Args:
        tap (FeatureTap): taps of a detector, which is left in the mode it was in.
        names (iterable of str): the tapped sublayers.

    Returns:
        dict of str to list of tuple: (channels, stride in pixels) of every level.
    """
    model = tap.model
    training = model.training
    model.eval()
    tap.run({'image': paddle.zeros([1, 3, PROBE_SIZE, PROBE_SIZE]),
             'im_shape': paddle.full([1, 2], PROBE_SIZE, dtype='float32'),
             'scale_factor': paddle.ones([1, 2])})
    shapes = {name: [_shape(name, feature) for feature in tap[name]] for name in names}
    tap.clear()
    if training:
        model.train()
    return shapes


def _shape(name, feature):
    if feature.ndim != 4:
        raise ValueError(f'sublayer "{name}" returns a tensor of shape {feature.shape}; only '
                         f'feature maps [N, C, H, W] can be distilled')
    return feature.shape[1], PROBE_SIZE / feature.shape[2]


def _float32(feature):
    return feature if feature.dtype == paddle.float32 else feature.astype('float32')


def level_names(strides):
    """Names levels as FPN's are: p3 for stride 8; l<index> where that is not the level's alone.

    Args:
        strides (list of float): of every level, in pixels.

    Returns:
        list of str: the names.
    """
    exponents = [math.log2(stride) for stride in strides]
    return [f'p{exponent:.0f}' if exponent.is_integer() and exponents.count(exponent) == 1
            else f'l{level}' for level, exponent in enumerate(exponents)]


def _taps(feature):
    """tuple of str: the student's and the teacher's sublayer."""
    taps = feature if isinstance(feature, dict) else {'student': feature, 'teacher': feature}
    if set(taps) != {'student', 'teacher'} or not all(isinstance(t, str) for t in taps.values()):
        raise ValueError(f'distill_losses: feature is a sublayer name or {{student: name, '
                         f'teacher: name}}, got {feature!r}')
    return taps['student'], taps['teacher']


def _loss_class(name):
    section = global_config.get(str(name))
    if not isinstance(section, SchemaDict):
        losses = [key for key, value in global_config.items()
                  if isinstance(value, SchemaDict) and key.endswith('Loss')]
        raise ValueError(f'distill_losses: no registered loss "{name}"{did_you_mean(name, losses)}')
    if not {'student_channels', 'teacher_channels'} <= set(section.schema):
        raise ValueError(f'distill_losses: {name} compares no feature maps: a loss here takes '
                         f'student_channels and teacher_channels')
    return getattr(section.pymodule, name)
