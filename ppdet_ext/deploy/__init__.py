# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""A detector leaves the laboratory: export, comparison with the eager model, quantisation."""
