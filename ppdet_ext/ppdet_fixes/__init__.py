# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""Defects of paddledet 2.6.0 under any Paddle, one module per defect.

Each module patches its defect in memory and raises ``ImportError`` when what it patches is not as
in the supported paddledet.
"""
import functools
import importlib

__all__ = ['apply']

PATCHES = ('boxes_beyond_image', 'decoded_images', 'distill_evaluation', 'distill_parameters',
         'downloaded_archives', 'drawn_labels', 'empty_assignment', 'evaluated_names',
         'fcos_background', 'frozen_teacher', 'loss_meters', 'named_classes', 'pan_levels',
         'pillow_textsize', 'progress_lines', 'reader_epochs', 'reader_errors', 'text_files',
         'valuable_region', 'visualdl_writer', 'weights_files', 'yaml_files', 'yaml_numbers')


@functools.cache
def apply():
    """Patches ppdet; a second call does nothing.

    Raises:
        ImportError: the installed paddledet is not the supported one.
    """
    for name in PATCHES:
        importlib.import_module(f'{__name__}.{name}').patch()
