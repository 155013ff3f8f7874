# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Export needs a program that Paddle no longer keeps.

Defect: since paddlepaddle 2.6 ``paddle.jit.to_static`` captures a model piece by piece unless it is
told otherwise, and ``Trainer.export`` ends with ``RuntimeError: Can't call main_program when
full_graph=False``.

Patch: it asks for one whole graph.
"""
from . import patching


def patch():
    patching.replace_text('ppdet.engine.trainer', 'Trainer._get_infer_cfg_and_input_spec', {
        'self.model, input_spec=input_spec)': 'self.model, input_spec=input_spec, full_graph=True)'
    })
