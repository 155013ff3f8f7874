# Copyright (c) 2026 The ppdet_ext Authors. All Rights Reserved.
# SPDX-License-Identifier: Apache-2.0
"""The name of a video in a config is run by the shell.

Defect: ``MOTImageFolder`` puts ``video_file`` and ``frame_rate`` unquoted into
a command for the shell. On any Paddle.

Mend: what the shell would not take for one word is refused.
"""
import shlex

from ..compat import patching

MODULES = ('ppdet.data.source.mot', 'ppdet.data.source')  # the second has imported it


def mend():
    for module in MODULES:
        patching.expect_text(module, 'video2frames', 'os.system(cmd)')
        patching.wrap(module, 'video2frames', _refuse_commands)


def _refuse_commands(video2frames, *args, **kwargs):
    for word in (*args, *kwargs, *kwargs.values()):
        if shlex.quote(str(word)) != str(word):
            raise ValueError(f'video_file or frame_rate is {word!r}, which would be a command to '
                             f'the shell; use letters, digits, - _ . and / only')
    return video2frames(*args, **kwargs)
