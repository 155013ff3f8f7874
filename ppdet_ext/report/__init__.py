# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""What trained detectors do on the test images: metrics, thresholds and a page. Needs no Paddle."""
