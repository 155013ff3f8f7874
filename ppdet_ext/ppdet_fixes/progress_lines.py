# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Evaluation and inference do not show how much is left.

Defect: evaluation logs the number of every hundredth batch, without total
or time. Inference over a folder shows a bar for detecting, which in a log file
is one endless line, and none for drawing, but a line for every image. Any Paddle.

Patch: both show ``progress()``, in the first process only.
"""
from ..compat import patching

CALLBACKS = 'ppdet.engine.callbacks'
TRAINER = 'ppdet.engine.trainer'


def patch():
    from ..utils.progress import progress
    patching.replace_text(CALLBACKS, 'LogPrinter.on_step_end', {
        'logger.info("Eval iter': 'logger.debug("Eval iter'})
    patching.expect_text(TRAINER, 'Trainer._eval_with_loader', 'in enumerate(loader)')
    patching.wrap(TRAINER, 'Trainer._eval_with_loader', _show_evaluation)
    patching.replace_text(TRAINER, 'Trainer.predict', {
        'in enumerate(tqdm(loader))': "in enumerate(progress(loader, 'detecting', 'batch'))",
        'for outs in results:': "for outs in progress(results, 'drawing', 'batch'):",
        'logger.info("Detection bbox results save': 'logger.debug("Detection bbox results save',
    })
    patching.find(TRAINER, 'Trainer.predict')[2].__globals__['progress'] = progress


def _show_evaluation(evaluate, self, loader):
    import paddle.distributed as dist

    from ..utils.progress import progress
    first = dist.get_rank() == 0
    return evaluate(self, progress(loader, 'evaluation', 'batch') if first else loader)
