# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The card of an exported model holds metrics of its own weights only."""
import json

import paddle
import pytest

from ppdet_ext.deploy.export import _metrics
from ppdet_ext.utils.fingerprint import fingerprint


@pytest.mark.parametrize('of, reason', [('these', None), ('others', 'was made with other weights'),
                                        (None, 'does not exist')])
def test_metrics_are_those_of_the_weights(tmp_path, log, of, reason):
    states = {name: {'b.weight': paddle.full([2, 2], value), 'a.bias': paddle.ones([2])}
              for name, value in (('these', 1.0), ('others', 2.0))}
    weights = tmp_path / 'best_model.pdparams'
    paddle.save(states['these'], str(weights))
    metrics = {'mAP': 0.5, 'fingerprint': fingerprint(states[of])} if of else None
    if metrics:
        (tmp_path / 'metrics.json').write_text(json.dumps(metrics))
    assert _metrics(str(weights)) == (metrics if of == 'these' else None)
    assert [text for _, text in log if reason and reason in text] == [
        text for _, text in log], 'one sentence, or none'
    assert len(log) == bool(reason)
