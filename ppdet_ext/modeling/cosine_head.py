# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Box head of a two-stage detector that classifies by cosine similarity."""
import paddle
from paddle import nn
from paddle.nn.initializer import Constant, Normal
from ppdet.core.workspace import register
from ppdet.modeling.cls_utils import _get_class_default_kwargs
from ppdet.modeling.heads import BBoxHead
from ppdet.modeling.heads.roi_extractor import RoIAlign

__all__ = ['CosineClassifier', 'CosineSimBBoxHead', 'cosine_logits']


def cosine_logits(x, weight, scale=20.0, eps=1e-5, class_axis=0):
    """Scaled cosine between feature vectors and the weight vector of every class.

    Wang et al., Frustratingly Simple Few-Shot Object Detection, ICML 2020. Both are divided by
    their norm inside the graph, so that the weight gets the gradient of its direction. (The
    released code of DKAN instead overwrites the weight at every forward, outside the graph.)

    Args:
        x (Tensor): shape [R, D]; R vectors of D values. A zero vector gives zeros.
        weight (Tensor): shape [K, D]; K classes. [D, K] with ``class_axis`` 1.
        scale (float|Tensor): factor of the cosine.
        eps (float): added to every norm.
        class_axis (int): axis of the weight that indexes the classes.

    Returns:
        Tensor: shape [R, K].
    """
    return scale * paddle.matmul(_direction(x, eps), _direction(weight, eps, 1 - class_axis),
                                 transpose_y=class_axis == 0)


def _direction(vectors, eps, axis=1):
    return vectors / (paddle.linalg.norm(vectors, axis=axis, keepdim=True) + eps)


class CosineClassifier(nn.Layer):
    """The last layer of a classifier, without bias; its weight has the layout of ``nn.Linear``.

    Args:
        in_features (int): D, values of a feature vector.
        out_features (int): K, classes.
        scale (float): factor of the cosine.
        eps (float): added to every norm.
        learnable_scale (bool): whether the scale trains.
    """

    def __init__(self, in_features, out_features, scale=20.0, eps=1e-5, learnable_scale=False):
        super().__init__()
        self.eps = eps
        self.weight = self.create_parameter([in_features, out_features],
                                            default_initializer=Normal(0.0, 0.01))
        self.scale = scale if not learnable_scale else self.create_parameter(
            [1], default_initializer=Constant(scale))

    def forward(self, x):
        """Tensor: logits of shape [R, K] for feature vectors of shape [R, D]."""
        # A transposed weight has a strided gradient, which DataParallel leaves unaveraged.
        return cosine_logits(x, self.weight, self.scale, self.eps, class_axis=1)


@register
class CosineSimBBoxHead(BBoxHead):
    """``BBoxHead`` that classifies by cosine similarity, for few-shot detection.

    Wang et al., Frustratingly Simple Few-Shot Object Detection, ICML 2020. Everything but the
    classifier, and a box regressor shared by the classes, is ``BBoxHead``'s. Since only directions
    count, a few examples cannot lengthen a class's weight vector and so drown out the classes
    learned from many.

    Args:
        head (nn.Layer): from RoI features to feature vectors.
        in_channel (int): D, values of a feature vector.
        roi_extractor (dict|nn.Layer): pools the boxes.
        bbox_assigner (object): labels and samples the boxes.
        with_pool (bool): whether RoI features are averaged over their cells.
        num_classes (int): classes without the background, which is the last column.
        bbox_weight (list of float): scales of the box deltas.
        bbox_loss (nn.Layer|None): loss of the boxes; None is L1 on the deltas.
        loss_normalize_pos (bool): as in ``BBoxHead``.
        scale (float): factor of the cosine.
        eps (float): added to every norm.
        learnable_scale (bool): whether the scale trains.
        cls_agnostic_bbox_reg (bool): whether all classes share one box regressor.
    """

    __shared__ = ['num_classes']
    __inject__ = ['bbox_assigner', 'bbox_loss']

    def __init__(self,
                 head,
                 in_channel,
                 roi_extractor=_get_class_default_kwargs(RoIAlign),  # noqa: B008
                 bbox_assigner='BBoxAssigner',
                 with_pool=False,
                 num_classes=80,
                 bbox_weight=(10., 10., 5., 5.),
                 bbox_loss=None,
                 loss_normalize_pos=False,
                 scale=20.0,
                 eps=1e-5,
                 learnable_scale=False,
                 cls_agnostic_bbox_reg=False):
        super().__init__(head, in_channel, roi_extractor, bbox_assigner, with_pool, num_classes,
                         list(bbox_weight), bbox_loss, loss_normalize_pos, loss_cot=None)
        self.bbox_score = CosineClassifier(in_channel, num_classes + 1, scale, eps,
                                           learnable_scale)
        self.bbox_score.skip_quant = True
        if cls_agnostic_bbox_reg:
            self.bbox_delta = nn.Linear(in_channel, 4, weight_attr=Normal(0.0, 0.001))
            self.bbox_delta.skip_quant = True
