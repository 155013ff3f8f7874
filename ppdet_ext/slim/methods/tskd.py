# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Triple semantic-aware distillation: relation and expert terms on the neck, response of heads."""
from ppdet.utils.logger import setup_logger

from ...compat.low_precision import keep_float32
from ..batch import Batch
from ..cross_response import build_cross_response
from ..distill_model import DistillModel
from ..factory import register_distill_method
from ..head_access import find_head_adapter, head_families

__all__ = ['TSKDDistillModel']

logger = setup_logger('ppdet.engine')

ABSENT = object()


@register_distill_method('TSKD')
class TSKDDistillModel(DistillModel):
    """TSKD (Wen et al., Computers in Industry 166 (2025), 104252).

    Dual-relation and decoupled expert distillation work for any detector with a neck. The
    cross-response term, the slim YAML's section ``cross_response``, needs a head of a known
    family; ``cross_response: false`` leaves it out, and without the key it runs where it can.

    Raises:
        ValueError: as ``DistillModel``, and what ``CrossResponse`` raises.
    """

    default_loss = 'TSKDFeatureLoss'
    method_keys = (*DistillModel.method_keys, 'cross_response')

    def __init__(self, cfg, slim_config_path):
        super().__init__(cfg, slim_config_path)
        self._add_cross_response(self.slim_config.content.get('cross_response', ABSENT))

    def _add_cross_response(self, options):
        if options is ABSENT:
            options = {} if self._heads_are_known() else False
        if options is False:
            return
        options = {} if options is None else options  # the key alone, without options
        term = build_cross_response(self.student_model, self.teacher_model, options)
        term.connect(self.student_taps, self.teacher_taps)
        keep_float32(term)
        self.distill_losses['cross_response'] = term

    def _heads_are_known(self):
        known = all(find_head_adapter(m) for m in (self.student_model, self.teacher_model))
        if not known:
            logger.info(f'TSKD runs without its cross-response term: that needs a head of '
                        f'{", ".join(head_families())}')
        return known

    def distill_terms(self, inputs):
        """The terms of the feature losses, and those of the cross response."""
        terms = super().distill_terms(inputs)
        if 'cross_response' in self.distill_losses:
            response = self.distill_losses['cross_response'](self.student_taps, self.teacher_taps,
                                                             Batch(inputs))
            terms.update({f'tskd_{name}': value for name, value in response.items()})
        return terms

    def logged_terms(self, terms):
        """One entry a term, summed over the levels: ``tskd_fg`` for ``tskd_fg_p3`` and so on."""
        logged = {}
        for name, value in terms.items():
            term = name.rsplit('_', 1)[0]
            logged[term] = logged[term] + value if term in logged else value
        return logged
