# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Loads weights and reports which tensors matched."""
import os
import re
import urllib.error
import urllib.request

import numpy as np
import paddle
from ppdet.utils.checkpoint import is_url, match_state_dict
from ppdet.utils.download import WEIGHTS_HOME, get_weights_path, map_path, parse_url
from ppdet.utils.logger import setup_logger

from ..safe_io import torch_file
from ..safe_io.safe_pickle import load_state
from ..utils.suggest import did_you_mean, near_file
from .pretrained import BACKBONE, PACKAGES, backbone_tensors, packaged_weights

__all__ = ['load_tensors', 'load_weights', 'resolve_weights']

logger = setup_logger('ppdet.engine')

CONNECTION_TIMEOUT = 10  # seconds
NUMBERS = 'biufc'  # NumPy's letters for kinds of numbers
RESNET_STAGE = re.compile(rf'{re.escape(BACKBONE)}res\d')


def resolve_weights(weights):
    """Finds the file of weights, downloading it when it is a URL that is not cached.

    Args:
        weights (str): path with or without ``.pdparams``, path of a PyTorch file (``.pth``,
            ``.pt``), URL, or the name of a backbone whose weights an installed package carries
            (``efficientnet_lite0``).

    Returns:
        str: path of the file.

    Raises:
        FileNotFoundError: no such file, or the package is not installed.
        ValueError: no path.
        ConnectionError: the URL cannot be reached.
    """
    if not isinstance(weights, str):
        raise ValueError(f'the weights are {weights!r}, expected a path; set "weights" in the '
                         f'config or give -o weights=PATH')
    if is_url(weights):
        return _downloaded(weights)
    if weights in PACKAGES:
        return packaged_weights(weights)
    is_whole = weights.endswith(('.pdparams', *torch_file.SUFFIXES))
    path = weights if is_whole else f'{weights}.pdparams'
    if not os.path.isfile(path):
        raise FileNotFoundError(f'weights not found: {path}; correct the path'
                                f'{_others(weights, path)}, or train '
                                f'them')
    return path


def _others(weights, path):
    """str: weights that may be meant, in brackets, or nothing."""
    inside = near_file(os.path.join(weights, '.pdparams')) if os.path.isdir(weights) else ''
    return inside or near_file(path) or did_you_mean(weights, PACKAGES)


def _downloaded(url):
    address = parse_url(url)
    cached = map_path(address, WEIGHTS_HOME)
    if not os.path.exists(cached):
        # ppdet would retry for minutes before it gives up.
        try:
            urllib.request.urlopen(address, timeout=CONNECTION_TIMEOUT).close()
        except (urllib.error.URLError, OSError) as error:
            raise ConnectionError(
                f'cannot download {address} ({error}). Give a local file (pretrain_weights in the '
                f'YAML, or -o pretrain_weights=PATH), put it at {cached}, or train from scratch '
                f'with -o pretrain_weights=null') from error
    return get_weights_path(url)


def load_tensors(path):
    """Reads a ``.pdparams`` file, or a backbone that PyTorch saved.

    Returns:
        dict of str to ndarray: the tensors by name; of a PyTorch file those of the backbone, by
        the names they have in a detector.

    Raises:
        ValueError: something else is in it, or as
            :func:`ppdet_ext.safe_io.safe_pickle.load_state`,
            :func:`ppdet_ext.safe_io.torch_file.load_torch_state` and
            :func:`ppdet_ext.modeling.pretrained.backbone_tensors` say.
    """
    if is_torch_file(path):
        state = backbone_tensors(torch_file.load_torch_state(path), path)
    else:
        state = load_state(path, return_numpy=True)
    for name, value in state.items():
        if isinstance(value, np.ndarray) and value.dtype == np.uint16:
            # Paddle stores bfloat16 as 16-bit integers.
            value = state[name] = (value.astype(np.uint32) << 16).view(np.float32)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in NUMBERS:
            kind = getattr(value, 'dtype', type(value).__name__)
            raise ValueError(f'{path}: {name!r} is of type {kind}, expected a tensor; save the '
                             f'weights again with paddle.save(model.state_dict(), path)')
    return state


def is_torch_file(path):
    """bool: whether a file of weights is PyTorch's, by its name."""
    return path.endswith(torch_file.SUFFIXES)


def load_weights(model, weights, role, minimum=0.0):
    """Loads tensors that match by name and shape, as PaddleDetection does, and logs how many did.

    The backbone of a PyTorch file has to match completely, apart from stages that the model lacks.

    Args:
        model (nn.Layer): a detector.
        weights (str): path, URL or name, as :func:`resolve_weights` takes it.
        role (str): what the model is called in the report.
        minimum (float): fraction of the model's tensors that must load.

    Raises:
        ValueError: fewer tensors than ``minimum`` fit, or none; one is not finite; or the file is
            refused, as :func:`load_tensors` says.
    """
    path = resolve_weights(weights)
    target, tensors = model.state_dict(), load_tensors(path)
    if is_torch_file(path):
        matched = _matched_backbone(target, tensors, path)
    else:
        matched = match_state_dict(target, tensors)
    missing = [key for key in target if key not in matched]
    report = f'{role}: {len(matched)} of {len(target)} tensors loaded from {path}'
    if missing:
        report += f'; not in the file or of another shape: {", ".join(missing[:5])}'
        report += f' and {len(missing) - 5} more' if len(missing) > 5 else ''
    if not matched or len(matched) < minimum * len(target):
        needed = f'At least {minimum:.0%}' if minimum else 'Some'
        raise ValueError(f'{report}. {needed} must fit: is this the file of the model that the '
                         f'YAML describes?')
    broken = [key for key, value in matched.items() if not np.isfinite(value).all()]
    if broken:
        raise ValueError(f'{path}: {len(broken)} of {len(matched)} tensors are not finite, first '
                         f'{broken[0]}; the training that wrote it has diverged: give another file')
    for key, value in matched.items():
        target[key].set_value(paddle.to_tensor(value).astype(target[key].dtype))
    if is_torch_file(path):
        report = f'{role}: {len(matched)} of {len(matched)} backbone tensors loaded from {path}'
    logger.info(report)


def _matched_backbone(target, tensors, path):
    """dict: the tensors of a backbone; raises ValueError where the file is of another one."""
    names = [name for name in target if name.startswith(BACKBONE)]
    for name in names:
        expected = list(target[name].shape)
        found = list(tensors[name].shape) if name in tensors else 'no such tensor'
        if found != expected:
            raise ValueError(f'{path} is of another network than the backbone that the YAML '
                             f'describes: {name} has shape {expected} there, and in the file '
                             f'{found}; give the file of that backbone, or change the YAML')
    if not names:
        raise ValueError(f'{path} holds a backbone, and this model has none')
    stages = {match[0] for match in map(RESNET_STAGE.match, names) if match}
    for name in tensors:  # of a deeper ResNet, whose other tensors fit
        stage = RESNET_STAGE.match(name)
        if stage and stage[0] in stages and name not in target:
            raise ValueError(f'{path} is of a deeper network than the backbone that the YAML '
                             f'describes, which has no {name}; give the file of that backbone, or '
                             f'change the YAML')
    return {name: tensors[name] for name in names}
