# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Triple semantic-aware distillation: relation and expert terms on the neck, response of heads."""
from ppdet.utils.logger import setup_logger

from ..build import ConfiguredDistillModel
from ..cross_response import build_cross_response
from ..factory import register_distill_method
from ..head_access import find_head_adapter, head_families

__all__ = ['TSKDDistillModel']

logger = setup_logger('ppdet.engine')

ABSENT = object()


@register_distill_method('TSKD')
class TSKDDistillModel(ConfiguredDistillModel):
    """TSKD (Wen et al., Computers in Industry 166 (2025), 104252).

    Dual-relation and decoupled expert distillation work for any detector with a neck. The
    cross-response term, the slim YAML's section ``cross_response``, needs a head of a known
    family; ``cross_response: false`` leaves it out, and without the key it runs where it can.

    Raises:
        ValueError: as ``ConfiguredDistillModel``, and what ``CrossKDLoss`` raises.
    """

    default_loss = 'TSKDFeatureLoss'
    method_keys = (*ConfiguredDistillModel.method_keys, 'cross_response')

    def build_terms(self, student, teacher, slim):
        """Builds the entries of ``distill_losses`` and the cross response."""
        terms = super().build_terms(student, teacher, slim)
        options = slim.content.get('cross_response', ABSENT)
        if options is ABSENT:
            options = {}
            if not all(map(find_head_adapter, (student, teacher))):
                logger.info(f'TSKD runs without its cross-response term: that needs a head of '
                            f'{", ".join(head_families())}')
                return terms
        if options is False:
            return terms
        options = {} if options is None else options  # the key alone, without options
        return [*terms, build_cross_response(student, teacher, options, name='tskd')]
