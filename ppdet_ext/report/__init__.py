# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Reports on trained detectors: metrics, thresholds and an HTML page. Needs no Paddle."""
