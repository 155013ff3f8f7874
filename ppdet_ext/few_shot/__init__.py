# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Incremental few-shot detection: sets, head expansion, experiments and their results."""
