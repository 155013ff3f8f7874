# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Records what named sublayers of a detector return, without changing the detector."""
import difflib

import paddle

__all__ = ['FeatureTap']


class _AllRecorded(Exception):
    """Ends a forward pass whose remaining layers are not needed."""


class FeatureTap:
    """Context manager that records the outputs of sublayers during one forward pass.

    Entering clears the records and hooks the sublayers, leaving unhooks them: outside the ``with``
    block the model is untouched.

    Args:
        model (nn.Layer): the detector.
        names (iterable of str): dotted names of its sublayers (``neck``, ``backbone.res4`` ...).

    Raises:
        ValueError: a name is not a sublayer of ``model``; the message lists the nearest names.

    Attributes:
        asked (list of str): the names, as often as they were added.
    """

    def __init__(self, model, names=()):
        self._model = model
        self.asked = []
        self._layers = {}
        self._calls = {}
        self._handles = []
        self.add(names)

    @property
    def model(self):
        """nn.Layer: the detector."""
        return self._model

    def add(self, names):
        """Taps further sublayers, in addition to those already tapped.

        Args:
            names (iterable of str): dotted names.

        Raises:
            ValueError: a name is not a sublayer.
        """
        names = list(names)
        self._layers.update({name: _find_sublayer(self._model, name) for name in names})
        self.asked += names

    def __enter__(self):
        self._calls = {name: [] for name in self._layers}
        for name, layer in self._layers.items():
            hook = self._recorder(name)
            self._handles.append(layer.register_forward_post_hook(hook))
        return self

    def __exit__(self, *exception):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def __getitem__(self, name):
        """list of Tensor: one entry per level; of a layer called once per level, its calls."""
        return [tensor for output in self._calls[name] for tensor in _tensors(name, output)]

    def leaves(self):
        """dict of str to list of Tensor: the records, detached from the layers they came from, as
        leaves that take gradients."""
        return {name: [_leaf(tensor) for tensor in self[name]] for name in self._calls}

    def replay(self, features):
        """Replaces recorded features.

        Args:
            features (dict of str to list of Tensor): as ``leaves`` gives them.
        """
        self._calls = dict(features)

    def clear(self):
        """Releases the recorded tensors."""
        self._calls = {}

    def run(self, inputs):
        """Runs the model without gradient, only as far as the tapped sublayers.

        The model runs to the end of the child that contains the last of them: a head that calls a
        layer once per level has then called it for all levels.

        Args:
            inputs (dict): a batch, as the model's own ``forward`` takes it.

        Raises:
            ValueError: the forward pass never reaches one of the sublayers.
        """
        with self, paddle.no_grad():
            self._end_after({name.split('.')[0] for name in self._layers})
            try:
                # Some detectors modify the dictionary that they are given.
                self._model(dict(inputs))
            except _AllRecorded:
                pass
        missed = [name for name, calls in self._calls.items() if not calls]
        if missed:
            raise ValueError(f'{type(self._model).__name__}.forward never runs its sublayer(s) '
                             f'{", ".join(missed)}: no feature can be taken from there')

    def calls(self):
        """dict of str to int: how often each sublayer was called in what is recorded."""
        return {name: len(outputs) for name, outputs in self._calls.items()}

    def follow(self, inputs, calls):
        """Runs the model, with gradient, until some sublayers have been called a number of times.

        A detector whose forward computes its losses ends before it would need labels.

        Args:
            inputs (dict): a batch, possibly without labels, which some detectors modify.
            calls (dict of str to int): of tapped sublayers, as ``calls`` gives them after a whole
                forward in the same mode.

        Raises:
            ValueError: the forward pass needs a label before it reaches one of the sublayers.
        """
        with self:
            self._end_after_calls(calls)
            try:
                self._model(inputs)
            except _AllRecorded:
                pass
            except KeyError as error:
                raise ValueError(
                    f'{type(self._model).__name__}.forward needs {error} of the labels before it '
                    f'reaches {", ".join(calls)}: no feature of an unlabelled image can be taken '
                    f'from there; set "unlabelled: false" in the entry that taps it') from error

    def _recorder(self, name):
        def record(layer, inputs, output):
            self._calls[name].append(output)

        return record

    def _end_after(self, children):
        """Hooks children of the model so that its forward ends when all of them have run."""
        unfinished = set(children)
        for child in children:

            def end(layer, inputs, output, child=child):
                unfinished.discard(child)
                if not unfinished:
                    raise _AllRecorded

            self._handles.append(getattr(self._model, child).register_forward_post_hook(end))

    def _end_after_calls(self, calls):
        """Hooks sublayers, after their recorders, to end the forward with the last call."""

        def end(layer, inputs, output):
            if all(len(self._calls[name]) >= calls[name] for name in calls):
                raise _AllRecorded

        for name in calls:
            self._handles.append(self._layers[name].register_forward_post_hook(end))


def _find_sublayer(model, name):
    sublayers = dict(model.named_sublayers())
    if name in sublayers:
        return sublayers[name]
    near = difflib.get_close_matches(name, sublayers, n=5, cutoff=0.4)
    near = near or [child for child, _ in model.named_children()]
    raise ValueError(f'{type(model).__name__} has no sublayer "{name}"; near names: '
                     f'{", ".join(near)}')


def _leaf(tensor):
    tensor = tensor.detach()
    tensor.stop_gradient = False
    return tensor


def _tensors(name, output):
    if isinstance(output, paddle.Tensor):
        return [output]
    if not isinstance(output, (dict, list, tuple)):
        raise ValueError(f'sublayer "{name}" returns {type(output).__name__}, from which no '
                         f'feature can be taken')
    parts = output.values() if isinstance(output, dict) else output
    return [tensor for part in parts for tensor in _tensors(name, part)]
