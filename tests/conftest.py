# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Has ppdet_ext imported before any test module imports paddle."""
import ppdet_ext  # noqa: F401
