# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Some of many."""

__all__ = ['spread']


def spread(items, count):
    """list: ``count`` items at equal distances, or all of fewer; the first is among them."""
    count = min(count, len(items))
    return [items[k * len(items) // count] for k in range(count)]
