# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Triple semantic-aware distillation: the terms that compare feature maps."""
import paddle
from ppdet.core.workspace import register

from ...modeling import GloReUnit2D, InstanceGraph
from ...utils.options import POSITIVE, check_value, integer
from .. import functional
from .aligned_loss import AlignedLoss

__all__ = ['TSKDFeatureLoss']


@register
class TSKDFeatureLoss(AlignedLoss):
    """Relation, expert and structure terms of one feature level in TSKD.

    Wen et al., A Triple Semantic-aware Knowledge Distillation Network for Industrial Defect
    Detection, Computers in Industry 166 (2025), 104252. Terms: ``fg`` and ``bg`` (decoupled expert
    distillation), ``se`` (its structure term), ``ins_rea`` and ``pixel_rea`` (dual-relation
    distillation). All compare the aligned map. Uses the ground-truth boxes. The defaults are the
    released code's; the paper was not available.

    What differs from the released code: docs/tskd.md, "What differs".

    Args:
        student_channels (int): channels of the student's map.
        teacher_channels (int): channels of the teacher's map.
        temp (float): temperature of the attention.
        alpha_fg (float): weight of the foreground term; an alpha of 0 switches a term off.
        alpha_bg (float): weight of the background term.
        alpha_ins_rea (float): weight of the instance relation.
        alpha_pixel_rea (float): weight of the pixel relation.
        alpha_se (float): weight of the structure term.
        roi_output_size (int): cells of a pooled box in each direction.
        loss_weight (float): further factor of every term.
        train_graph (bool): whether the graph units train with the student. Fixed ones are closest
            to the released code, without its noise.
        clip_boxes (bool): whether pooled boxes are clipped to the map; see
            ``functional.instance_relation``.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self,
                 student_channels=256,
                 teacher_channels=256,
                 temp=0.5,
                 alpha_fg=5e-4,
                 alpha_bg=5e-4,
                 alpha_ins_rea=5e-4,
                 alpha_pixel_rea=5e-4,
                 alpha_se=5e-4,
                 roi_output_size=6,
                 loss_weight=1.0,
                 train_graph=False,
                 clip_boxes=False):
        alphas = {'fg': alpha_fg, 'bg': alpha_bg, 'ins_rea': alpha_ins_rea,
                  'pixel_rea': alpha_pixel_rea, 'se': alpha_se}
        weights = {name: loss_weight * alpha for name, alpha in alphas.items()}
        super().__init__(weights, student_channels, teacher_channels, any(weights.values()))
        check_value('TSKDFeatureLoss: temp', temp, POSITIVE)
        check_value('TSKDFeatureLoss: roi_output_size', roi_output_size, integer(1))
        self.temp = temp
        self.roi_output_size = roi_output_size
        self.clip_boxes = clip_boxes
        self.pixel_graph = self.instance_graph = None
        if self.weights['pixel_rea']:
            self.pixel_graph = GloReUnit2D(teacher_channels, max(teacher_channels // 2, 1))
        if self.weights['ins_rea']:
            self.instance_graph = InstanceGraph(roi_output_size**2)
        for graph in (self.pixel_graph, self.instance_graph):
            for parameter in graph.parameters() if graph else ():
                parameter.stop_gradient = not train_graph

    def raw_values(self, preds_s, preds_t, gt_boxes, image_shapes):
        """Computes the terms of one level.

        Args:
            preds_s (Tensor): the student's map, shape [N, C_s, H, W].
            preds_t (Tensor): the teacher's map, shape [N, C_t, H, W]; gets no gradient.
            gt_boxes (list of Tensor): N tensors of shape [n_i, 4]; x1, y1, x2, y2 in pixels of
                the network's input. May be empty.
            image_shapes (Tensor): shape [N, 2]; height and width in pixels of what the maps
                cover: of the padded batch, where there is padding. (The released code takes the
                unpadded sizes, which shifts the boxes.)

        Returns:
            dict of str to Tensor: scalars ``fg``, ``bg``, ``ins_rea``, ``pixel_rea`` and ``se``;
            zero for a term that is switched off.

        Raises:
            ValueError: the shapes fit neither the other map nor the layer's channels.
        """
        preds_s, preds_t = self.aligned(preds_s, preds_t)
        weights, raw = self.weights, {name: paddle.zeros([]) for name in self.weights}
        if weights['fg'] or weights['bg']:
            raw['fg'], raw['bg'] = functional.foreground_background_error(
                preds_s, preds_t, gt_boxes, image_shapes, self.temp)
        if weights['ins_rea']:
            raw['ins_rea'] = self._instances(preds_s, preds_t, gt_boxes, image_shapes)
        if weights['pixel_rea']:
            raw['pixel_rea'] = functional.pixel_relation(preds_s, preds_t, self.pixel_graph)
        if weights['se']:
            raw['se'] = (1.0 - functional.structural_similarity(preds_s, preds_t)) / 2.0
        return raw

    def _instances(self, preds_s, preds_t, gt_boxes, image_shapes):
        relation = functional.instance_relation(
            preds_s, preds_t, gt_boxes, image_shapes, self.instance_graph, self.temp,
            self.roi_output_size, self.clip_boxes)
        # With several processes every trained parameter needs a gradient, even without instances.
        for parameter in self.instance_graph.parameters():
            if not parameter.stop_gradient:
                relation = relation + 0.0 * parameter.sum()
        return relation
