# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The cost of detection in one image: time, operations, memory."""
import time

import numpy as np
import paddle
from ppdet.core.workspace import create

from ..modeling.cost import count_flops
from .benchmark import peak_megabytes, synchronize

__all__ = ['measure_cost']

WARMUP, STEPS = 3, 30


def measure_cost(trainer):
    """Times the detector of a trainer on images of its evaluation, one at a time.

    Args:
        trainer (Trainer): in mode ``eval``, with weights.

    Returns:
        dict: ``milliseconds`` and ``milliseconds_95``, median and 95th percentile for an image
        that is already loaded, postprocessing included; ``flops`` of its convolutions and linear
        layers, a multiplication and an addition each count; ``memory_megabytes``, peak of the
        process or of the GPU; ``input``, the size of the images.
    """
    # In this process: others, which load further batches, would take up cores meanwhile.
    image = next(iter(create('EvalReader')(trainer.dataset, 0, batch_sampler=[[0]])))
    model = trainer.model
    model.eval()
    seconds = []
    with paddle.no_grad():
        flops = count_flops(model, image)
        for step in range(WARMUP + STEPS):
            start = time.perf_counter()
            model(image)
            synchronize()
            if step >= WARMUP:
                seconds.append(1000 * (time.perf_counter() - start))
    height, width = image['image'].shape[2:]
    return {'milliseconds': float(np.median(seconds)),
            'milliseconds_95': float(np.percentile(seconds, 95)), 'flops': flops,
            'memory_megabytes': peak_megabytes(), 'input': f'{width} x {height}'}
