# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Access to the heads of detectors for distillation, one adapter per head family."""
import abc

import paddle
from paddle.nn import functional as F
from ppdet.modeling.bbox_utils import delta2bbox, distance2bbox

__all__ = ['HeadAdapter', 'register_head_adapter', 'head_families', 'find_head_adapter',
           'head_adapters']

INSTEAD = 'Take losses of the neck alone, in TSKD with "cross_response: false"'
_adapters = {}


def register_head_adapter(head_class):
    """Class decorator that makes an adapter serve a head.

    Args:
        head_class (str): name of the head's class. Subclasses need adapters of their own: they
            share a name and little else.
    """

    def register(cls):
        _adapters[head_class] = cls
        return cls

    return register


def head_families():
    """list of str: classes of heads that have an adapter."""
    return sorted(_adapters)


def find_head_adapter(model):
    """Finds the head of a detector.

    Args:
        model (nn.Layer): the detector.

    Returns:
        HeadAdapter or None: None where no adapter knows its head.

    Raises:
        ValueError: the head has options that its adapter does not know.
    """
    for name, child in model.named_children():
        if type(child).__name__ in _adapters:
            return _adapters[type(child).__name__](name, child)
    return None


def head_adapters(student, teacher, where):
    """Finds the heads of a pair.

    Args:
        student (nn.Layer): the student.
        teacher (nn.Layer): the teacher.
        where (str): what errors call the term that needs the heads.

    Returns:
        tuple of HeadAdapter: the student's and the teacher's, of one family.

    Raises:
        ValueError: a head without adapter, or heads of two families.
    """
    own, other = (_adapter(model, role, where)
                  for model, role in ((student, 'student'), (teacher, 'teacher')))
    if type(own) is not type(other):
        raise ValueError(f'{where}: the student has a {type(own.head).__name__}, the teacher a '
                         f'{type(other.head).__name__}; both must be of one family. {INSTEAD}')
    return own, other


def _adapter(model, role, where):
    adapter = find_head_adapter(model)
    if adapter is None:
        heads = [type(child).__name__ for name, child in model.named_children() if 'head' in name]
        raise ValueError(f'{where} needs a head of {", ".join(head_families())}; the {role}, '
                         f'{type(model).__name__}, has {", ".join(heads) or "none"}. {INSTEAD}')
    return adapter


class HeadAdapter(abc.ABC):
    """A head of two towers, classification and box, each a stack of convolutions and a predictor.

    Args:
        name (str): dotted name of the head in its detector.
        head (nn.Layer): the head.
    """

    tower = 'conv_feat'  # the sublayer that holds both towers
    predictors = ()  # names of the sublayers that give class scores and boxes
    bins = None  # of the distribution predicted for each side of a box, if the head predicts one
    boxes_by_quality = False  # whether CrossKD divides box terms by the sum of their weights

    def __init__(self, name, head):
        self.name = name
        self.head = head

    @property
    def depth(self):
        """int: convolutions of a tower."""
        return len(self._towers()[0])

    def feature_names(self, index):
        """tuple of str: dotted names of the sublayers after which the towers are cut.

        Args:
            index (int): convolutions before the cut; 0 is the neck's output. The tapped features
                precede the activation, which these heads apply outside the tapped layer.
        """
        if index == 0:
            return 'neck', 'neck'
        names = {id(layer): name for name, layer in self.head.named_sublayers()}
        return tuple(f'{self.name}.{names[id(convs[index - 1])]}' for convs in self._towers())

    def predictor_names(self):
        """tuple of str: dotted names of the sublayers that predict classes and boxes."""
        return tuple(f'{self.name}.{predictor}' for predictor in self.predictors)

    def respond(self, class_feature, box_feature, index):
        """Runs the rest of the head.

        Args:
            class_feature (Tensor): shape [N, C, H, W]; of the classification tower, after the cut.
            box_feature (Tensor): shape [N, C, H, W]; of the box tower.
            index (int): convolutions before the cut.

        Returns:
            tuple of Tensor: what the two predictors return.
        """
        outputs = []
        for feature, convs, predictor in zip((class_feature, box_feature), self._towers(),
                                             self.predictors):
            if index:
                feature = F.relu(feature)
            for conv in convs[index:]:
                feature = F.relu(conv(feature))
            outputs.append(getattr(self.head, predictor)(feature))
        return tuple(outputs)

    def logits(self, scores):
        """Spreads a level's class scores to [R, K]; R rows in the order image, row, column,
        anchor, K classes."""
        return _rows(scores, self.head.num_classes)

    def check_distributions(self, other, where):
        """Refuses heads that do not predict the sides of boxes as distributions over equal bins.

        Args:
            other (HeadAdapter): of the other detector.
            where (str): what errors call the term that compares them.

        Raises:
            ValueError: they are not.
        """
        if self.bins is None or self.bins != other.bins:
            raise ValueError(f'{where} compares the distributions that a GFLHead predicts for the '
                             f'sides of a box; student and teacher have a '
                             f'{type(other.head).__name__} with {other.bins or "none"} and a '
                             f'{type(self.head).__name__} with {self.bins or "none"} (reg_max + 1)')

    @abc.abstractmethod
    def priors(self, scores):
        """list of Tensor: for every level what its boxes are relative to, shape [R / N, 2 or 4].

        Args:
            scores (list of Tensor): class scores of every level.
        """

    @abc.abstractmethod
    def boxes(self, predicted, priors, level):
        """Decodes a level's boxes to pixels.

        Args:
            predicted (Tensor): what the box predictor returned.
            priors (Tensor): of this level.
            level (int): index of the level.

        Returns:
            Tensor: shape [R, 4]; x1, y1, x2, y2.
        """

    @abc.abstractmethod
    def assign(self, batch, priors):
        """Determines which predictions count, and what losses are divided by.

        Args:
            batch (Batch): the batch.
            priors (list of Tensor): of every level.

        Returns:
            tuple: a list with the weights of every level, each a Tensor of shape [R], or None
            where all count alike, and the divisor, 0 in a batch without objects.
        """

    def _towers(self):
        tower = getattr(self.head, self.tower)
        return tower.cls_subnet_convs, tower.reg_subnet_convs


@register_head_adapter('RetinaHead')
class RetinaHeadAdapter(HeadAdapter):
    """RetinaNet: anchors; those between background and object do not count."""

    predictors = ('retina_cls', 'retina_reg')

    def priors(self, scores):
        """Anchors in pixels, shape [R / N, 4]."""
        return self.head.anchor_generator(scores)

    def boxes(self, predicted, priors, level):
        """Deltas to the anchors."""
        anchors = priors.tile([predicted.shape[0], 1])
        return delta2bbox(_rows(predicted, 4), anchors, self.head.weights).reshape([-1, 4])

    def assign(self, batch, priors):
        """The head's own assignment; divided by the number of positive anchors."""
        anchors = paddle.concat(priors)
        labels = paddle.stack([self.head.bbox_assigner(anchors, boxes)[1].flatten()
                               for boxes in batch.gt_boxes])
        positive = (labels == 1).astype('float32').sum()
        weights = (labels != -1).astype('float32')
        return _by_level(weights, priors), positive


class PointHeadAdapter(HeadAdapter):
    """Heads whose boxes are distances from the centres of the cells to the four sides."""

    def priors(self, scores):
        """Centres in pixels, shape [R / N, 2]."""
        return [self._centres(score, stride)
                for score, stride in zip(scores, self.head.fpn_stride)]

    def boxes(self, predicted, priors, level):
        """Distances to the centres."""
        distances = self._distances(self.head.scales_regs[level](predicted))
        distances = distances * float(self.head.fpn_stride[level])
        return distance2bbox(priors.tile([predicted.shape[0], 1]), distances)

    @abc.abstractmethod
    def _centres(self, score, stride):
        """Tensor: shape [H W, 2]; x and y in pixels."""

    @abc.abstractmethod
    def _distances(self, predicted):
        """Tensor: shape [R, 4], in strides."""


@register_head_adapter('FCOSHead')
class FCOSHeadAdapter(PointHeadAdapter):
    """FCOS: all points count; divided by the sum of their centerness."""

    tower = 'fcos_feat'
    predictors = ('fcos_head_cls', 'fcos_head_reg')

    def assign(self, batch, priors):
        """The reader's targets ``labels<level>`` and ``centerness<level>``."""
        inputs = batch.inputs
        centerness = sum((inputs[f'centerness{k}'] * (inputs[f'labels{k}'] > 0).astype('float32')
                          ).sum() for k in range(len(priors)))
        return None, centerness

    def _centres(self, score, stride):
        return self.head._compute_locations_by_level(stride, score, self.head.num_shift)

    def _distances(self, predicted):
        # Without norm_reg_targets the head predicts the logarithm of pixels; the common factor of
        # both boxes of a pair does not change GIoU.
        activate = F.relu if self.head.norm_reg_targets else paddle.exp
        return activate(_rows(predicted, 4))


@register_head_adapter('GFLHead')
class GFLHeadAdapter(PointHeadAdapter):
    """GFL: the distance is the mean of a predicted distribution; divided by the positive cells.

    TSKD's released code does not support GFL; here its terms have the same form. CrossKD's further
    term for GFL, a divergence between the distributions, is an option.
    """

    predictors = ('gfl_head_cls', 'gfl_head_reg')
    boxes_by_quality = True

    def __init__(self, name, head):
        super().__init__(name, head)
        if head.dgqp_module is not None or not head.use_sigmoid:
            raise ValueError('the distillation of heads takes a GFLHead with sigmoid scores and '
                             'without dgqp_module; in TSKD "cross_response: false" does without it')
        self.bins = head.reg_max + 1

    def assign(self, batch, priors):
        """The reader's targets ``label_weights`` and ``pos_num``."""
        weights = batch.inputs['label_weights'].astype('float32')
        positive = batch.inputs['pos_num'].astype('float32').sum()
        return _by_level(weights, priors), positive

    def distributions(self, predicted, level):
        """The logits of the distributions of a level.

        Args:
            predicted (Tensor): what the box predictor returned.
            level (int): index of the level.

        Returns:
            Tensor: shape [R, 4, bins]; R rows in the order image, row, column.
        """
        rows = _rows(self.head.scales_regs[level](predicted), 4 * self.bins)
        return rows.reshape([-1, 4, self.bins])

    def positives(self, batch, priors):
        """The cells that the reader has assigned to a box.

        Args:
            batch (Batch): with the reader's target ``labels``.
            priors (list of Tensor): of every level.

        Returns:
            list of Tensor: of every level, shape [R], 1 for such a cell and 0 for others.
        """
        labels = batch.inputs['labels']
        assigned = paddle.logical_and(labels >= 0, labels < self.head.num_classes)
        return _by_level(assigned.astype('float32'), priors)

    def valuable(self, batch, priors):
        """The cells around the assigned ones that localization distillation calls valuable.

        Args:
            batch (Batch): with the reader's ``vlr_regions``.
            priors (list of Tensor): of every level.

        Returns:
            list of Tensor: of every level, shape [R]; the overlap of a cell with its box, and 0
            outside the region.
        """
        return _by_level(batch.inputs['vlr_regions'].astype('float32'), priors)

    def _centres(self, score, stride):
        y, x = self.head.get_single_level_center_point(score.shape[2:], stride,
                                                       self.head.cell_offset)
        return paddle.stack([x, y], axis=1)

    def _distances(self, predicted):
        rows = _rows(predicted, 4 * self.bins)
        return self.head.distribution_project(rows).reshape([-1, 4])


def _rows(maps, values):
    """Reshapes [N, A * values, H, W] to [N H W A, values]."""
    return maps.transpose([0, 2, 3, 1]).reshape([-1, values])


def _by_level(weights, priors):
    """Splits [N, all priors] into one flat tensor per level."""
    parts = paddle.split(weights, [prior.shape[0] for prior in priors], axis=1)
    return [part.flatten() for part in parts]
