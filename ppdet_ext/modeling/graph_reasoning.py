# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Graph reasoning over the pixels of a map and over the instances of a batch."""
import math

import paddle
from paddle import nn
from paddle.nn import functional as F
from paddle.nn.initializer import Constant

from .initializers import uniform_fan_in

__all__ = ['GloReUnit2D', 'InstanceGraph']

# As in TSKD's released graph unit.
EPSILON = 1e-4


class GloReUnit2D(nn.Layer):
    """Global reasoning unit: projects a map onto graph nodes, reasons there, projects back.

    Chen et al., Graph-Based Global Reasoning Networks, CVPR 2019, as TSKD uses it. Weights start
    as in TSKD's released code, uniform within 1/sqrt(fan in). The batch norm always uses the
    statistics of the current map, in evaluation too, and keeps no running ones: so does that code,
    which builds a new unit at every call.

    Args:
        in_channels (int): C, channels of the map.
        mid_channels (int): M, nodes of the graph; each has a state of 2M values.
        normalize (bool): whether a node's state is an average over the map, not a sum.

    Raises:
        ValueError: fewer than one node.
    """

    def __init__(self, in_channels, mid_channels, normalize=True):
        super().__init__()
        if mid_channels < 1:
            raise ValueError(f'GloReUnit2D needs at least one node, got mid_channels '
                             f'{mid_channels} for {in_channels} channels')
        self.normalize = normalize
        states = 2 * mid_channels
        self.conv_state = nn.Conv2D(in_channels, states, 1, **uniform_fan_in(in_channels))
        self.conv_proj = nn.Conv2D(in_channels, mid_channels, 1, **uniform_fan_in(in_channels))
        self.gcn = GraphConvolution(states, mid_channels)
        self.conv_extend = nn.Conv2D(states, in_channels, 1, **uniform_fan_in(states, bias=False))
        self.blocker = BatchStatisticsNorm(in_channels)

    def forward(self, x):
        """Reasons over a map.

        Args:
            x (Tensor): shape [N, C, H, W].

        Returns:
            Tensor: shape [N, C, H, W].
        """
        height, width = x.shape[2:]
        state = self.conv_state(x).flatten(2)
        projection = self.conv_proj(x).flatten(2)
        nodes = paddle.matmul(state, projection, transpose_y=True)
        if self.normalize:
            nodes = nodes / (height * width)
        pixels = paddle.matmul(self.gcn(nodes), projection)
        pixels = pixels.reshape([0, 0, height, width])
        return x + self.blocker(self.conv_extend(pixels))


class GraphConvolution(nn.Layer):
    """Mixes the nodes of a graph, then their states.

    Args:
        num_state (int): values of a node's state.
        num_node (int): nodes.
    """

    def __init__(self, num_state, num_node):
        super().__init__()
        self.conv1 = nn.Conv1D(num_node, num_node, 1, **uniform_fan_in(num_node))
        self.conv2 = nn.Conv1D(num_state, num_state, 1, **uniform_fan_in(num_state, bias=False))

    def forward(self, nodes):
        """Maps [N, states, nodes] to the same shape."""
        mixed = self.conv1(nodes.transpose([0, 2, 1])).transpose([0, 2, 1])
        return self.conv2(F.relu(nodes + mixed))


class BatchStatisticsNorm(nn.Layer):
    """Batch norm with the statistics of the current batch, without running ones.

    Args:
        channels (int): C.
    """

    def __init__(self, channels):
        super().__init__()
        self.weight = self.create_parameter([channels], default_initializer=Constant(1.0))
        self.bias = self.create_parameter([channels], is_bias=True)

    def forward(self, x):
        """Maps [N, C, H, W] to the same shape."""
        mean, variance = paddle.zeros_like(self.bias), paddle.ones_like(self.weight)
        return F.batch_norm(x, mean, variance, self.weight, self.bias, training=True,
                            epsilon=EPSILON)


class InstanceGraph(nn.Layer):
    """Graph reasoning whose nodes are the instances of a batch, as many as there are.

    TSKD's released code makes the R instances the channels of a ``GloReUnit2D``, whose weights
    then depend on R, so that it needs new random ones in every batch. Here the state of a node is
    its pooled map, the edges are the similarity of the states (softmax over scaled products of
    the standardised states), and the only weights mix the states: they fit any number of
    instances. As in ``GloReUnit2D`` the graph step has a skip connection and a ReLU, and what is
    added to the input is standardised for each instance.

    Args:
        num_state (int): cells of a pooled map.
    """

    def __init__(self, num_state):
        super().__init__()
        self.num_state = num_state
        self.state = nn.Linear(num_state, num_state, **uniform_fan_in(num_state, bias=False))

    def forward(self, x):
        """Reasons over instances.

        Args:
            x (Tensor): shape [1, R, H, W] with H W = ``num_state``; R pooled instances.

        Returns:
            Tensor: shape [1, R, H, W].
        """
        nodes = x.flatten(2)
        standard = self._standardise(nodes)
        similarity = paddle.matmul(standard, standard, transpose_y=True)
        edges = F.softmax(similarity / math.sqrt(self.num_state), axis=-1)
        mixed = self.state(F.relu(nodes + paddle.matmul(edges, nodes)))
        return x + self._standardise(mixed).reshape(x.shape)

    def _standardise(self, nodes):
        return F.layer_norm(nodes, self.num_state, epsilon=EPSILON)
